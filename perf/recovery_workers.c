/* SPDX-License-Identifier: MIT */
/*
 * Workers that die: with holdings, which housekeeping returns, and inside a read section, which holds up a grace period.
 *
 * A read section lasts nanoseconds. A worker that does nothing but look is inside one about every second time it is
 * stopped, and shmq_worker_at() says when.
 */
#include "recovery.h"

#include "segment.h"
#include "victim.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define HOLDERS 4
#define COMPONENTS 1000 /* that a holder spreads its holdings over */
#define HOLDINGS_MAX 4000
#define LIVE_THREADS 255
#define STACK_BYTES (64 << 10)
#define POLL_NS 100000
#define PATIENCE_NS 1e10

/* A worker that holds so much. */
struct holder {
	enum recovery_line line;
	uint32_t holdings, reservations; /* of this, and the size of its ledger */
	struct shmq_segment *segment;
	struct shmq_component *components[COMPONENTS];
};

/* Slots to look at while nobody has died. */
struct idle {
	enum recovery_line line;
	unsigned repeat;
	struct shmq_segment *segment;
};

static struct holder holders[HOLDERS] = {{.line = LINE_RECOVER_1, .holdings = 1, .reservations = 24},
                                         {.line = LINE_RECOVER_100, .holdings = 100, .reservations = 128},
                                         {.line = LINE_RECOVER_1000, .holdings = 1000, .reservations = 1024},
                                         {.line = LINE_RECOVER_4000, .holdings = HOLDINGS_MAX, .reservations = 4096}};
static struct idle idles[] = {
    {LINE_HOUSEKEEP_256, 100, NULL}, {LINE_HOUSEKEEP_256_LIVE, 10, NULL}, {LINE_HOUSEKEEP_8191, 20, NULL}};
static struct shmq_segment *grace_segment;
static struct shmq_component *grace_component, *live_component;

/* ---- Recovery ---------------------------------------------------------------------------------------------------- */

static void hold(void *context, int ready)
{
	static struct shmq_reservation reservations[HOLDINGS_MAX];
	struct holder *holder = context;

	for (uint32_t i = 0; i < holder->holdings; i++)
		if (shmq_reserve(&reservations[i], holder->components[i % COMPONENTS], SHMQ_STORAGE, 1, NULL) !=
		    SHMQ_OK)
			_exit(1);
	victim_is_ready(ready);
	for (;;)
		pause();
}

static int expect_used(const struct holder *holder, uint32_t expected)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < COMPONENTS; i++) {
		struct shmq_status status;
		int result = shmq_status(holder->components[i], &status);

		if (result != 0)
			return bench_complain("shmq_status", result);
		used += status.resource[SHMQ_STORAGE].used;
	}
	return used == expected ? 0 : bench_complain("not as much is used as is held", 0);
}

static int recover_holder(struct holder *holder, double ns[])
{
	struct victim victim;
	struct stopwatch start;
	int recovered, result;

	if (victim_start(&victim, hold, holder) < 0)
		return -1;
	if (!victim_wait(&victim)) {
		victim_reap(&victim);
		return bench_complain("a worker could not reserve", 0);
	}
	result = expect_used(holder, holder->holdings);
	victim_kill(&victim);
	victim_await_death(&victim);
	start = stopwatch_now();
	recovered = shmq_housekeep(holder->segment);
	ns[holder->line] = stopwatch_since(start);
	victim_reap(&victim);
	if (recovered != 1)
		return bench_complain("housekeeping did not find one dead worker", recovered);
	return result < 0 ? -1 : expect_used(holder, 0);
}

static int housekeep_idle(const struct idle *idle, double ns[])
{
	struct stopwatch start = stopwatch_now();

	for (unsigned i = 0; i < idle->repeat; i++) {
		int recovered = shmq_housekeep(idle->segment);

		if (recovered != 0)
			return bench_complain("housekeeping found something where all is well", recovered);
	}
	ns[idle->line] = stopwatch_since(start) / idle->repeat;
	return 0;
}

/* ---- Grace periods ----------------------------------------------------------------------------------------------- */

