/* SPDX-License-Identifier: MIT */
/*
 * Memory shared between a test and its children. Waiting polls: it needs no futex, works in any process that has the
 * page and cannot be left locked by one that was killed.
 */
#include "shared.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "clock.h"

void *shared_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

void shared_free(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

bool counter_await(struct counter *counter, uint64_t value, unsigned timeout_ms)
{
	uint64_t end = clock_now_ns() + timeout_ms * MS;

	while (counter_get(counter) < value) {
		if (clock_now_ns() > end)
			return false;
		clock_sleep_ns(MS / 20);
	}
	return true;
}

void gate_wait(struct gate *gate)
{
	counter_add(&gate->waiting, 1);
	/* Spinning for a while lets all start within a microsecond where there is a processor for each. */
	for (unsigned spins = 0; counter_get(&gate->open) == 0; spins++)
		if (spins > 2000)
			clock_sleep_ns(MS / 20);
}

bool gate_open(struct gate *gate, unsigned expected)
{
	bool complete = counter_await(&gate->waiting, expected, 10000);

	counter_set(&gate->open, 1);
	return complete;
}
