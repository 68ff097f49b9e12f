/* SPDX-License-Identifier: MIT */
/*
 * The words before the last one are walked as argp would: which are options, which are their values, which are
 * arguments. Then the place of the last word is known, and candidate.c knows what may stand there.
 *
 * A line that argp would refuse is walked all the same: somebody may yet mend it.
 */
#include "complete.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "candidate.h"
#include "segments.h"

/* Where the walk is. */
struct walk {
	const struct command_line *line;
	const struct argp_option *awaiting; /* an option whose value comes next */
	bool options_ended;
	char **arguments; /* words that are neither options nor their values */
	size_t count;
	size_t command_at;   /* the word that begins a command, 0 none */
	const char *segment; /* as an option named it */
};

static const struct argp_option standard_options[] = {
    {"help", 'h', NULL, 0, "Explain it, with examples", 0},
    {"usage", 0, NULL, 0, "Show a short usage", 0},
    {"version", 'V', NULL, 0, "Show the version", 0},
    {0},
};

static bool is_last_row(const struct argp_option *option)
{
	return !option->name && !option->key && !option->doc;
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

/* By its whole name, or by a beginning that no other one has. */
static const struct argp_option *long_option(const struct argp_option *options, const char *name, size_t length)
{
	const struct argp_option *found = NULL;
	size_t matches = 0;

	for (const struct argp_option *option = options; !is_last_row(option); option++) {
		if (!option->name || strncmp(option->name, name, length) != 0)
			continue;
		if (option->name[length] == '\0')
			return option;
		found = option;
		matches++;
	}
	return matches == 1 ? found : NULL;
}

static const struct argp_option *short_option(const struct argp_option *options, char letter)
{
	for (const struct argp_option *option = options; !is_last_row(option); option++) {
		if (option->key == letter)
			return option;
	}
	return NULL;
}

/* An option whose value is called NAME names the segment. */
static void note_value(struct walk *walk, const struct argp_option *option, const char *value)
{
	if (strcmp(option->arg, "NAME") == 0)
		walk->segment = value;
}

static void take_short(struct walk *walk, const char *letters)
{
	for (; *letters; letters++) {
		const struct argp_option *option = short_option(walk->line->options, *letters);

		if (!option || !option->arg)
			continue;
		if (letters[1])
			note_value(walk, option, letters + 1);
		else
			walk->awaiting = option;
		return;
	}
}

static void take_long(struct walk *walk, const char *word)
{
	size_t length = strcspn(word, "=");
	const struct argp_option *option = long_option(walk->line->options, word, length);

	if (!option || !option->arg)
		return;
	if (word[length] == '=')
		note_value(walk, option, word + length + 1);
	else
		walk->awaiting = option;
}

static void take(struct walk *walk, size_t number)
{
	char *word = walk->line->words[number];

	if (walk->awaiting) {
		note_value(walk, walk->awaiting, word);
		walk->awaiting = NULL;
	} else if (walk->options_ended || word[0] != '-' || word[1] == '\0') {
		walk->arguments[walk->count++] = word;
	} else if (strcmp(word, "--") == 0) {
		walk->options_ended = true;
		if (strstr(walk->line->arguments, "--"))
			walk->command_at = number + 1;
	} else if (word[1] == '-') {
		take_long(walk, word + 2);
	} else {
		take_short(walk, word + 1);
	}
}

static void offer_options(const struct typing *typing, const struct argp_option *options)
{
	char text[64];

	for (const struct argp_option *option = options; !is_last_row(option); option++) {
		if (!option->name || option->flags & OPTION_HIDDEN)
			continue;
		snprintf(text, sizeof(text), "--%s", option->name);
		candidate_offer(typing, text, option->doc);
	}
}

void complete_program_options(const char *word)
{
	offer_options(&(struct typing){.word = word}, standard_options);
}

/* "--kind=quota_vi" is the value of an option, "--ki" an option. */
static void complete_option(const struct walk *walk, const char *word)
{
	struct typing typing = {.word = word, .segment = walk->segment};
	size_t length = strcspn(word, "=");
	const struct argp_option *option = NULL;

	if (word[length] == '=' && length > 2)
		option = long_option(walk->line->options, word + 2, length - 2);
	if (option && option->arg) {
		typing.kept = length + 1;
		typing.place = option->arg;
		candidates_of_place(&typing);
	} else if (word[length] == '\0') {
		offer_options(&typing, walk->line->options);
		offer_options(&typing, standard_options);
	}
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

#define PLACE_MAX 24
#define BRACKETS " []{}|"

/* Read the next place of a usage; false at its end. "--manifest FILE" within it is an option. */
static bool next_place(const char **usage, char out[PLACE_MAX], bool *repeats)
{
	for (bool is_value = false;;) {
		size_t length;
		const char *place = *usage + strspn(*usage, BRACKETS);

		length = strcspn(place, BRACKETS);
		*usage = place + length;
		if (length == 0 || (length == 2 && strncmp(place, "--", 2) == 0))
			return false;
		if (!is_value && place[0] != '-') {
			*repeats = length > 3 && strncmp(place + length - 3, "...", 3) == 0;
			snprintf(out, PLACE_MAX, "%.*s", (int)(length - (*repeats ? 3 : 0)), place);
			return true;
		}
		is_value = !is_value;
	}
}

/* The place with this number, from 0; the last one again where it repeats. Returns false where there is none. */
static bool place_at(const char *usage, size_t number, char out[PLACE_MAX], bool *repeats)
{
	for (size_t i = 0; next_place(&usage, out, repeats); i++) {
		if (i == number || *repeats)
			return true;
	}
	return false;
}

/* A segment that may be left out while more has to follow: "[NAME] COMPONENT". */
#define LEADING_NAME "[NAME] "

static bool has_leading_name(const char *usage)
{
	size_t length = strlen(LEADING_NAME);

	return strncmp(usage, LEADING_NAME, length) == 0 && usage[length] != '[';
}

static bool is_segment(const char *typed)
{
	char name[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];

	return segment_name_typed(name, sizeof(name), typed) &&
	       access(segment_policy_path(path, sizeof(path), name), F_OK) == 0;
}

/* The usage from where the arguments that were typed begin in it. */
static const char *usage_in_force(const struct walk *walk)
{
	const char *usage = walk->line->arguments;

	if (has_leading_name(usage) && (walk->segment || (walk->count > 0 && !is_segment(walk->arguments[0]))))
		return usage + strlen(LEADING_NAME);
	return usage;
}

static void complete_argument(const struct walk *walk, const char *word)
{
	struct typing typing = {.word = word, .segment = walk->segment};
	const char *usage = usage_in_force(walk);
	char place[PLACE_MAX], first[PLACE_MAX];
	bool repeats = false;

	if (!typing.segment && walk->count > 0 && place_at(usage, 0, first, &repeats) && strcmp(first, "NAME") == 0)
		typing.segment = walk->arguments[0];
	if (!place_at(usage, walk->count, place, &repeats))
		return;
	if (repeats) {
		typing.taken = walk->arguments;
		typing.taken_count = walk->count;
	}
	typing.place = place;
	candidates_of_place(&typing);
	if (walk->count == 0 && has_leading_name(usage) && place_at(usage + strlen(LEADING_NAME), 0, place, &repeats))
		candidates_of_place(&typing);
}

void complete(const struct command_line *line)
{
	const char *word = line->words[line->count - 1];
	struct walk walk = {.line = line, .arguments = calloc(line->count, sizeof(*walk.arguments))};

	if (!walk.arguments)
		return;
	for (size_t i = 0; i + 1 < line->count && walk.command_at == 0; i++)
		take(&walk, i);
	if (walk.command_at > 0)
		printf("\tcommand %zu\n", line->skipped + walk.command_at + 1);
	else if (walk.awaiting)
		candidates_of_place(
		    &(struct typing){.word = word, .segment = walk.segment, .place = walk.awaiting->arg});
	else if (word[0] == '-' && !walk.options_ended)
		complete_option(&walk, word);
	else
		complete_argument(&walk, word);
	free(walk.arguments);
}