static void look_for_ever(void *context, int ready)
{
	victim_is_ready(ready);
	while (shmq_check(context, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
		;
}

static bool is_reading(const struct victim *victim, void *context)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_worker worker;

	shmq_segment_info(context, &info);
	for (uint32_t i = 0; i < info.threads; i++)
		if (shmq_worker_at(context, i, &worker) == 0 && worker.tid == (uint32_t)victim->pid && worker.reading)
			return true;
	return false;
}

static uint32_t retired_count(void)
{
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(grace_segment, &info);
	return info.retired;
}

/* Retire a component under the stopped reader's eyes: it has to stay. */
static int retire_one(void)
{
	int result = shmq_component_register(grace_segment, "short-lived", NULL);

	if (result == 0)
		result = shmq_component_unregister(grace_segment, "short-lived");
	/* It may find the reader of the round before, which left its read section before it died. */
	for (int i = 0; i < 10 && result >= 0; i++)
		result = shmq_housekeep(grace_segment);
	if (result < 0)
		return bench_complain("cannot retire a component", result);
	return retired_count() == 1 ? 0 : bench_complain("a component was reclaimed beside a reader", 0);
}

static int await_reclaim(const struct victim *victim, double ns[])
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	struct stopwatch killed = stopwatch_now(), alive = killed;
	bool is_dead = false;

	while (retired_count() > 0) {
		if (stopwatch_since(killed) > PATIENCE_NS)
			return bench_complain("a dead reader still holds up a grace period", 0);
		if (!is_dead) {
			alive = stopwatch_now();
			is_dead = victim_is_dead(victim);
		}
		shmq_housekeep(grace_segment);
		nanosleep(&pause, NULL);
	}
	ns[LINE_GRACE_FROM_DEATH] = stopwatch_since(alive);
	ns[LINE_GRACE_FROM_KILL] = stopwatch_since(killed);
	return 0;
}

static int end_grace_period(double ns[])
{
	struct victim victim;
	int result = -1;

	if (victim_start(&victim, look_for_ever, grace_component) < 0)
		return -1;
	if (!victim_wait(&victim) || !victim_stop_where(&victim, is_reading, grace_segment)) {
		bench_complain("no worker could be stopped inside a read section", 0);
	} else if (retire_one() == 0) {
		victim_kill(&victim);
		result = await_reclaim(&victim, ns);
	}
	victim_reap(&victim);
	return result;
}

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

static struct shmq_segment *create_segment(uint32_t components, uint32_t threads, uint32_t reservations)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = components;
	options.threads = threads;
	options.reservations = reservations;
	return bench_segment_unnamed(&options);
}

static int setup_holder(struct holder *holder)
{
	char name[BENCH_NAME_SIZE];

	holder->segment = create_segment(COMPONENTS, 16, holder->reservations);
	if (holder->segment == NULL)
		return -1;
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		snprintf(name, sizeof(name), "tenant-%05u.example", i);
		if (bench_add_component(&holder->components[i], holder->segment, name, NULL) < 0)
			return -1;
	}
	return 0;
}

static void *attach(void *barrier)
{
	if (shmq_check(live_component, SHMQ_STORAGE, 1, NULL) != SHMQ_OK)
		_exit(1);
	pthread_barrier_wait(barrier);
	for (;;)
		pause();
}

static void attach_many(void *context, int ready)
{
	pthread_attr_t attributes;
	pthread_barrier_t barrier;
	pthread_t thread;

	(void)context;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_barrier_init(&barrier, NULL, LIVE_THREADS + 1);
	for (unsigned i = 0; i < LIVE_THREADS; i++)
		if (pthread_create(&thread, &attributes, attach, &barrier) != 0)
			_exit(1);
	pthread_barrier_wait(&barrier);
	victim_is_ready(ready);
	for (;;)
		pause();
}

/* They live as long as this program. */
static int setup_living(struct shmq_segment *segment)
{
	struct victim living;

	if (bench_add_component(&live_component, segment, "busy", NULL) < 0 ||
	    victim_start(&living, attach_many, NULL) < 0)
		return -1;
	return victim_wait(&living) ? 0 : bench_complain("cannot start as many threads", 0);
}

int workers_setup(void)
{
	for (int i = 0; i < HOLDERS; i++)
		if (setup_holder(&holders[i]) < 0)
			return -1;
	idles[0].segment = create_segment(16, 256, 24);
	idles[1].segment = create_segment(16, 256, 24);
	idles[2].segment = create_segment(16, SHMQ_THREADS_MAX, 24);
	grace_segment = create_segment(16, 256, 24);
	if (idles[0].segment == NULL || idles[1].segment == NULL || idles[2].segment == NULL || grace_segment == NULL)
		return -1;
	return bench_add_component(&grace_component, grace_segment, "looked-at", NULL) < 0
	           ? -1
	           : setup_living(idles[1].segment);
}

int workers_round(double ns[RECOVERY_LINES])
{
	for (int i = 0; i < HOLDERS; i++)
		if (recover_holder(&holders[i], ns) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(idles) / sizeof(idles[0]); i++)
		if (housekeep_idle(&idles[i], ns) < 0)
			return -1;
	return end_grace_period(ns);
}
