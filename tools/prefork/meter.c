/* SPDX-License-Identifier: MIT */
/*
 * One choice, made per worker and never changed: whose count is asked. There is nothing else here, so that what is
 * compared differs in nothing else.
 */
#include "meter.h"

#include "private_count.h"

#include <errno.h>
#include <stddef.h>

/* This worker's own count; NULL, and that is the point of the library, when all workers share one. */
static struct private_count *own;

int meter_start(bool count_per_worker, struct shmq_segment *segment)
{
	if (!count_per_worker)
		return 0;
	own = private_count_create(segment);
	return own == NULL ? -ENOMEM : 0;
}

void meter_stop(void)
{
	private_count_free(own);
	own = NULL;
}

int meter_check(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	if (own != NULL)
		return private_count_check(own, c, resource, amount, verdict);
	return shmq_check(c, resource, amount, verdict);
}

int meter_consume(struct shmq_component *c, int resource, uint64_t amount)
{
	if (own != NULL)
		return private_count_consume(own, c, resource, amount);
	return shmq_consume(c, resource, amount);
}

int meter_release(struct shmq_component *c, int resource, uint64_t amount)
{
	if (own != NULL)
		return private_count_release(own, c, resource, amount);
	return shmq_release(c, resource, amount);
}

int meter_reserve(struct meter_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                  struct shmq_verdict *verdict)
{
	int result = own != NULL ? private_count_try_consume(own, c, resource, amount, verdict)
	                         : shmq_reserve(&out->shared, c, resource, amount, verdict);

	out->component = c;
	out->resource = resource;
	out->amount = meter_admits(result) ? amount : 0;
	return result;
}

int meter_commit(struct meter_reservation *reservation, uint64_t actual)
{
	uint64_t rest = reservation->amount - actual;

	reservation->amount = 0;
	if (own == NULL)
		return shmq_commit(&reservation->shared, actual);
	private_count_give_back(own, reservation->component, reservation->resource, rest);
	return 0;
}

void meter_cancel(struct meter_reservation *reservation)
{
	if (reservation->amount == 0)
		return;
	if (own == NULL)
		shmq_cancel(&reservation->shared);
	else
		private_count_give_back(own, reservation->component, reservation->resource, reservation->amount);
	reservation->amount = 0;
}

int meter_shared(int resource)
{
	return own != NULL ? SHMQ_NONE : resource;
}

struct meter_guard meter_guard_enter(struct shmq_security_context *context, int resource)
{
	struct meter_guard guard = {context, resource, context->actual, true};

	if (own == NULL || resource == SHMQ_NONE)
		return guard;
	context->result = private_count_try_consume(own, context->component, resource, guard.amount, &context->verdict);
	guard.runs = meter_admits(context->result);
	if (guard.runs)
		context->result = 0;
	return guard;
}

void meter_guard_finish(struct meter_guard *guard)
{
	const struct shmq_security_context *context = guard->context;
	uint64_t rest = context->result == 0 ? guard->amount - context->actual : guard->amount;

	guard->runs = false;
	if (own != NULL && guard->resource != SHMQ_NONE)
		private_count_give_back(own, context->component, guard->resource, rest);
}

int meter_memory_set(struct shmq_component *c, uint64_t held, uint64_t bytes, struct shmq_verdict *verdict)
{
	if (own == NULL)
		return shmq_memory_set(c, bytes, verdict);
	if (bytes > held)
		return private_count_try_consume(own, c, SHMQ_MEMORY, bytes - held, verdict);
	return private_count_release(own, c, SHMQ_MEMORY, held - bytes);
}

int meter_status(struct shmq_component *c, struct shmq_status *out)
{
	if (own != NULL)
		return private_count_status(own, c, out);
	return shmq_status(c, out);
}

const char *meter_kind(void)
{
	return own != NULL ? "per worker" : "shared";
}

bool meter_admits(int result)
{
	return result == SHMQ_OK || result == SHMQ_WOULD_DENY;
}
