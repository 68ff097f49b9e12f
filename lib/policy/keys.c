/* SPDX-License-Identifier: MIT */
/*
 * The words of a policy; see keys.h.
 *
 * A wrong word is near a known one when a third of its letters at most are added, missing, wrong or swapped with their
 * neighbour, or when it contains the known one's first word: "messages" and "message_limit" mean "message_rate".
 * Capitals are no difference here, though only small letters are right.
 */
#include "policy/keys.h"

#include <string.h>

#define WORD_MAX 31 /* longer ones are near nothing */

static const char *const section_names[SECTIONS] = {"segment", "default", "component"};

static const char *const key_names[KEYS] = {
    "name",    "components",   "threads",           "reservations", "mode",   "persistent",
    "storage", "message_rate", "network_bandwidth", "cpu_time",     "memory", "reset_period",
};

enum section keys_find_section(const char *name)
{
	int section = 0;

	while (section < SECTIONS && strcmp(section_names[section], name) != 0)
		section++;
	return (enum section)section;
}

enum key keys_find(const char *name)
{
	int key = 0;

	while (key < KEYS && strcmp(key_names[key], name) != 0)
		key++;
	return (enum key)key;
}

const char *keys_name(enum key key)
{
	return key_names[key];
}

bool keys_belongs(enum key key, enum section section)
{
	return section == SECTION_SEGMENT ? key < KEY_LIMITS : key >= KEY_LIMITS;
}

const char *keys_section_title(enum section section)
{
	static const char *const titles[SECTIONS] = {"[segment]", "[default]", "[component:NAME]"};

	return titles[section];
}

const char *keys_section_list(enum section section)
{
	return section == SECTION_SEGMENT
	           ? "name, components, threads, reservations, mode and persistent"
	           : "storage, message_rate, network_bandwidth, cpu_time, memory and reset_period";
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be added, dropped, changed or swapped with their neighbour: optimal string alignment. */
static size_t distance(const char *a, const char *b)
{
	size_t cost[WORD_MAX + 1][WORD_MAX + 1];
	size_t rows = strlen(a), columns = strlen(b);

	for (size_t i = 0; i <= rows; i++)
		cost[i][0] = i;
	for (size_t j = 0; j <= columns; j++)
		cost[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		for (size_t j = 1; j <= columns; j++) {
			cost[i][j] = least(least(cost[i - 1][j], cost[i][j - 1]) + 1,
			                   cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
		}
	}
	return cost[rows][columns];
}

/* Tell whether a wrong name contains the first word of a known one. */
static bool contains_first_word(const char *name, const char *known)
{
	char word[WORD_MAX + 1];
	size_t length = strcspn(known, "_");

	memcpy(word, known, length);
	word[length] = '\0';
	return strstr(name, word) != NULL;
}

/* Which of `count` known names is the best, or `count`. */
static size_t nearest(const char *wrong, const char *const known[], size_t count)
{
	size_t length = strlen(wrong), best = WORD_MAX;
	char name[WORD_MAX + 1] = "";
	size_t found = count;

	if (length > WORD_MAX)
		return count;
	for (size_t i = 0; i < length; i++)
		name[i] = (char)(wrong[i] >= 'A' && wrong[i] <= 'Z' ? wrong[i] - 'A' + 'a' : wrong[i]);
	for (size_t i = 0; i < count; i++) {
		size_t now = distance(name, known[i]);
		size_t longer = length > strlen(known[i]) ? length : strlen(known[i]);

		if (now < best && now * 3 <= longer) {
			best = now;
			found = i;
		}
	}
	for (size_t i = 0; i < count && found == count; i++)
		if (contains_first_word(name, known[i]))
			found = i;
	return found;
}

enum section keys_nearest_section(const char *name)
{
	return (enum section)nearest(name, section_names, SECTIONS);
}

enum key keys_nearest(const char *name, enum section section)
{
	size_t first = section == SECTION_SEGMENT ? 0 : KEY_LIMITS;
	size_t count = section == SECTION_SEGMENT ? KEY_LIMITS : KEYS - KEY_LIMITS;
	size_t found = nearest(name, key_names + first, count);

	return found < count ? (enum key)(first + found) : KEYS;
}
