/* SPDX-License-Identifier: MIT */
/*
 * The names of sections; see headings.h.
 */
#include "policy/headings.h"

#include "base/glob.h"

#include <string.h>

static struct place place_at(const struct place *line, size_t at)
{
	struct place place = *line;

	place.column = (unsigned)at + 1;
	return place;
}

/* "component", "class" or "group": what the name is of. */
static const char *word_of(enum section section)
{
	static const char *const words[] = {"class", "group", "component"};

	return words[section - SECTION_CLASS];
}

/* The first byte of a name that cannot stand in one, or the name's length. */
static size_t find_bad_character(const char *name, size_t length)
{
	size_t at = 0, bytes;

	while (at < length && (bytes = complain_character(name + at, length - at)) > 0)
		at += bytes;
	return at;
}

/* What is wrong with a name whatever it names. Returns false after complaining. */
static bool check_text(enum section section, const struct line *line, const struct place *place,
                       struct complaints *complaints)
{
	const char *name = line->value;
	size_t length = strlen(name), bad = find_bad_character(name, length);
	struct place at = place_at(place, length == 0 ? line->word_at : line->value_at);

	if (length == 0) {
		complain_error(complaints, &at, "a %s needs a name: %s", word_of(section), keys_section_title(section));
	} else if (bad < length) {
		at = place_at(place, line_value_place(line, place->source, bad));
		complain_error(complaints, &at, "a name is UTF-8 without control characters; this byte is not");
	} else if (!line->is_quoted && (name[0] == ' ' || name[length - 1] == ' ')) {
		at = place_at(place, line->value_at + (name[0] == ' ' ? 0 : length - 1));
		complain_error(complaints, &at,
		               "a blank at the edge of a name; remove it, or write the name in double quotes");
	} else {
		return true;
	}
	return false;
}

bool headings_read(struct heading_name *out, enum section section, const struct line *line, const struct place *place,
                   struct complaints *complaints)
{
	struct place at = place_at(place, line->value_at);
	size_t length = strlen(line->value), most = SHMQ_NAME_MAX;

	if (!check_text(section, line, place, complaints))
		return false;
	out->is_pattern = section == SECTION_COMPONENT && glob_is_pattern(line->value, length);
	memcpy(out->text, line->value, length + 1);
	if (section == SECTION_COMPONENT && !out->is_pattern)
		length = glob_unescape(out->text, line->value, length);
	out->text[length] = '\0';
	if (section == SECTION_GROUP)
		most -= strlen(HEADINGS_GROUP);
	if (length > most)
		complain_error(complaints, &at, "this name has %zu bytes; a %s's name has 1 to %zu", length,
		               word_of(section), most);
	else if (section == SECTION_COMPONENT && text_is_group_name(out->text))
		complain_error(complaints, &at,
		               "names that begin with '" HEADINGS_GROUP
		               "' are those of groups; a group stands in [group:NAME]");
	else if (section != SECTION_COMPONENT && strcmp(out->text, HEADINGS_NONE) == 0)
		complain_error(complaints, &at, "'" HEADINGS_NONE "' means no %s at all; choose another name",
		               word_of(section));
	else
		return true;
	return false;
}
