/* SPDX-License-Identifier: MIT */
/*
 * A draft of a policy; see draft.h.
 *
 * Complaints point at the word that is wrong. After one the reading goes on as if the word had been right where that
 * finds further mistakes, and skips what would only follow from the first one.
 */
#include "policy/draft.h"

#include "policy/headings.h"
#include "policy/permissions.h"
#include "policy/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct place place_at(const struct place *line, size_t at)
{
	struct place place = *line;

	place.column = (unsigned)at + 1;
	return place;
}

/* ---- Beginning and end ------------------------------------------------------------------------------------------- */

static void value_free(struct draft_value *value)
{
	free(value->text);
	free(value);
}

static void section_clear(struct draft_section *section)
{
	while (section->values != NULL) {
		struct draft_value *next = section->values->next;

		value_free(section->values);
		section->values = next;
	}
	permissions_free(section);
	free(section->name);
}

void draft_init(struct draft *draft, struct complaints *complaints, bool is_manifest)
{
	*draft = (struct draft){
	    .complaints = complaints,
	    .is_manifest = is_manifest,
	    .segment = {.kind = is_manifest ? SECTION_MANIFEST : SECTION_SEGMENT},
	    .fallback = {.kind = is_manifest ? SECTION_QUOTA : SECTION_DEFAULT},
	    .section = SECTION_NONE,
	};
}

void draft_free(struct draft *draft)
{
	sections_free(&draft->by_name);
	while (draft->first != NULL) {
		struct draft_section *next = draft->first->next;

		section_clear(draft->first);
		free(draft->first);
		draft->first = next;
	}
	section_clear(&draft->segment);
	section_clear(&draft->fallback);
	for (size_t i = 0; i < draft->file_count; i++)
		free(draft->files[i]);
	free(draft->files);
}

const char *draft_begin_file(struct draft *draft, const char *path)
{
	char **files = reallocarray(draft->files, draft->file_count + 1, sizeof(*files));
	char *name;

	if (files == NULL) {
		draft->failure = -ENOMEM;
		return NULL;
	}
	draft->files = files;
	name = strdup(path);
	if (name == NULL) {
		draft->failure = -ENOMEM;
		return NULL;
	}
	draft->files[draft->file_count++] = name;
	draft->section = SECTION_NONE;
	draft->is_skipping = false;
	memset(draft->section_line, 0, sizeof(draft->section_line));
	return name;
}

/* ---- Looking ----------------------------------------------------------------------------------------------------- */

struct draft_section *draft_find(const struct draft *draft, enum section kind, bool is_pattern, const char *name)
{
	return sections_find(&draft->by_name, kind, is_pattern, name);
}

const struct draft_value *draft_value(const struct draft_section *section, enum key key)
{
	const struct draft_value *value = section->values;

	if ((section->has >> key & 1) == 0)
		return NULL;
	while (value->key != key)
		value = value->next;
	return value;
}

/* ---- Sections ---------------------------------------------------------------------------------------------------- */

void draft_skip_section(struct draft *draft)
{
	draft->section = SECTION_NONE;
	draft->is_skipping = true;
}

/* Append a section that nobody has named before. Returns NULL where there is no memory. */
static struct draft_section *section_add(struct draft *draft, enum section kind, const struct heading_name *name,
                                         const struct place *place)
{
	struct draft_section *section = calloc(1, sizeof(*section));

	if (section == NULL)
		return NULL;
	section->kind = kind;
	section->is_pattern = name->is_pattern;
	section->name = strdup(name->text);
	section->head = (struct place){.file = place->file, .line = place->line, .column = place->column};
	section->head_file = (unsigned)draft->file_count;
	if (section->name == NULL || sections_add(&draft->by_name, section) < 0) {
		free(section->name);
		free(section);
		return NULL;
	}
	if (draft->last == NULL)
		draft->first = section;
	else
		draft->last->next = section;
	draft->last = section;
	return section;
}

static void complain_of_second(struct draft *draft, const struct line *line, const struct place *place, unsigned first)
{
	struct place at = place_at(place, line->word_at);

	complain_error(draft->complaints, &at, "this section stands in the file twice; the first is on line %u", first);
}

