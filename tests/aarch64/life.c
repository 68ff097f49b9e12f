/* SPDX-License-Identifier: MIT */
/*
 * A segment's whole life, each part of the interface once, with real processes: does the library work on this kind of
 * machine at all? It needs nothing but the library, so that it can be linked statically and run under emulation.
 *
 * One line per part; it ends at the first answer that is not the expected one.
 */
#include <shmquota.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/names.h"
#include "../support/process.h"
#include "../support/shared.h"

#define CROWD 4
#define MANY 1000
#define JOIN_MS 20000

static char name[NAME_SIZE];
static struct shmq_segment *segment;
static struct shmq_component *chat, *disk;

#define EXPECT(actual, wanted) expect(__LINE__, #actual, (long long)(actual), (long long)(wanted))

static void expect(int line, const char *what, long long actual, long long wanted)
{
	if (actual == wanted)
		return;
	fprintf(stderr, "life.c:%d: %s is %lld, not %lld\n", line, what, actual, wanted);
	exit(1);
}

static void clean_up(void)
{
	shmq_segment_close(segment);
	shmq_segment_remove(name);
}

static uint64_t used(struct shmq_component *component, int resource)
{
	struct shmq_status status;

	EXPECT(shmq_status(component, &status), 0);
	return status.resource[resource].used;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

static void begins(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	options.components = 8;
	options.threads = 16;
	name_sweep();
	name_segment(name, "life");
	EXPECT(shmq_segment_create(&segment, name, &options), 0);
	atexit(clean_up);
	quota.limit[SHMQ_MESSAGES] = MANY;
	quota.period_ns[SHMQ_MESSAGES] = 24 * HOUR;
	quota.limit[SHMQ_NETWORK] = 10;
	quota.period_ns[SHMQ_NETWORK] = SECOND;
	EXPECT(shmq_component_register(segment, "chat", &quota), 0);
	EXPECT(shmq_component_register(segment, "chat", &quota), -EEXIST);
	EXPECT(shmq_component_find(&chat, segment, "chat"), 0);
	puts("ok  a segment is created and a component registered");
}

static void is_governed(void)
{
	static const char text[] = "[component:disk]\nstorage = 1KB\nmemory = 2KB\n";
	struct shmq_policy *policy = NULL;
	char path[NAME_SIZE];
	FILE *file;

	name_object(path, name, "ini");
	file = fopen(path, "we");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	fputs(text, file);
	fclose(file);
	EXPECT(shmq_policy_load(&policy, (const char *const[]){path}, 1, NULL), 0);
	EXPECT(shmq_policy_publish(segment, policy), 0);
	shmq_policy_free(policy);
	unlink(path);
	EXPECT(shmq_component_find(&disk, segment, "disk"), 0);
	EXPECT(shmq_check(disk, SHMQ_STORAGE, 1024, NULL), SHMQ_OK);
	EXPECT(shmq_check(disk, SHMQ_STORAGE, 1025, NULL), SHMQ_DENIED);
	puts("ok  a policy is published");
}

/* Takes until it is refused; counts what it got. */
static void take_all(struct counter *taken)
{
	while (shmq_try_consume(chat, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
		counter_add(taken, 1);
}

static int take_all_in_process(unsigned index, void *context)
{
	(void)index;
	take_all(context);
	return 0;
}

static void *take_all_in_thread(void *context)
{
	take_all(context);
	return NULL;
}

static void is_shared_exactly(void)
{
	struct counter *taken = shared_alloc(2 * sizeof(*taken));
	pthread_t threads[CROWD];
	pid_t pids[CROWD];

	process_start_group(pids, CROWD, take_all_in_process, &taken[0]);
	EXPECT(process_join_group(pids, CROWD, JOIN_MS), 0);
	EXPECT(counter_get(&taken[0]), MANY);
	EXPECT(shmq_housekeep(segment), CROWD); /* they ended without a word */
	EXPECT(shmq_reset(chat), 0);
	for (unsigned i = 0; i < CROWD; i++)
		EXPECT(pthread_create(&threads[i], NULL, take_all_in_thread, &taken[1]), 0);
	for (unsigned i = 0; i < CROWD; i++)
		EXPECT(pthread_join(threads[i], NULL), 0);
	EXPECT(counter_get(&taken[1]), MANY);
	EXPECT(used(chat, SHMQ_MESSAGES), MANY);
	puts("ok  processes and threads together are admitted exactly the limit");
}

static void passes_windows(void)
{
	struct shmq_verdict verdict;

	clock_enter_window(SECOND);
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(shmq_try_consume(chat, SHMQ_NETWORK, 10, NULL), SHMQ_OK);
		EXPECT(shmq_try_consume(chat, SHMQ_NETWORK, 1, &verdict), SHMQ_DENIED);
		EXPECT(verdict.retry_after_ns > 0 && verdict.retry_after_ns <= SECOND, 1);
		clock_sleep_ns(verdict.retry_after_ns);
	}
	puts("ok  windows end");
}

static int hold_until_killed(unsigned index, void *context)
{
	struct shmq_reservation reservation;

	(void)index;
	CHILD_RESULT(shmq_reserve(&reservation, disk, SHMQ_STORAGE, 600, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(disk, 700, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_policy_publish(segment, NULL), -EINVAL);
	CHILD_RESULT(shmq_component_unregister(segment, "chat"), -EACCES);
	counter_set(context, 1);
	for (;;)
		pause();
}

static void returns_what_the_dead_held(void)
{
	struct counter *holds = shared_alloc(sizeof(*holds));
	pid_t pid = process_start(hold_until_killed, 0, holds);

	EXPECT(counter_await(holds, 1, JOIN_MS), true);
	EXPECT(used(disk, SHMQ_STORAGE), 600);
	EXPECT(used(disk, SHMQ_MEMORY), 700);
	EXPECT(shmq_try_consume(disk, SHMQ_STORAGE, 600, NULL), SHMQ_DENIED);
	EXPECT(shmq_housekeep(segment), 0);
	EXPECT(process_kill(pid), PROCESS_SIGNAL(SIGKILL));
	EXPECT(shmq_housekeep(segment), 1);
	EXPECT(used(disk, SHMQ_STORAGE), 0);
	EXPECT(used(disk, SHMQ_MEMORY), 0);
	puts("ok  what a killed worker held is returned");
}

static void finishes_reservations(void)
{
	struct shmq_reservation reservation;

	EXPECT(shmq_reserve(&reservation, disk, SHMQ_STORAGE, 1000, NULL), SHMQ_OK);
	EXPECT(shmq_commit(&reservation, 1001), -EINVAL);
	EXPECT(shmq_commit(&reservation, 300), 0);
	EXPECT(used(disk, SHMQ_STORAGE), 300);
	EXPECT(shmq_reserve(&reservation, disk, SHMQ_STORAGE, 500, NULL), SHMQ_OK);
	shmq_cancel(&reservation);
	EXPECT(used(disk, SHMQ_STORAGE), 300);
	EXPECT(shmq_release(disk, SHMQ_STORAGE, 301), -ERANGE);
	EXPECT(used(disk, SHMQ_STORAGE), 0);
	puts("ok  reservations are committed and cancelled");
}

static void is_watched(void)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_segment *watched = NULL;
	struct shmq_component *component = NULL;

	EXPECT(shmq_segment_open(&watched, name, SHMQ_OBSERVE), 0);
	EXPECT(shmq_segment_info(watched, &info), 0);
	EXPECT(info.components_used, 2);
	EXPECT(shmq_component_find(&component, watched, "chat"), 0);
	EXPECT(used(component, SHMQ_MESSAGES), MANY);
	EXPECT(shmq_is_critical(component), true);
	EXPECT(shmq_consume(component, SHMQ_MESSAGES, 1), -EROFS);
	shmq_component_put(component);
	EXPECT(shmq_segment_verify(watched, NULL, NULL), 0);
	shmq_segment_close(watched);
	puts("ok  an observer sees it, and finds it sound");
}

static void ends(void)
{
	struct shmq_component *again = NULL;

	EXPECT(shmq_component_unregister(segment, "chat"), 0);
	EXPECT(shmq_try_consume(chat, SHMQ_MESSAGES, 1, NULL), -ESTALE);
	EXPECT(shmq_component_register(segment, "chat", NULL), 0);
	EXPECT(shmq_component_find(&again, segment, "chat"), 0);
	EXPECT(used(again, SHMQ_MESSAGES), 0);
	EXPECT(shmq_try_consume(chat, SHMQ_MESSAGES, 1, NULL), -ESTALE);
	puts("ok  a handle ends with its registration");
}

int main(void)
{
	begins();
	is_governed();
	is_shared_exactly();
	passes_windows();
	returns_what_the_dead_held();
	finishes_reservations();
	is_watched();
	ends();
	puts("a whole life, no fault");
	return 0;
}
