/* SPDX-License-Identifier: MIT */
/*
 * What shmquota audit hands to the journal: one event, ready to be sent. Where the journal's library was not there when
 * shmquota was built, audit_journal_missing.c stands for audit_journal.c.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <shmquota.h>

struct audit_entry {
	const struct shmq_event *event;
	const char *segment;
	const char *message; /* a sentence */
	const char *rule;    /* "FILE:LINE" or "" */
	const char *json;    /* the whole event, without a newline */
};

/* Tell whether there is a journal. Returns an exit code, with a message. */
int audit_journal_check(void);

/* Send one entry. Returns 0 or a negative errno. */
int audit_journal_send(const struct audit_entry *entry);

#endif
