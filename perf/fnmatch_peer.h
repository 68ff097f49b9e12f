/* SPDX-License-Identifier: MIT */
/*
 * fnmatch(3) as capabilities are measured beside it: the patterns and targets that both are given, and the two locales.
 * In "C" it compares bytes; in "C.UTF-8" it converts to wide characters first, as it does in programs that call
 * setlocale(). Where several patterns are tried it gets all up to the one that matches.
 */
#ifndef FNMATCH_PEER_H
#define FNMATCH_PEER_H

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>

#define FNMATCH_PEER_LIST 8
#define FNMATCH_PEER_SIZE 64
#define FILE_PATTERN "/app/data/*"
#define FILE_TARGET "/app/data/report.txt"
#define LAST_TARGET "/srv/tenants/none/report.txt"

/* The list; the last one matches LAST_TARGET. */
extern char fnmatch_peer_patterns[FNMATCH_PEER_LIST][FNMATCH_PEER_SIZE];

/* Make patterns and locales. Returns 0, or -1 after saying why. */
int fnmatch_peer_setup(void);

/* Write `count` such patterns into a policy, with commas between them; the last one matches. */
void fnmatch_peer_write_list(FILE *policy, unsigned count);

/* To be called before samples: choose the locale. */
void fnmatch_peer_in_bytes(void *subject, unsigned round);
void fnmatch_peer_in_utf8(void *subject, unsigned round);

static inline bool fnmatch_peer_match(const char *pattern, const char *target)
{
	return fnmatch(pattern, target, FNM_PATHNAME) == 0;
}

/* Try one pattern after the other, as one would. */
static inline bool fnmatch_peer_match_list(char list[FNMATCH_PEER_LIST][FNMATCH_PEER_SIZE], const char *target)
{
	for (unsigned i = 0; i < FNMATCH_PEER_LIST; i++)
		if (fnmatch_peer_match(list[i], target))
			return true;
	return false;
}

#endif