static void enter_named(struct draft *draft, enum section kind, const struct heading_name *name,
                        const struct line *line, const struct place *place)
{
	struct draft_section *section = draft_find(draft, kind, name->is_pattern, name->text);
	struct place head = place_at(place, line->value_at);

	if (section == NULL)
		section = section_add(draft, kind, name, &head);
	else if (section->file == draft->file_count)
		complain_of_second(draft, line, place, section->line);
	if (section == NULL) {
		draft->failure = -ENOMEM;
		return;
	}
	if (section->file != draft->file_count) {
		section->file = (unsigned)draft->file_count;
		section->line = place->line;
	}
	draft->into = section;
}

static void enter_single(struct draft *draft, enum section kind, const struct line *line, const struct place *place)
{
	struct place at = place_at(place, line->value_at);

	if (line->has_value)
		complain_error(draft->complaints, &at, "%s takes no name", keys_section_title(kind));
	if (draft->section_line[kind] > 0)
		complain_of_second(draft, line, place, draft->section_line[kind]);
	else
		draft->section_line[kind] = place->line;
	draft->into = kind == SECTION_SEGMENT || kind == SECTION_MANIFEST ? &draft->segment : &draft->fallback;
}

static void complain_of_section(struct draft *draft, const struct line *line, const struct place *place)
{
	char quote[COMPLAIN_QUOTE_SIZE];
	struct place at = place_at(place, line->word_at);
	enum section nearest = keys_nearest_section(line->word, draft->is_manifest);

	complain_quote(quote, line->word, strlen(line->word));
	if (keys_find_section(line->word, !draft->is_manifest) < SECTIONS)
		complain_error(draft->complaints, &at, "[%s] is for %s; %s has %s", quote,
		               draft->is_manifest ? "policies" : "manifests of components",
		               draft->is_manifest ? "a manifest" : "a policy", keys_all_sections(draft->is_manifest));
	else if (nearest < SECTIONS)
		complain_error(draft->complaints, &at, "unknown section '%s'; did you mean %s?", quote,
		               keys_section_title(nearest));
	else
		complain_error(draft->complaints, &at, "unknown section '%s'; there are %s", quote,
		               keys_all_sections(draft->is_manifest));
}

