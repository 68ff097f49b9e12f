/* SPDX-License-Identifier: MIT */
/*
 * Who a thread is and whether it is dead. Death must be proven: what cannot be looked at counts as alive.
 */
#include "base/process.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/reexec.h"
#include "../support/shared.h"

TestSuite(process, FIXTURE);

#define TIMEOUT_MS 10000
#define START_MASK ((UINT64_C(1) << PROCESS_START_BITS) - 1)

struct shared_tokens {
	struct counter token, again, stay;
};

static int tell_token(unsigned index, void *context)
{
	struct shared_tokens *shared = context;

	(void)index;
	counter_set(&shared->token, process_token());
	return 0;
}

static int tell_token_and_stay(unsigned index, void *context)
{
	tell_token(index, context);
	pause();
	return 0;
}

static void *thread_token(void *out)
{
	*(uint64_t *)out = process_token();
	return NULL;
}

/* ---- Tokens ---- */

Test(process, token_names_the_thread_and_stays_the_same)
{
	uint64_t token = process_token();

	cr_assert_neq(token, 0);
	expect_figure(process_tid(token), (uint64_t)gettid());
	cr_assert_neq(token & START_MASK, 0);
	expect_figure(process_token(), token);
}

Test(process, token_of_each_thread_is_its_own)
{
	uint64_t token = 0;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, thread_token, &token), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_neq(token, 0);
	cr_assert_neq(token, process_token());
}

Test(process, token_is_read_whatever_the_program_calls_itself)
{
	uint64_t token = process_token();

	cr_assert_eq(prctl(PR_SET_NAME, ") Z 1 (x) 2"), 0);
	expect_figure(process_token(), token);
	cr_assert(!process_is_dead(token));
}

static int token_without_descriptors(unsigned index, void *context)
{
	struct rlimit none = {0, 0};

	(void)index;
	(void)context;
	CHILD_RESULT(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHILD_CHECK(process_token() == 0);
	return 0;
}

Test(process, token_is_zero_where_proc_cannot_be_read)
{
	expect_result(process_run(token_without_descriptors, NULL, TIMEOUT_MS), 0);
}

static int compare_token_after_exec(const char *argument)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "%llu", (unsigned long long)process_token());
	return strcmp(expected, argument) != 0;
}
REEXEC_ENTRY(compare_token_after_exec)

static int exec_with_token(unsigned index, void *context)
{
	char token[32];

	(void)index;
	(void)context;
	snprintf(token, sizeof(token), "%llu", (unsigned long long)process_token());
	return reexec("compare_token_after_exec", token);
}

Test(process, token_survives_exec)
{
	expect_result(process_run(exec_with_token, NULL, TIMEOUT_MS), 0);
}

/* ---- Death ---- */

Test(process, that_runs_is_alive)
{
	struct shared_tokens *shared = shared_alloc(sizeof(*shared));
	pid_t pid = process_start(tell_token_and_stay, 0, shared);

	cr_assert(counter_await(&shared->token, 1, TIMEOUT_MS));
	cr_assert(!process_is_dead(counter_get(&shared->token)));
	cr_assert(!process_is_dead(process_token()));
	expect_result(process_kill(pid), PROCESS_SIGNAL(SIGKILL));
	cr_assert(process_is_dead(counter_get(&shared->token)));
}

Test(process, that_is_stopped_is_alive)
{
	struct shared_tokens *shared = shared_alloc(sizeof(*shared));
	pid_t pid = process_start(tell_token_and_stay, 0, shared);

	cr_assert(counter_await(&shared->token, 1, TIMEOUT_MS));
	cr_assert(process_stop(pid));
	cr_assert(!process_is_dead(counter_get(&shared->token)));
	process_kill(pid);
}

Test(process, that_is_a_zombie_is_dead)
{
	struct shared_tokens *shared = shared_alloc(sizeof(*shared));
	pid_t pid = process_start(tell_token, 0, shared);
	siginfo_t info;

	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	cr_assert_eq(kill(pid, 0), 0, "a zombie answers kill()");
	cr_assert(process_is_dead(counter_get(&shared->token)));
	expect_result(process_join(pid, TIMEOUT_MS), 0);
}

