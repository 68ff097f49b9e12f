/* SPDX-License-Identifier: MIT */
/*
 * The nearest word; see nearest.h. Names of classes and groups may be as long as a component's, and there may be many,
 * so what cannot be near by its length alone is not compared.
 */
#include "policy/nearest.h"

#include <string.h>

#define WORD_MAX 127 /* longer ones are near nothing */

static char lower(char byte)
{
	return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * How many letters must be added, dropped, changed or swapped with their neighbour: optimal string alignment, with three
 * rows of its table.
 */
static size_t distance(const char *a, const char *b)
{
	size_t cost[3][WORD_MAX + 1];
	size_t rows = strlen(a), columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		cost[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		size_t *row = cost[i % 3], *above = cost[(i - 1) % 3], *before = cost[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return cost[rows % 3][columns];
}

struct nearest nearest_to(const char *wrong)
{
	return (struct nearest){.wrong = wrong, .distance = strlen(wrong) > WORD_MAX ? 0 : WORD_MAX};
}

void nearest_offer(struct nearest *nearest, const char *known)
{
	size_t length = strlen(nearest->wrong), other = strlen(known);
	size_t longer = most(length, other), now;

	/* Letters too many or too few count one each, so the difference in length is the least there can be. */
	if (other > WORD_MAX || length > WORD_MAX || (longer - least(length, other)) * 3 > longer)
		return;
	now = distance(nearest->wrong, known);
	if (now < nearest->distance && now * 3 <= longer) {
		nearest->distance = now;
		nearest->best = known;
	}
}

bool nearest_contains_first_word(const char *wrong, const char *known)
{
	size_t length = strcspn(known, "_.");

	for (; *wrong != '\0'; wrong++) {
		size_t same = 0;

		while (same < length && lower(wrong[same]) == known[same])
			same++;
		if (same == length)
			return true;
	}
	return false;
}
