/* SPDX-License-Identifier: MIT */
/*
 * SHMQ_WITH_QUOTA in every way that leads out of its block. Compiled as C11 and once more as C++17, so it keeps to what
 * both are; a plain program, since the test framework's header is neither.
 */
#include <inttypes.h>
#include <shmquota.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 100

static struct shmq_component *tenant;
static unsigned failures;

static uint64_t used(int resource)
{
	struct shmq_status status;

	return shmq_status(tenant, &status) == 0 ? status.resource[resource].used : UINT64_MAX;
}

static void expect(const char *what, uint64_t found, uint64_t expected)
{
	if (found == expected)
		return;
	printf("%s: %" PRIu64 ", expected %" PRIu64 "\n", what, found, expected);
	failures++;
}

/* The block's own result is what remains in `result`. */
static int write_something(uint64_t size, int outcome)
{
	int result = -1;

	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, size, result) {
		expect("while the block runs", used(SHMQ_STORAGE), size);
		expect("result at the beginning", (uint64_t)result, 0);
		result = outcome;
	}
	return result;
}

static int leave_by_return(uint64_t size)
{
	int result;

	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, size, result) {
		if (used(SHMQ_STORAGE) == size)
			return 77;
	}
	return result;
}

static int leave_by_break(uint64_t size)
{
	int result;

	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, size, result) {
		if (used(SHMQ_STORAGE) == size)
			break;
		expect("behind a break", 1, 0);
	}
	return result;
}

static int leave_by_continue(uint64_t size)
{
	int result;

	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, size, result) {
		if (used(SHMQ_STORAGE) == size)
			continue;
		expect("behind a continue", 1, 0);
	}
	return result;
}

static int leave_by_goto(uint64_t size)
{
	int result;

	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, size, result) {
		if (used(SHMQ_STORAGE) == size)
			goto out;
	}
	return result;
out:
	return 78;
}

static int nest(uint64_t outer, uint64_t inner, int outcome)
{
	int result, inner_result;

	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, outer, result) {
		SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, inner, inner_result) {
			expect("in both blocks", used(SHMQ_STORAGE), outer + inner);
			inner_result = outcome;
		}
		result = inner_result;
	}
	return result;
}

/* Amounts are evaluated once. */
static unsigned evaluations;

static uint64_t amount(void)
{
	evaluations++;
	return 10;
}

static void empty_storage(void)
{
	shmq_release(tenant, SHMQ_STORAGE, used(SHMQ_STORAGE));
}

static void check_blocks(void)
{
	expect("ends normally", (uint64_t)write_something(60, 0), 0);
	expect("committed", used(SHMQ_STORAGE), 60);
	empty_storage();
	expect("fails", (uint64_t)(int64_t)write_something(60, -5), (uint64_t)(int64_t)-5);
	expect("cancelled by its result", used(SHMQ_STORAGE), 0);
	expect("refused", (uint64_t)write_something(LIMIT + 1, 0), SHMQ_DENIED);
	expect("of a refusal", used(SHMQ_STORAGE), 0);
	expect("return", (uint64_t)leave_by_return(60), 77);
	expect("cancelled by return", used(SHMQ_STORAGE), 0);
	expect("break", (uint64_t)leave_by_break(60), 0);
	expect("cancelled by break", used(SHMQ_STORAGE), 0);
	expect("continue", (uint64_t)leave_by_continue(60), 0);
	expect("committed by continue", used(SHMQ_STORAGE), 60);
	empty_storage();
	expect("goto", (uint64_t)leave_by_goto(60), 78);
	expect("cancelled by goto", used(SHMQ_STORAGE), 0);
}

static void check_nests(void)
{
	expect("nested", (uint64_t)nest(60, 40, 0), 0);
	expect("both committed", used(SHMQ_STORAGE), 100);
	empty_storage();
	expect("inner fails", (uint64_t)nest(60, 40, 3), 3);
	expect("both cancelled", used(SHMQ_STORAGE), 0);
	expect("inner refused", (uint64_t)nest(60, 41, 0), SHMQ_DENIED);
	expect("outer cancelled", used(SHMQ_STORAGE), 0);
}

static void check_many(void)
{
	int result;

	/* More often than a ledger has entries: each one is given back. */
	for (unsigned i = 0; i < 1000; i++)
		leave_by_return(1 + i % LIMIT);
	expect("after a thousand", used(SHMQ_STORAGE), 0);
	SHMQ_WITH_QUOTA (tenant, SHMQ_MESSAGES, amount(), result)
		result = 0;
	expect("evaluations", evaluations, 1);
	expect("messages", used(SHMQ_MESSAGES), 10);
	SHMQ_WITH_QUOTA (NULL, SHMQ_MESSAGES, 1, result)
		expect("a block without a component", 1, 0);
	expect("no component", result < 0, 1);
}

int main(void)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_segment *segment;
	char name[64];

	/* A day: no window ends meanwhile, or one test in many would be wrong. */
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		quota.limit[i] = LIMIT;
		if (quota.period_ns[i] != 0)
			quota.period_ns[i] = SHMQ_PERIOD_MAX_NS;
	}
	snprintf(name, sizeof(name), "/shmq-test-%d-guard", (int)getpid());
	if (shmq_segment_create(&segment, name, NULL) != 0)
		return 1;
	if (shmq_component_register(segment, "tenant", &quota) == 0 &&
	    shmq_component_find(&tenant, segment, "tenant") == 0) {
		check_blocks();
		check_nests();
		check_many();
		expect("defects", (uint64_t)shmq_segment_verify(segment, NULL, NULL), 0);
		shmq_component_put(tenant);
	} else {
		failures++;
	}
	shmq_segment_close(segment);
	shmq_segment_remove(name);
	printf("%u failed\n", failures);
	return failures > 0;
}
