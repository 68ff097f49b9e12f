/* SPDX-License-Identifier: MIT */
/*
 * CPU time: nobody knows before how much a task will take, so it is checked before and recorded after, by the clock of
 * the thread that did it. What was running when the limit was reached is recorded, too, and may pass it.
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <inttypes.h>
#include <time.h>

#define COMPUTE_MAX_MS 10000u

static uint64_t thread_cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Work that a compiler cannot see through. */
static void work_until(uint64_t end_us)
{
	volatile uint64_t state = 88172645463325252;

	while (thread_cpu_us() < end_us) {
		for (unsigned i = 0; i < 5000; i++) {
			uint64_t x = state;

			x ^= x << 13;
			x ^= x >> 7;
			state = x ^ x << 17;
		}
	}
}

void compute_post(struct request *request)
{
	struct shmq_verdict verdict;
	uint64_t ms, start, used;
	int result;

	if (!request_number(request, "ms", COMPUTE_MAX_MS, &ms))
		return;
	result = meter_check(request->component, SHMQ_CPU, ms * 1000, &verdict);
	if (!meter_admits(result)) {
		answer_refusal(request, result, &verdict);
		return;
	}
	start = thread_cpu_us();
	work_until(start + ms * 1000);
	used = thread_cpu_us() - start;
	result = meter_consume(request->component, SHMQ_CPU, used);
	if (result < 0)
		answer_result(request, result);
	else
		answer_text(request, MHD_HTTP_OK, "Computed for %" PRIu64 " us", used);
	answer_limits(request, &verdict);
}
