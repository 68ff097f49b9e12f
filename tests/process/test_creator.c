/* SPDX-License-Identifier: MIT */
/*
 * A creator killed before and after each system call that shmq_segment_create() makes, and at random instants. What it
 * leaves is either a whole segment or nothing anybody can open, and never stands in the way of the next creator.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/prng.h"
#include "../support/process.h"

TestSuite(creator, FIXTURE);

/* Exit status of a creator that was not killed in time; the call itself returned `result`. */
static int create_under_trace(unsigned index, void *persistent)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment = NULL;

	(void)index;
	options.components = 16;
	options.persistent = persistent != NULL;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	return shmq_segment_create(&segment, fixture_name(), &options) == 0 ? 0 : 1;
}

/* Let a creator run to its n-th stop at a system call and kill it there. Returns false when it ended before. */
static bool kill_creator_at(unsigned stop, void *persistent)
{
	pid_t pid = process_start(create_under_trace, 0, persistent);
	int status = 0;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSTOPPED(status));
	for (unsigned i = 0; i < stop; i++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			cr_assert_eq(WEXITSTATUS(status), 0, "an undisturbed creator failed");
			return false;
		}
		cr_assert(WIFSTOPPED(status), "the creator died by itself");
	}
	expect_result(process_kill(pid), PROCESS_SIGNAL(9));
	return true;
}

/* What the dead one left is whole or nothing. Returns whether it is whole. */
static bool expect_whole_or_nothing(unsigned stop)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_segment *segment = NULL;
	int result = shmq_segment_open(&segment, fixture_name(), SHMQ_WORK);

	if (result == 0) {
		expect_result(shmq_segment_info(segment, &info), 0);
		expect_figure(info.components, 16);
		shmq_segment_close(segment);
	} else {
		/* One half of a pair is no segment either. */
		cr_assert_eq(result, -ENOENT, "killed at stop %u, opening says %d (%s)", stop, result,
		             shmq_strerror(result));
	}
	return result == 0;
}

static void expect_the_next_creator_succeeds(unsigned stop)
{
	struct shmq_component *found = NULL;
	struct shmq_segment *segment = NULL;
	int result = shmq_segment_create(&segment, fixture_name(), NULL);

	cr_assert_eq(result, 0, "killed at stop %u, the next creator gets %d (%s)", stop, result,
	             shmq_strerror(result));
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	expect_result(shmq_component_find(&found, segment, "tenant"), 0);
	expect_result(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	shmq_component_put(found);
	shmq_segment_close(segment);
	expect_result(shmq_segment_remove(fixture_name()), 0);
	cr_assert_eq(name_leftovers(), 0, "killed at stop %u, something is left behind for good", stop);
}

Test(creator, killed_at_any_system_call_leaves_all_or_nothing)
{
	unsigned stop, whole = 0;

	for (stop = 1; kill_creator_at(stop, NULL); stop++) {
		whole += expect_whole_or_nothing(stop);
		expect_the_next_creator_succeeds(stop);
		cr_assert_lt(stop, 2000);
	}
	cr_assert_gt(stop, 10, "only %u stops: nothing was tested", stop);
	/* The last stop is the exit, long after it was complete. */
	cr_assert_gt(whole, 0);
	cr_assert_lt(whole, stop - 5);
	expect_the_next_creator_succeeds(stop);
}

Test(creator, killed_on_its_way_to_a_persistent_segment_leaves_all_or_nothing)
{
	static char persistent;

	for (unsigned stop = 1; kill_creator_at(stop, &persistent); stop++) {
		struct shmq_segment *segment = NULL;

		if (expect_whole_or_nothing(stop)) {
			expect_result(shmq_segment_create(&segment, fixture_name(), NULL), -EEXIST);
			expect_result(shmq_segment_remove(fixture_name()), 0);
		}
		expect_the_next_creator_succeeds(stop);
	}
}

static int create_again_and_again(unsigned index, void *context)
{
	(void)index;
	(void)context;
	for (;;) {
		struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
		struct shmq_segment *segment = NULL;

		options.components = 16;
		CHILD_RESULT(shmq_segment_create(&segment, fixture_name(), &options), 0);
		shmq_segment_close(segment);
		CHILD_RESULT(shmq_segment_remove(fixture_name()), 0);
	}
}

Test(creator, killed_at_random_leaves_all_or_nothing)
{
	struct prng prng = prng_seed(31, 0);

	for (unsigned round = 0; round < 150; round++) {
		pid_t pid = process_start(create_again_and_again, 0, NULL);

		clock_sleep_ns(MS / 2 + prng_below(&prng, 3 * MS));
		expect_result(process_kill(pid), PROCESS_SIGNAL(9));
		expect_whole_or_nothing(round);
		expect_the_next_creator_succeeds(round);
	}
}
