/* SPDX-License-Identifier: MIT */
/*
 * Patterns and locales; see fnmatch_peer.h.
 */
#include "fnmatch_peer.h"

#include <locale.h>

#define NUMBERED "/srv/tenants/%u/*"
#define LAST "/srv/tenants/none/*"

char fnmatch_peer_patterns[FNMATCH_PEER_LIST][FNMATCH_PEER_SIZE];
static locale_t in_bytes, in_utf8;

int fnmatch_peer_setup(void)
{
	for (unsigned i = 0; i < FNMATCH_PEER_LIST - 1; i++)
		snprintf(fnmatch_peer_patterns[i], FNMATCH_PEER_SIZE, NUMBERED, i);
	snprintf(fnmatch_peer_patterns[FNMATCH_PEER_LIST - 1], FNMATCH_PEER_SIZE, LAST);
	in_bytes = newlocale(LC_ALL_MASK, "C", NULL);
	in_utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
	if (in_bytes != NULL && in_utf8 != NULL)
		return 0;
	perror("cannot create the locales");
	return -1;
}

void fnmatch_peer_write_list(FILE *policy, unsigned count)
{
	for (unsigned i = 0; i < count - 1; i++)
		fprintf(policy, NUMBERED ", ", i);
	fputs(LAST, policy);
}

void fnmatch_peer_in_bytes(void *subject, unsigned round)
{
	(void)subject;
	(void)round;
	uselocale(in_bytes);
}

void fnmatch_peer_in_utf8(void *subject, unsigned round)
{
	(void)subject;
	(void)round;
	uselocale(in_utf8);
}
