/* SPDX-License-Identifier: MIT */
/*
 * CPU time: a task gets a budget, which is taken before it starts, and ends by the clock of its thread a little before
 * the budget does. So what runs when the limit is reached is paid for already. If the thread was kept from looking at
 * its clock, what it used above its budget is recorded afterwards; later tasks pay for it.
 *
 * The policy grants it as "cpu.run = task".
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <inttypes.h>
#include <time.h>

#define COMPUTE_MAX_MS 10000u
#define MARGIN_US 100u /* between two looks at the clock */

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
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	uint64_t ms, start, used = 0;

	if (!request_number(request, "ms", COMPUTE_MAX_MS, &ms))
		return;
	METER_GUARD (&context, "cpu.run", "task", SHMQ_CPU, ms * 1000) {
		start = thread_cpu_us();
		work_until(start + ms * 1000 - (ms > 0 ? MARGIN_US : 0));
		used = thread_cpu_us() - start;
	}
	if (context.result == 0 && used > ms * 1000)
		context.result = meter_consume(request->component, SHMQ_CPU, used - ms * 1000);
	if (context.result == 0)
		answer_text(request, MHD_HTTP_OK, "Computed for %" PRIu64 " us", used);
	answer_guard(request, &context, "cpu.run", "task");
	answer_limits(request, &context.verdict);
}
