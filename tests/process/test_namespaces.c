/* SPDX-License-Identifier: MIT */
/*
 * Other pid and time namespaces: thread ids and clocks mean something else there, so nobody from there may attach, by
 * opening or by what it inherited; a false death would corrupt, a foreign clock would roll windows at will.
 *
 * Making namespaces needs root; elsewhere the tests are skipped.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/process.h"

TestSuite(namespaces, FIXTURE);

#define TIMEOUT_MS 10000
#define CANNOT_UNSHARE 77

struct abroad {
	struct shmq_segment *segment;
	struct shmq_component *tenant;
	int kind; /* of namespace, as unshare() takes it */
};

/* What somebody in the other namespace can do, which is to look at most. */
static int live_abroad(struct abroad *abroad)
{
	struct shmq_segment *segment = NULL;

	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), -EXDEV);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), -EXDEV);
	CHILD_RESULT(shmq_try_consume(abroad->tenant, SHMQ_STORAGE, 1, NULL), -EXDEV);
	CHILD_RESULT(shmq_consume(abroad->tenant, SHMQ_MESSAGES, 1), -EXDEV);
	CHILD_RESULT(shmq_housekeep(abroad->segment), -EXDEV);
	/* Nor may it take the segment of a living host for a leftover: nobody is dead just because he is not seen. */
	CHILD_CHECK(shmq_segment_create(&segment, fixture_name(), NULL) < 0);
	return 0;
}

/* Children of who unshares a pid or time namespace are in it, not who does it. */
static int go_abroad(unsigned index, void *context)
{
	struct abroad *abroad = context;
	int status = 0;
	pid_t pid;

	(void)index;
	if (unshare(abroad->kind) != 0)
		return CANNOT_UNSHARE;
	pid = fork();
	if (pid == 0)
		_exit(live_abroad(abroad));
	CHILD_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHILD_CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_refused_abroad(int kind)
{
	struct shmq_quota quota = quota_calm(10);
	struct abroad abroad = {.kind = kind};
	int status;

	abroad.segment = fixture_segment(NULL);
	abroad.tenant = fixture_component(abroad.segment, "tenant", &quota);
	status = process_run(go_abroad, &abroad, TIMEOUT_MS);
	if (status == CANNOT_UNSHARE)
		cr_skip("needs root: makes a namespace");
	cr_assert_eq(status, 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_figure(fixture_used(abroad.tenant, resource), 0);
	/* Home is as it was. */
	expect_result(shmq_try_consume(abroad.tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	expect_result(shmq_housekeep(abroad.segment), 0);
}

Test(namespaces, of_other_pids_are_refused)
{
	expect_refused_abroad(CLONE_NEWPID);
}

Test(namespaces, of_another_time_are_refused)
{
	expect_refused_abroad(CLONE_NEWTIME);
}
