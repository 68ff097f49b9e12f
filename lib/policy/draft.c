/* SPDX-License-Identifier: MIT */
/*
 * A draft of a policy; see draft.h.
 *
 * Complaints point at the word that is wrong. After one the reading goes on as if the word had been right where that
 * finds further mistakes, and skips what would only follow from the first one.
 */
#include "policy/draft.h"

#include "policy/settings.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static struct place place_at(const struct place *line, size_t at)
{
	struct place place = *line;

	place.column = (unsigned)at + 1;
	return place;
}

/* Remember a place beyond its line. */
static void place_keep(struct draft *draft, struct place *kept, const struct place *place)
{
	char *source = strdup(place->source);

	free((char *)(uintptr_t)kept->source);
	*kept = *place;
	kept->source = source;
	if (source == NULL)
		draft->failure = -ENOMEM;
}

static void place_free(struct place *place)
{
	free((char *)(uintptr_t)place->source);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct draft_component *)a)->name, ((const struct draft_component *)b)->name);
}

static void keep_node(void *node)
{
	(void)node;
}

static void quota_free(struct draft_quota *quota)
{
	place_free(&quota->cpu_place);
	place_free(&quota->period_place);
}

static void component_free(struct draft_component *component)
{
	quota_free(&component->quota);
	free(component->name);
	free(component);
}

void draft_init(struct draft *draft, struct complaints *complaints)
{
	*draft = (struct draft){.complaints = complaints, .options = SHMQ_OPTIONS_DEFAULT};
}

void draft_free(struct draft *draft)
{
	tdestroy(draft->index, keep_node);
	while (draft->first != NULL) {
		struct draft_component *next = draft->first->next;

		component_free(draft->first);
		draft->first = next;
	}
	quota_free(&draft->fallback);
	place_free(&draft->components_place);
	free(draft->segment_name);
}

void draft_begin_file(struct draft *draft)
{
	draft->file++;
	draft->section = SECTION_NONE;
	draft->is_skipping = false;
	memset(draft->section_line, 0, sizeof(draft->section_line));
}

void draft_skip_section(struct draft *draft)
{
	draft->section = SECTION_NONE;
	draft->is_skipping = true;
}

/* ---- Sections ---------------------------------------------------------------------------------------------------- */

/* Append a component that nobody has named before. Returns NULL where there is no memory. */
static struct draft_component *component_add(struct draft *draft, const char *name)
{
	struct draft_component *component = calloc(1, sizeof(*component));

	if (component == NULL)
		return NULL;
	component->name = strdup(name);
	if (component->name == NULL || tsearch(component, &draft->index, compare_names) == NULL) {
		component_free(component);
		return NULL;
	}
	if (draft->last == NULL)
		draft->first = component;
	else
		draft->last->next = component;
	draft->last = component;
	draft->count++;
	return component;
}

static void complain_of_second(struct draft *draft, const struct line *line, const struct place *place, unsigned first)
{
	struct place at = place_at(place, line->word_at);

	complain_error(draft->complaints, &at, "this section stands in the file twice; the first is on line %u", first);
}

static void enter_component(struct draft *draft, const struct line *line, const struct place *place)
{
	struct draft_component wanted = {.name = (char *)(uintptr_t)line->value};
	void *found = tfind(&wanted, &draft->index, compare_names);
	struct draft_component *component = found == NULL ? NULL : *(struct draft_component **)found;

	if (component == NULL)
		component = component_add(draft, line->value);
	else if (component->file == draft->file)
		complain_of_second(draft, line, place, component->line);
	if (component == NULL) {
		draft->failure = -ENOMEM;
		return;
	}
	if (component->file != draft->file) {
		component->file = draft->file;
		component->line = place->line;
	}
	draft->quota = &component->quota;
}

/* The first byte of a name that cannot stand in one, or the name's length. */
static size_t find_bad_character(const char *name, size_t length)
{
	size_t at = 0, bytes;

	while (at < length && (bytes = complain_character(name + at, length - at)) > 0)
		at += bytes;
	return at;
}

