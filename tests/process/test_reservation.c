/* SPDX-License-Identifier: MIT */
/*
 * Reservations: an amount that counts as used until it is committed or cancelled, by whichever thread of the process.
 * What becomes of them when a process ends is in test_recovery.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "../support/clock.h"
#include "tenant.h"

TestSuite(reservation, FIXTURE);

/* ---- One thread -------------------------------------------------------------------------------------------------- */

Test(reservation, counts_as_used_until_it_is_cancelled)
{
	struct shmq_reservation reservation;

	set_up();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_reserve(&reservation, tenant, resource, 60, NULL), SHMQ_OK);
		expect_used(resource, 60);
		expect_result(shmq_try_consume(tenant, resource, 41, NULL), SHMQ_DENIED);
		shmq_cancel(&reservation);
		expect_used(resource, 0);
		expect_result(shmq_try_consume(tenant, resource, 100, NULL), SHMQ_OK);
	}
	expect_sound();
}

Test(reservation, is_used_for_good_once_committed)
{
	struct shmq_reservation reservation;

	set_up();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_reserve(&reservation, tenant, resource, 60, NULL), SHMQ_OK);
		expect_result(shmq_commit(&reservation, 60), 0);
		expect_used(resource, 60);
		shmq_cancel(&reservation);
		expect_used(resource, 60);
	}
	expect_result(shmq_release(tenant, SHMQ_STORAGE, 60), 0);
	expect_used(SHMQ_STORAGE, 0);
	expect_sound();
}

Test(reservation, returns_what_was_not_needed)
{
	struct shmq_reservation reservation;

	set_up();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_reserve(&reservation, tenant, resource, 60, NULL), SHMQ_OK);
		expect_result(shmq_commit(&reservation, 25), 0);
		expect_used(resource, 25);
		expect_result(shmq_reserve(&reservation, tenant, resource, 75, NULL), SHMQ_OK);
		expect_result(shmq_commit(&reservation, 0), 0);
		expect_used(resource, 25);
	}
	expect_sound();
}

Test(reservation, is_finished_once)
{
	struct shmq_reservation reservation;

	set_up();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_reserve(&reservation, tenant, resource, 10, NULL), SHMQ_OK);
		expect_result(shmq_commit(&reservation, 10), 0);
		expect_result(shmq_commit(&reservation, 10), -EINVAL);
		expect_result(shmq_commit(&reservation, 0), -EINVAL);
		shmq_cancel(&reservation);
		shmq_cancel(&reservation);
		expect_used(resource, 10);
	}
	expect_sound();
}

Test(reservation, stays_open_when_more_is_committed_than_there_is)
{
	struct shmq_reservation reservation;

	set_up();
	expect_result(shmq_reserve(&reservation, tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	expect_result(shmq_commit(&reservation, 11), -EINVAL);
	expect_result(shmq_commit(&reservation, UINT64_MAX), -EINVAL);
	expect_used(SHMQ_STORAGE, 10);
	expect_result(shmq_commit(&reservation, 9), 0);
	expect_used(SHMQ_STORAGE, 9);
}

Test(reservation, of_nothing_holds_nothing)
{
	struct shmq_reservation reservations[20];

	set_up();
	for (unsigned i = 0; i < 20; i++)
		expect_result(shmq_reserve(&reservations[i], tenant, SHMQ_STORAGE, 0, NULL), SHMQ_OK);
	expect_result(shmq_commit(&reservations[0], 1), -EINVAL);
	for (unsigned i = 0; i < 20; i++)
		expect_result(shmq_commit(&reservations[i], 0), 0);
	expect_used(SHMQ_STORAGE, 0);
}

Test(reservation, that_is_refused_takes_nothing_and_says_why)
{
	struct shmq_reservation reservation;
	struct shmq_verdict verdict;

	set_up();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_reserve(&reservation, tenant, resource, 60, &verdict), SHMQ_OK);
		expect_figure(verdict.remaining, 40);
		shmq_commit(&reservation, 60);
		expect_result(shmq_reserve(&reservation, tenant, resource, 41, &verdict), SHMQ_DENIED);
		expect_figure(verdict.current, 60);
		expect_figure(verdict.requested, 41);
		expect_figure(verdict.limit, 100);
		cr_assert_eq(verdict.resource, resource);
		expect_result(shmq_commit(&reservation, 0), -EINVAL);
		shmq_cancel(&reservation);
		expect_used(resource, 60);
		expect_figure(fixture_status(tenant, resource).denied, 1);
	}
	expect_sound();
}

