/* SPDX-License-Identifier: MIT */
/*
 * 4,096 threads at one segment, in four processes: all get in and no one more, grace periods end while all of them are
 * attached, and when their processes die their slots are given back. 100,000 components are in test_capacity.c.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(scale, FIXTURE);

#define PROCESSES 4
#define THREADS_EACH 1024
#define THREADS (PROCESSES * THREADS_EACH)
#define STACK_BYTES 65536
#define TIMEOUT_MS 20000

static struct shmq_component *tenant;

static struct books {
	struct counter attached, refused, failed, no_threads, go_on;
} * books;

/* Attach, and stay until the process is killed. */
static void *stay(void *argument)
{
	int result = shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL);

	if (result == SHMQ_OK)
		counter_add(&books->attached, 1);
	else
		counter_add(result == -EAGAIN ? &books->refused : &books->failed, 1);
	for (;;)
		pause();
	return argument;
}

static int start_threads(unsigned index, void *count)
{
	pthread_attr_t attributes;

	(void)index;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (unsigned i = 0; i < *(unsigned *)count; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attributes, stay, NULL) != 0) {
			counter_add(&books->no_threads, 1);
			break;
		}
	}
	for (;;)
		pause();
	return 0;
}

static uint32_t slots_taken(struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	expect_result(shmq_segment_info(segment, &info), 0);
	return info.threads_used;
}

static uint32_t waiting_for_grace(struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	expect_result(shmq_segment_info(segment, &info), 0);
	return info.retired;
}

Test(scale, four_thousand_threads_attach_and_hold_up_no_grace_period)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	unsigned each = THREADS_EACH, one = 1;
	struct shmq_segment *segment;
	pid_t pids[PROCESSES], late;

	options.components = 8;
	options.threads = THREADS + 1;
	options.reservations = 1;
	books = shared_alloc(sizeof(*books));
	segment = fixture_segment(&options);
	fixture_publish(segment, "[default]\nmessages = unlimited\n");
	tenant = fixture_component(segment, "tenant", NULL);
	/* This thread has a slot, too. */
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	for (unsigned i = 0; i < PROCESSES; i++)
		pids[i] = process_start(start_threads, i, &each);
	for (unsigned i = 0; i < TIMEOUT_MS / 10 && counter_get(&books->no_threads) == 0 &&
	                     !counter_await(&books->attached, THREADS, 10);
	     i++)
		;
	if (counter_get(&books->no_threads) > 0) {
		for (unsigned i = 0; i < PROCESSES; i++)
			process_kill(pids[i]);
		cr_skip_test("this machine does not let a user have 4,096 threads");
	}
	expect_figure(counter_get(&books->attached), THREADS);
	expect_figure(slots_taken(segment), THREADS + 1);
	late = process_start(start_threads, PROCESSES, &one);
	cr_assert(counter_await(&books->refused, 1, TIMEOUT_MS));
	process_kill(late);

	fixture_publish(segment, "[default]\nmessages = unlimited\nstorage = 1GB\n");
	fixture_publish(segment, "[default]\nmessages = unlimited\nstorage = 2GB\n");
	expect_result(shmq_component_register(segment, "brief", NULL), 0);
	expect_result(shmq_component_unregister(segment, "brief"), 0);
	expect_figure(waiting_for_grace(segment), 1);
	expect_result(shmq_housekeep(segment), 0);
	expect_figure(waiting_for_grace(segment), 0);

	for (unsigned i = 0; i < PROCESSES; i++)
		process_kill(pids[i]);
	expect_result(shmq_housekeep(segment), THREADS);
	expect_figure(slots_taken(segment), 1);
	expect_figure(counter_get(&books->failed), 0);
	shared_free(books, sizeof(*books));
}