/* Returns false where there is no such name, after complaining. */
static bool check_component_name(struct draft *draft, const struct line *line, const struct place *place)
{
	const char *name = line->value;
	size_t length = strlen(name), bad = find_bad_character(name, length);
	struct place at = place_at(place, length == 0 ? line->word_at : line->value_at);

	if (length == 0) {
		complain_error(draft->complaints, &at, "a component needs a name: [component:NAME]");
	} else if (bad < length) {
		at = place_at(place, line_value_place(line, place->source, bad));
		complain_error(draft->complaints, &at, "a name is UTF-8 without control characters; this byte is not");
	} else if (length > SHMQ_NAME_MAX) {
		complain_error(draft->complaints, &at, "this name has %zu bytes; a component's name has 1 to %d",
		               length, SHMQ_NAME_MAX);
	} else if (!line->is_quoted && (name[0] == ' ' || name[length - 1] == ' ')) {
		at = place_at(place, line->value_at + (name[0] == ' ' ? 0 : length - 1));
		complain_error(draft->complaints, &at,
		               "a blank at the edge of a name; remove it, or write the name in double quotes");
	} else {
		return true;
	}
	return false;
}

static void complain_of_section(struct draft *draft, const struct line *line, const struct place *place)
{
	char quote[COMPLAIN_QUOTE_SIZE];
	struct place at = place_at(place, line->word_at);
	enum section nearest = keys_nearest_section(line->word);

	complain_quote(quote, line->word, strlen(line->word));
	if (nearest < SECTIONS)
		complain_error(draft->complaints, &at, "unknown section '%s'; did you mean %s?", quote,
		               keys_section_title(nearest));
	else
		complain_error(draft->complaints, &at,
		               "unknown section '%s'; there are [segment], [default] and [component:NAME]", quote);
}