Test(reservation, wants_proper_arguments)
{
	struct shmq_reservation reservation;
	struct shmq_component *observed;
	struct shmq_segment *observer;

	set_up();
	expect_result(shmq_reserve(NULL, tenant, SHMQ_STORAGE, 1, NULL), -EINVAL);
	expect_result(shmq_reserve(&reservation, NULL, SHMQ_STORAGE, 1, NULL), -EINVAL);
	expect_result(shmq_reserve(&reservation, tenant, SHMQ_NONE, 1, NULL), -EINVAL);
	expect_result(shmq_reserve(&reservation, tenant, SHMQ_RESOURCES, 1, NULL), -EINVAL);
	expect_result(shmq_reserve(&reservation, tenant, SHMQ_STORAGE, SHMQ_AMOUNT_MAX + 1, NULL), -EOVERFLOW);
	expect_result(shmq_commit(NULL, 0), -EINVAL);
	shmq_cancel(NULL);
	shmq_cancel(&reservation);
	expect_result(shmq_segment_open(&observer, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_component_find(&observed, observer, "tenant"), 0);
	expect_result(shmq_reserve(&reservation, observed, SHMQ_STORAGE, 1, NULL), -EROFS);
	expect_result(shmq_memory_set(observed, 1, NULL), -EROFS);
	shmq_component_put(observed);
	shmq_segment_close(observer);
	expect_used(SHMQ_STORAGE, 0);
}

Test(reservation, needs_a_place_in_the_ledger_only_for_levels)
{
	struct shmq_reservation open[8], more;

	set_up();
	for (unsigned i = 0; i < 8; i++)
		expect_result(shmq_reserve(&open[i], tenant, i % 2 ? SHMQ_STORAGE : SHMQ_MEMORY, 1, NULL), SHMQ_OK);
	expect_result(shmq_reserve(&more, tenant, SHMQ_STORAGE, 1, NULL), -EAGAIN);
	expect_result(shmq_memory_set(tenant, 1, NULL), -EAGAIN);
	expect_used(SHMQ_STORAGE, 4);
	expect_used(SHMQ_MEMORY, 4);
	expect_result(shmq_reserve(&more, tenant, SHMQ_NETWORK, 1, NULL), SHMQ_OK);
	shmq_cancel(&more);
	for (unsigned i = 0; i < 8; i++) {
		if (i % 3)
			shmq_cancel(&open[i]);
		else
			expect_result(shmq_commit(&open[i], 1), 0);
		expect_result(shmq_reserve(&open[i], tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	}
	expect_result(shmq_reserve(&more, tenant, SHMQ_STORAGE, 1, NULL), -EAGAIN);
	for (unsigned i = 0; i < 8; i++)
		shmq_cancel(&open[i]);
	expect_used(SHMQ_STORAGE, 1); /* of the fourth, committed */
	expect_used(SHMQ_MEMORY, 2);  /* of the first and the seventh */
	expect_sound();
}

Test(reservation, of_a_rate_is_returned_only_within_its_window)
{
	struct shmq_quota quota = quota_periodic(100, 200 * MS);
	struct shmq_reservation late, timely;

	the_segment = fixture_segment(NULL);
	tenant = fixture_component(the_segment, "tenant", &quota);
	clock_enter_window(200 * MS);
	expect_result(shmq_reserve(&late, tenant, SHMQ_MESSAGES, 80, NULL), SHMQ_OK);
	clock_enter_window(200 * MS);
	expect_result(shmq_reserve(&timely, tenant, SHMQ_MESSAGES, 30, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 60, NULL), SHMQ_OK);
	shmq_cancel(&late);
	expect_used(SHMQ_MESSAGES, 90);
	shmq_cancel(&timely);
	expect_used(SHMQ_MESSAGES, 60);
}

Test(reservation, of_a_component_that_is_gone_is_finished_and_says_so)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_reservation committed, cancelled;
	struct shmq_component *again;

	set_up();
	expect_result(shmq_reserve(&committed, tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	expect_result(shmq_reserve(&cancelled, tenant, SHMQ_STORAGE, 20, NULL), SHMQ_OK);
	expect_result(shmq_component_unregister(the_segment, "tenant"), 0);
	again = fixture_component(the_segment, "tenant", &quota);
	expect_result(shmq_try_consume(again, SHMQ_STORAGE, 100, NULL), SHMQ_OK);
	expect_sound();
	expect_result(shmq_commit(&committed, 5), -ESTALE);
	expect_result(shmq_commit(&committed, 5), -EINVAL);
	shmq_cancel(&cancelled);
	expect_figure(fixture_used(again, SHMQ_STORAGE), 100);
	expect_sound();
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

static void *reserve_ten(void *argument)
{
	return shmq_reserve(argument, tenant, SHMQ_STORAGE, 10, NULL) == SHMQ_OK ? argument : NULL;
}

static void *commit_four(void *argument)
{
	return shmq_commit(argument, 4) == 0 ? argument : NULL;
}

static void in_a_thread(void *(*body)(void *argument), struct shmq_reservation *reservation)
{
	pthread_t thread;
	void *result;

	cr_assert_eq(pthread_create(&thread, NULL, body, reservation), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	cr_assert_eq(result, reservation);
}

Test(reservation, is_finished_by_any_thread_of_its_process)
{
	struct shmq_reservation reservation;

	set_up();
	expect_result(shmq_reserve(&reservation, tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	in_a_thread(commit_four, &reservation);
	expect_used(SHMQ_STORAGE, 4);
	expect_result(shmq_commit(&reservation, 4), -EINVAL);
	expect_sound();
}

Test(reservation, outlives_the_thread_that_made_it)
{
	struct shmq_reservation first, second;

	set_up();
	in_a_thread(reserve_ten, &first);
	in_a_thread(reserve_ten, &second);
	expect_result(shmq_housekeep(the_segment), 0);
	expect_used(SHMQ_STORAGE, 20);
	in_a_thread(commit_four, &first);
	expect_used(SHMQ_STORAGE, 14);
	shmq_cancel(&second);
	expect_used(SHMQ_STORAGE, 4);
	expect_result(shmq_housekeep(the_segment), 0);
	expect_sound();
}

/* Reservations of ended threads keep their slots, until they are finished. */
Test(reservation, of_ended_threads_keep_slots_until_they_are_finished)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_reservation reservations[3], another;
	pthread_t thread;
	void *result;

	set_up();
	expect_used(SHMQ_STORAGE, 0); /* the main thread has one of the four slots */
	for (unsigned i = 0; i < 3; i++)
		in_a_thread(reserve_ten, &reservations[i]);
	expect_used(SHMQ_STORAGE, 30);
	cr_assert_eq(pthread_create(&thread, NULL, reserve_ten, &another), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	cr_assert_null(result);
	for (unsigned i = 0; i < 3; i++)
		expect_result(shmq_commit(&reservations[i], 0), 0);
	expect_result(shmq_segment_info(the_segment, &info), 0);
	expect_figure(info.threads_used, 1);
	in_a_thread(reserve_ten, &another);
	shmq_cancel(&another);
	expect_sound();
}

/* Every thread reserves; what one reserved another one finishes, in no order. */
struct shuffle {
	struct shmq_reservation reservations[4];
	pthread_mutex_t lock;
	uint64_t committed;
};

static void *shuffle(void *argument)
{
	struct shuffle *all = argument;
	unsigned seed = (unsigned)(uintptr_t)&seed;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned place = (unsigned)rand_r(&seed) % 4;

		pthread_mutex_lock(&all->lock);
		if (all->reservations[place].component == NULL) {
			shmq_reserve(&all->reservations[place], tenant, SHMQ_STORAGE, 5, NULL);
		} else if (i % 2) {
			all->committed += shmq_commit(&all->reservations[place], 1) == 0;
			if (shmq_release(tenant, SHMQ_STORAGE, 1) == 0)
				all->committed--;
		} else {
			shmq_cancel(&all->reservations[place]);
		}
		pthread_mutex_unlock(&all->lock);
	}
	return NULL;
}

Test(reservation, wanders_between_threads)
{
	struct shuffle all = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[3];

	set_up();
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, shuffle, &all), 0);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		shmq_cancel(&all.reservations[i]);
	expect_used(SHMQ_STORAGE, all.committed);
	expect_sound();
}
