/* SPDX-License-Identifier: MIT */
/*
 * Other pid and time namespaces: thread ids and clocks mean something else there, so nobody from there may attach, by
 * opening or by what it inherited; a false death would corrupt, a foreign clock would roll windows at will. The same goes
 * for who is in the right namespace and sees the /proc of another one.
 *
 * Making namespaces needs root; elsewhere the tests are skipped.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
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
static int emigrate(int kinds, int (*live)(struct abroad *abroad), struct abroad *abroad)
{
	int status = 0;
	pid_t pid;

	if (unshare(kinds) != 0)
		return CANNOT_UNSHARE;
	pid = fork();
	if (pid == 0)
		_exit(live(abroad));
	CHILD_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHILD_CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int go_abroad(unsigned index, void *context)
{
	struct abroad *abroad = context;

	(void)index;
	return emigrate(abroad->kind, live_abroad, abroad);
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

/* ---- The right namespace, the wrong /proc ---- */

static int lose_proc(struct abroad *abroad)
{
	struct shmq_segment *other = NULL;

	CHILD_RESULT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHILD_RESULT(mount("proc", "/proc", "proc", 0, NULL), 0);
	CHILD_RESULT(shmq_segment_create(&abroad->segment, fixture_name(), NULL), 0);
	CHILD_RESULT(shmq_housekeep(abroad->segment), 0);
	/* Below it is the one of the machine, where this process has another id, and another one has its. */
	CHILD_RESULT(umount2("/proc", MNT_DETACH), 0);
	CHILD_RESULT(shmq_housekeep(abroad->segment), -ENOSYS);
	CHILD_RESULT(shmq_segment_open(&other, fixture_name(), SHMQ_OBSERVE), -ENOSYS);
	CHILD_CHECK(shmq_segment_create(&other, fixture_name(), NULL) < 0);
	shmq_segment_close(abroad->segment);
	return 0;
}

static int go_below(unsigned index, void *context)
{
	(void)index;
	return emigrate(CLONE_NEWPID | CLONE_NEWNS, lose_proc, context);
}

/* 'nsenter --pid' without --mount, then 'shmquota reap': living workers were taken for dead and lost what they held. */
Test(namespaces, a_foreign_proc_proves_nobody_dead)
{
	struct abroad abroad = {0};
	int status = process_run(go_below, &abroad, TIMEOUT_MS);

	if (status == CANNOT_UNSHARE)
		cr_skip("needs root: makes namespaces");
	cr_assert_eq(status, 0);
}