void draft_enter(struct draft *draft, const struct line *line, const struct place *place)
{
	enum section section = keys_find_section(line->word);
	struct place at = place_at(place, line->value_at);

	memset(draft->key_line, 0, sizeof(draft->key_line));
	draft_skip_section(draft);
	if (section == SECTIONS) {
		complain_of_section(draft, line, place);
		return;
	}
	if (section == SECTION_COMPONENT) {
		if (!check_component_name(draft, line, place))
			return;
		enter_component(draft, line, place);
	} else {
		if (line->has_value)
			complain_error(draft->complaints, &at, "%s takes no name", keys_section_title(section));
		if (draft->section_line[section] > 0)
			complain_of_second(draft, line, place, draft->section_line[section]);
		else
			draft->section_line[section] = place->line;
		draft->quota = &draft->fallback;
	}
	draft->section = section;
	draft->is_skipping = draft->failure < 0;
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

/* Returns false where a key has no business here, after complaining. */
static bool check_key(struct draft *draft, enum key key, const char *word, const struct place *place)
{
	enum section section = draft->section;
	char quote[COMPLAIN_QUOTE_SIZE];
	enum key nearest;

	if (key < KEYS && keys_belongs(key, section))
		return true;
	complain_quote(quote, word, strlen(word));
	nearest = keys_nearest(word, section);
	if (key < KEYS)
		complain_error(draft->complaints, place, "'%s' does not belong in %s; it is a key of %s", quote,
		               keys_section_title(section),
		               key < KEY_LIMITS ? "[segment]" : "[default] and [component:NAME]");
	else if (nearest < KEYS)
		complain_error(draft->complaints, place, "unknown key '%s'; did you mean '%s'?", quote,
		               keys_name(nearest));
	else
		complain_error(draft->complaints, place, "unknown key '%s'; %s takes %s", quote,
		               keys_section_title(section), keys_section_list(section));
	return false;
}

static int set_mode(struct draft *draft, const char *value, const struct place *place, struct units_fault *fault)
{
	int result = settings_read_mode(&draft->options.mode, value, fault);

	if (result == 0 && (draft->options.mode & 2) != 0)
		complain_warning(draft->complaints, place,
		                 "with mode %04o every user of this machine may falsify the usage",
		                 draft->options.mode);
	return result;
}

static int set_segment_name(struct draft *draft, const char *value, struct units_fault *fault)
{
	int result = settings_check_name(value, fault);

	if (result < 0)
		return result;
	free(draft->segment_name);
	draft->segment_name = strdup(value);
	if (draft->segment_name == NULL)
		draft->failure = -ENOMEM;
	return 0;
}

static int set_components(struct draft *draft, const char *value, const struct place *place, struct units_fault *fault)
{
	int result = settings_read_count(&draft->options.components, SHMQ_COMPONENTS_MAX, value, fault);

	if (result == 0)
		place_keep(draft, &draft->components_place, place);
	return result;
}

static int set_reset_period(struct draft *draft, const char *value, const struct place *place,
                            struct units_fault *fault)
{
	int result = units_read_period(&draft->quota->reset_period_ns, value, fault);

	if (result == 0)
		place_keep(draft, &draft->quota->period_place, place);
	return result;
}

static int set_limit(struct draft *draft, enum shmq_resource resource, const char *value, const struct place *place,
                     struct units_fault *fault)
{
	struct draft_quota *quota = draft->quota;
	int result = units_read_limit(&quota->limit[resource], resource, value, fault);

	quota->is_given[resource] = result == 0;
	if (result == 0 && resource == SHMQ_CPU)
		place_keep(draft, &quota->cpu_place, place);
	return result;
}

/* `place` is the value's. Returns 0 or a negative errno with the fault filled. */
static int set_value(struct draft *draft, enum key key, const char *value, const struct place *place,
                     struct units_fault *fault)
{
	switch (key) {
	case KEY_NAME:
		return set_segment_name(draft, value, fault);
	case KEY_COMPONENTS:
		return set_components(draft, value, place, fault);
	case KEY_THREADS:
		return settings_read_count(&draft->options.threads, SHMQ_THREADS_MAX, value, fault);
	case KEY_RESERVATIONS:
		return settings_read_count(&draft->options.reservations, SHMQ_RESERVATIONS_MAX, value, fault);
	case KEY_MODE:
		return set_mode(draft, value, place, fault);
	case KEY_PERSISTENT:
		return settings_read_switch(&draft->options.persistent, value, fault);
	case KEY_RESET_PERIOD:
		return set_reset_period(draft, value, place, fault);
	default:
		return set_limit(draft, (enum shmq_resource)(key - KEY_LIMITS), value, place, fault);
	}
}

static void complain_of_lost_key(struct draft *draft, const struct place *place)
{
	if (!draft->is_skipping)
		complain_error(draft->complaints, place,
		               "a key must stand in a section: [segment], [default] or [component:NAME]");
	draft->is_skipping = true;
}

void draft_set(struct draft *draft, const struct line *line, const struct place *place)
{
	struct place key_place = place_at(place, line->word_at);
	struct place value_place = place_at(place, line->value_at);
	enum key key = keys_find(line->word);
	struct units_fault fault = {0};

	if (draft->section == SECTION_NONE) {
		complain_of_lost_key(draft, &key_place);
		return;
	}
	if (!check_key(draft, key, line->word, &key_place))
		return;
	if (draft->key_line[key] > 0)
		complain_error(draft->complaints, &key_place,
		               "'%s' stands in this section twice; the first is on line %u", keys_name(key),
		               draft->key_line[key]);
	else
		draft->key_line[key] = place->line;
	if (line->value[0] == '\0') {
		complain_error(draft->complaints, &value_place, "'%s' has no value", keys_name(key));
	} else if (set_value(draft, key, line->value, &value_place, &fault) < 0) {
		value_place = place_at(place, line_value_place(line, place->source, fault.at));
		complain_error(draft->complaints, &value_place, "%s", fault.text);
	}
}