void draft_enter(struct draft *draft, const struct line *line, const struct place *place)
{
	enum section section = keys_find_section(line->word, draft->is_manifest);
	struct heading_name name;

	memset(draft->key_line, 0, sizeof(draft->key_line));
	draft_skip_section(draft);
	if (section == SECTIONS) {
		complain_of_section(draft, line, place);
		return;
	}
	if (keys_is_named(section)) {
		if (!headings_read(&name, section, line, place, draft->complaints))
			return;
		enter_named(draft, section, &name, line, place);
	} else {
		enter_single(draft, section, line, place);
	}
	draft->section = section;
	draft->is_skipping = draft->failure < 0;
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static void complain_of_key(struct draft *draft, enum key key, const char *word, const struct place *place)
{
	enum section section = draft->section;
	const char *nearest = keys_nearest(word, section);
	const char *title = keys_section_title(section);
	char quote[COMPLAIN_QUOTE_SIZE];

	complain_quote(quote, word, strlen(word));
	if (section == SECTION_QUOTA && (keys_is_setting_name(word) || keys_belongs(key, SECTION_DEFAULT)) &&
	    key != KEY_PERMISSION)
		complain_error(draft->complaints, place, "'%s' is up to the host's policy; a manifest asks for limits",
		               quote);
	else if (key < KEYS)
		complain_error(draft->complaints, place, "'%s' does not belong in %s; it is a key of %s", quote, title,
		               keys_sections_of(key, draft->is_manifest));
	else if (key == KEY_PERMISSION)
		complain_error(draft->complaints, place, "permissions do not belong in %s; they stand in %s", title,
		               draft->is_manifest ? "[capabilities]" : keys_sections_of(KEY_GROUP, false));
	else if (keys_is_setting_name(word) && section != SECTION_QUOTA)
		complain_error(draft->complaints, place, "'%s' is said of one resource: messages.%s", quote, quote);
	else if (nearest != NULL)
		complain_error(draft->complaints, place, "unknown key '%s'; did you mean '%s'?", quote, nearest);
	else
		complain_error(draft->complaints, place, "unknown key '%s'; %s takes %s", quote, title,
		               keys_section_list(section));
}

/* Returns false where a key has no business here, after complaining. */
static bool check_key(struct draft *draft, enum key key, const char *word, const struct place *place)
{
	enum setting setting;
	int resource;

	if (!keys_belongs(key, draft->section)) {
		complain_of_key(draft, key, word, place);
		return false;
	}
	if (keys_is_setting(key, &resource, &setting) && !keys_has_setting(resource, setting)) {
		complain_error(draft->complaints, place,
		               "'%s' is for rates; %s is not one, it is kept until it is released", word,
		               shmq_resource_name(resource));
		return false;
	}
	return true;
}

/* Complain of a key that stands in the section twice. */
static void check_second(struct draft *draft, enum key key, const char *word, const struct place *place)
{
	const char *name = keys_name(key);

	if (draft->key_line[key] == 0)
		draft->key_line[key] = place->line;
	else if (strcmp(word, name) == 0)
		complain_error(draft->complaints, place, "'%s' stands in this section twice; the first is on line %u",
		               word, draft->key_line[key]);
	else
		complain_error(draft->complaints, place,
		               "'%s' is '%s', which stands in this section twice; the first is on line %u", word, name,
		               draft->key_line[key]);
}

/* Put a value in the place of an earlier file's. */
static void keep_value(struct draft_section *section, struct draft_value *value)
{
	struct draft_value **at = &section->values;

	while (*at != NULL && (*at)->key != value->key)
		at = &(*at)->next;
	if (*at != NULL) {
		struct draft_value *old = *at;

		value->next = old->next;
		value_free(old);
	}
	*at = value;
	section->has |= UINT64_C(1) << value->key;
}

/* Copy a value to where it stays, with its line. Takes over the text. */
static void store_value(struct draft *draft, const struct draft_value *read)
{
	size_t size = strlen(read->place.source) + 1;
	struct draft_value *value = malloc(sizeof(*value) + size);

	if (value == NULL) {
		free(read->text);
		draft->failure = -ENOMEM;
		return;
	}
	*value = *read;
	memcpy(value->source, read->place.source, size);
	value->place.source = value->source;
	keep_value(draft->into, value);
}

static void warn_of_mode(struct draft *draft, const struct draft_value *value)
{
	if (value->key == KEY_MODE && (value->number & 2) != 0)
		complain_warning(draft->complaints, &value->place,
		                 "with mode %04o every user of this machine may falsify the usage",
		                 (unsigned)value->number);
}

static void set_value(struct draft *draft, enum key key, const struct line *line, const struct place *place)
{
	struct draft_value value = {
	    .key = key, .file = (unsigned)draft->file_count, .place = place_at(place, line->value_at)};
	struct units_fault fault = {0};
	int result;

	if (line->is_added || line->is_list) {
		complain_error(draft->complaints, &value.place, "'%s' takes one value; lists are for permissions",
		               line->word);
		return;
	}
	result = values_read(&value, key, line->value, &fault);
	if (result == -ENOMEM) {
		draft->failure = -ENOMEM;
	} else if (result < 0) {
		value.place = place_at(place, line_value_place(line, place->source, fault.at));
		complain_error(draft->complaints, &value.place, "%s", fault.text);
	} else {
		warn_of_mode(draft, &value);
		store_value(draft, &value);
	}
}

static void complain_of_lost_key(struct draft *draft, const struct place *place)
{
	if (!draft->is_skipping)
		complain_error(draft->complaints, place, "a key must stand in a section: %s",
		               keys_all_sections(draft->is_manifest));
	draft->is_skipping = true;
}

void draft_set(struct draft *draft, const struct line *line, const struct place *place)
{
	struct place key_place = place_at(place, line->word_at);
	struct place value_place = place_at(place, line->value_at);
	enum key key;

	if (draft->section == SECTION_NONE) {
		complain_of_lost_key(draft, &key_place);
		return;
	}
	key = keys_find(line->word, draft->section);
	if (!check_key(draft, key, line->word, &key_place))
		return;
	if (key != KEY_PERMISSION)
		check_second(draft, key, line->word, &key_place);
	if (line->value[0] == '\0')
		complain_error(draft->complaints, &value_place, "'%s' has no value", line->word);
	else if (key == KEY_PERMISSION)
		permissions_set(draft, line, place);
	else
		set_value(draft, key, line, place);
}
