/* SPDX-License-Identifier: MIT */
/*
 * The permissions of a section; see permissions.h. What a pattern may look like is known to pattern.c.
 */
#include "policy/permissions.h"

#include "policy/grants.h"
#include "policy/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct place place_at(const struct place *line, size_t at)
{
	struct place place = *line;

	place.column = (unsigned)at + 1;
	return place;
}

const struct draft_permission *draft_permission(const struct draft_section *section, const char *name)
{
	const struct draft_permission *permission = section->permissions;

	while (permission != NULL && strcmp(permission->name, name) < 0)
		permission = permission->next;
	return permission != NULL && strcmp(permission->name, name) == 0 ? permission : NULL;
}

/* Find a permission or add an empty one, in the order of names. Returns NULL where there is no memory. */
static struct draft_permission *find_or_add(struct draft_section *section, const char *name)
{
	struct draft_permission **at = &section->permissions, *permission;
	size_t size = strlen(name) + 1;

	while (*at != NULL && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	if (*at != NULL && strcmp((*at)->name, name) == 0)
		return *at;
	permission = calloc(1, sizeof(*permission) + size);
	if (permission == NULL)
		return NULL;
	memcpy(permission->name, name, size);
	permission->last = &permission->first;
	permission->next = *at;
	*at = permission;
	return permission;
}

static void clear_grants(struct draft_permission *permission)
{
	while (permission->first != NULL) {
		struct draft_grant *next = permission->first->next;

		free(permission->first);
		permission->first = next;
	}
	permission->last = &permission->first;
}

void permissions_free(struct draft_section *section)
{
	while (section->permissions != NULL) {
		struct draft_permission *next = section->permissions->next;

		clear_grants(section->permissions);
		free(section->permissions);
		section->permissions = next;
	}
}

static void add_grant(struct draft *draft, struct draft_permission *permission, const char *pattern, unsigned line)
{
	size_t size = strlen(pattern) + 1;
	struct draft_grant *grant = malloc(sizeof(*grant) + size);

	if (grant == NULL) {
		draft->failure = -ENOMEM;
		return;
	}
	*grant = (struct draft_grant){.file = (unsigned)draft->file_count, .line = line};
	memcpy(grant->pattern, pattern, size);
	*permission->last = grant;
	permission->last = &grant->next;
}

/* What "=" and "+=" in one section of one file may not do. */
static void check_order(struct draft *draft, const struct draft_permission *permission, const struct line *line,
                        const struct place *place)
{
	struct place at = place_at(place, line->word_at);
	unsigned file = (unsigned)draft->file_count;

	if (line->is_added)
		return;
	if (permission->set_file == file)
		complain_error(draft->complaints, &at,
		               "'%s' stands in this section twice; the first is on line %u; '+=' adds to it",
		               line->word, permission->set_line);
	else if (permission->added_file == file)
		complain_error(draft->complaints, &at, "'%s' was added to on line %u, which this would undo",
		               line->word, permission->added_line);
}

static void begin(struct draft *draft, struct draft_permission *permission, const struct line *line, unsigned number)
{
	if (line->is_added) {
		permission->added_file = (unsigned)draft->file_count;
		permission->added_line = number;
	} else {
		clear_grants(permission);
		permission->replaces = true;
		permission->set_file = (unsigned)draft->file_count;
		permission->set_line = number;
	}
}

/* A pattern as it counts: two that mean the same look the same then. */
static void format_pattern(char out[GRANTS_FORMAT_SIZE], const struct pattern *pattern)
{
	grants_format(out, GRANTS_FORMAT_SIZE,
	              &(struct grant){
			  .kind = pattern->kind,
			  .pattern = pattern->text,
			  .pattern_length = pattern->length,
			  .port_low = pattern->port_low,
			  .port_high = pattern->port_high,
			  .prefix = pattern->prefix,
		      });
}

static void add_elements(struct draft *draft, struct draft_permission *permission, const struct line *line,
                         const struct place *place)
{
	enum target_class class = target_class_of(line->word, strlen(line->word));
	struct grants_error error;
	char normal[GRANTS_FORMAT_SIZE];
	struct pattern pattern;
	struct place at;
	struct list list;
	int result;

	list_begin(&list, line, place->source);
	while ((result = list_next(&list)) > 0) {
		if (pattern_read(&pattern, class, list.element, &error) == 0) {
			format_pattern(normal, &pattern);
			add_grant(draft, permission, normal, place->line);
			continue;
		}
		at = place_at(place, list_place(&list, error.at));
		complain_error(draft->complaints, &at, "%s", error.text);
	}
	if (result < 0) {
		at = place_at(place, list.element_at);
		complain_error(draft->complaints, &at, "%s", list.fault);
	}
}

void permissions_set(struct draft *draft, const struct line *line, const struct place *place)
{
	struct place at = place_at(place, line->word_at);
	const char *known = keys_nearest_permission(line->word);
	struct draft_permission *permission;
	struct grants_error error;

	if (grants_check_permission(line->word, &error) < 0) {
		at.column += (unsigned)error.at;
		complain_error(draft->complaints, &at, "%s", error.text);
		return;
	}
	if (known != NULL)
		complain_warning(draft->complaints, &at, "'%s' is a permission of its own; did you mean '%s'?",
		                 line->word, known);
	permission = find_or_add(draft->into, line->word);
	if (permission == NULL) {
		draft->failure = -ENOMEM;
		return;
	}
	check_order(draft, permission, line, place);
	begin(draft, permission, line, place->line);
	add_elements(draft, permission, line, place);
}
