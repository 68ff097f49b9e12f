/* SPDX-License-Identifier: MIT */
/*
 * What operations count with: the functions of the library that are called so, or, with --count-per-worker, this worker's
 * own count of the same quotas (private_count.h). A host that needs no such comparison calls the library where this one
 * calls its meter.
 */
#ifndef PREFORK_METER_H
#define PREFORK_METER_H

#include <shmquota.h>

#include <stdbool.h>

/* Choose, once per worker, before its threads start. Returns 0 or -ENOMEM. */
int meter_start(bool count_per_worker, struct shmq_segment *segment);
void meter_stop(void);

int meter_check(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);
int meter_consume(struct shmq_component *c, int resource, uint64_t amount);
int meter_release(struct shmq_component *c, int resource, uint64_t amount);
int meter_status(struct shmq_component *c, struct shmq_status *out);

/* A reservation of either count; finished when `amount` is 0. */
struct meter_reservation {
	struct shmq_reservation shared;
	struct shmq_component *component;
	int resource;
	uint64_t amount;
};

int meter_reserve(struct meter_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                  struct shmq_verdict *verdict);
int meter_commit(struct meter_reservation *reservation, uint64_t actual);
void meter_cancel(struct meter_reservation *reservation);

/*
 * SHMQ_GUARD, with the amount taken from the count that was chosen. What a capability grants is one question for all
 * workers in either case. Leave the block at its end only, with the context's result saying how it went.
 */
#define METER_GUARD(context, permission, target, resource, amount)                                                     \
	SHMQ_GUARD (context, permission, target, meter_shared(resource), amount)                                       \
		for (struct meter_guard meter_guard_ = meter_guard_enter(context, resource); meter_guard_.runs;        \
		     meter_guard_finish(&meter_guard_))

/* Private to METER_GUARD. */
struct meter_guard {
	struct shmq_security_context *context;
	int resource;
	uint64_t amount;
	bool runs;
};
int meter_shared(int resource); /* SHMQ_NONE where the worker counts for itself */
struct meter_guard meter_guard_enter(struct shmq_security_context *context, int resource);
void meter_guard_finish(struct meter_guard *guard);

/* State what this worker holds of a component's memory; `held` is what it stated last, for the worker's own count. */
int meter_memory_set(struct shmq_component *c, uint64_t held, uint64_t bytes, struct shmq_verdict *verdict);

/* "shared", or "per worker". */
const char *meter_kind(void);

/* Tell whether a result admits: quota was there, or the component only warns. */
bool meter_admits(int result);

#endif
