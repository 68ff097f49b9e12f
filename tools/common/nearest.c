/* SPDX-License-Identifier: MIT */
/*
 * The nearest name by edit distance: insertions, deletions, replacements and swaps of neighbours, each costing one.
 *
 * A suggestion that is further away than a third of the word would only mislead, so none is made then.
 */
#include "nearest.h"

#include <string.h>

static unsigned minimum(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edit distance of two words shorter than NEAREST_MAX, by the usual table of which three rows are kept. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][NEAREST_MAX + 1];
	unsigned length_a = (unsigned)strlen(a), length_b = (unsigned)strlen(b);

	for (unsigned j = 0; j <= length_b; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= length_a; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= length_b; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = minimum(row[j], minimum(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = minimum(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[length_a % 3][length_b];
}

struct nearest nearest_to(const char *wanted)
{
	struct nearest nearest = {.wanted = wanted};

	nearest.distance = (unsigned)strlen(wanted) / 3 + 2;
	return nearest;
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	unsigned distance;

	if (strlen(nearest->wanted) >= NEAREST_MAX || strlen(candidate) >= NEAREST_MAX)
		return;
	distance = edit_distance(nearest->wanted, candidate);
	/* A word that was only begun means the one it begins. */
	if (distance > 1 && *nearest->wanted && strncmp(nearest->wanted, candidate, strlen(nearest->wanted)) == 0)
		distance = 1;
	/* Sharing nothing at all is not being near, however short the words are. */
	if (distance >= nearest->distance || distance >= strlen(candidate))
		return;
	nearest->distance = distance;
	memcpy(nearest->best, candidate, strlen(candidate) + 1);
}
