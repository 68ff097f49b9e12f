/* SPDX-License-Identifier: MIT */
/*
 * shmquota audit --journald where the journal's library was not there when it was built.
 */
#include "audit.h"

#include <errno.h>

#include "failure.h"

int audit_journal_check(void)
{
	return fail(EXIT_FAILED, "Pipe it instead: 'shmquota audit --follow NAME | systemd-cat -t shmquota'.",
	            "this shmquota was built without libsystemd, so it cannot write to the journal");
}

int audit_journal_send(const struct audit_entry *entry)
{
	(void)entry;
	return -ENOSYS;
}