Test(process, whose_thread_ended_lives_on_but_the_thread_is_dead)
{
	uint64_t token = 0, end = clock_now_ns() + SECOND;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, thread_token, &token), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* The kernel wakes the joiner a moment before the thread has left /proc. */
	while (!process_is_dead(token) && clock_now_ns() < end)
		clock_sleep_ns(MS);
	cr_assert(process_is_dead(token));
	cr_assert(!process_is_dead(process_token()));
}

Test(process, with_the_same_id_but_another_start_is_somebody_else)
{
	uint64_t token = process_token();

	cr_assert(process_is_dead(token - 1));
	cr_assert(process_is_dead(token + 1));
	cr_assert(process_is_dead(token ^ (UINT64_C(1) << (PROCESS_START_BITS - 1))));
}

Test(process, with_an_id_that_nobody_has_is_dead)
{
	cr_assert(process_is_dead(UINT64_C(0x3fffff) << PROCESS_START_BITS | 1));
}

static int judge_without_descriptors(unsigned index, void *context)
{
	struct rlimit none = {0, 0};
	struct shared_tokens *shared = context;

	(void)index;
	CHILD_RESULT(setrlimit(RLIMIT_NOFILE, &none), 0);
	/* A zombie, and a token of another start: dead both, but /proc cannot say so here. */
	CHILD_CHECK(!process_is_dead(counter_get(&shared->token)));
	CHILD_CHECK(!process_is_dead(counter_get(&shared->again)));
	return 0;
}

Test(process, that_cannot_be_looked_at_counts_as_alive)
{
	struct shared_tokens *shared = shared_alloc(sizeof(*shared));
	pid_t pid = process_start(tell_token, 0, shared);
	siginfo_t info;

	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	counter_set(&shared->again, process_token() + 1);
	expect_result(process_run(judge_without_descriptors, shared, TIMEOUT_MS), 0);
	cr_assert(process_is_dead(counter_get(&shared->token)));
	cr_assert(process_is_dead(counter_get(&shared->again)));
	process_join(pid, TIMEOUT_MS);
}

/* ---- The world ---- */

Test(process, world_is_the_same_for_parent_and_child)
{
	struct process_world one, two;

	memset(&one, 1, sizeof(one));
	memset(&two, 2, sizeof(two));
	expect_result(process_world(&one), 0);
	expect_result(process_world(&two), 0);
	cr_assert_arr_eq(one.boot_id, two.boot_id, sizeof(one.boot_id));
	expect_figure(one.pid_namespace, two.pid_namespace);
	expect_figure(one.time_namespace, two.time_namespace);
	cr_assert_neq(one.pid_namespace, 0);
}

/* ---- Private memory ---- */

static int expect_zeroes(unsigned index, void *map)
{
	const unsigned char *bytes = map;

	(void)index;
	for (size_t i = 0; i < 10000; i++)
		CHILD_CHECK(bytes[i] == 0);
	return 0;
}

Test(process, private_memory_is_zero_in_a_child_and_kept_by_the_parent)
{
	unsigned char *map = process_private_map(10000);

	cr_assert_not_null(map);
	memset(map, 0x5a, 10000);
	expect_result(process_run(expect_zeroes, map, TIMEOUT_MS), 0);
	cr_assert_eq(map[0], 0x5a);
	cr_assert_eq(map[9999], 0x5a);
	munmap(map, 10000);
}

static int take_lock(unsigned index, void *context)
{
	(void)index;
	(void)context;
	CHILD_RESULT(process_lock(), 0);
	process_unlock();
	return 0;
}

Test(process, lock_that_is_held_is_free_in_a_child)
{
	expect_result(process_lock(), 0);
	expect_result(process_run(take_lock, NULL, TIMEOUT_MS), 0);
	process_unlock();
	expect_result(process_lock(), 0);
	process_unlock();
}

static struct counter lock_entries;

static void *contend(void *errors)
{
	for (int i = 0; i < 20000; i++) {
		process_lock();
		counter_set(&lock_entries, counter_get(&lock_entries) + 1);
		if (counter_get(&lock_entries) != 1)
			counter_add(errors, 1);
		counter_set(&lock_entries, 0);
		process_unlock();
	}
	return NULL;
}

Test(process, lock_keeps_threads_apart)
{
	struct counter errors = {0};
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, contend, &errors), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	expect_figure(counter_get(&errors), 0);
}
