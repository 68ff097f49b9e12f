/* SPDX-License-Identifier: MIT */
/*
 * Limits as text: how they look, and that they read back as the same.
 */
#include "policy/format.h"

#include "policy/units.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void expect_limit(const char *expected, struct shmq_quota quota, int resource)
{
	char text[100];
	int length = format_limit(text, sizeof(text), &quota, resource);

	cr_expect_str_eq(text, expected);
	cr_expect_eq(length, (int)strlen(expected));
}

static struct shmq_quota quota_of(int resource, uint64_t limit, uint64_t period_ns)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	quota.limit[resource] = limit;
	quota.period_ns[resource] = period_ns;
	return quota;
}

Test(format, limits_look_as_policies_spell_them)
{
	expect_limit("100MB", quota_of(SHMQ_STORAGE, UINT64_C(100) << 20, 0), SHMQ_STORAGE);
	expect_limit("1025", quota_of(SHMQ_STORAGE, 1025, 0), SHMQ_STORAGE);
	expect_limit("1TB", quota_of(SHMQ_MEMORY, UINT64_C(1) << 40, 0), SHMQ_MEMORY);
	expect_limit("0", quota_of(SHMQ_MEMORY, 0, 0), SHMQ_MEMORY);
	expect_limit("unlimited", quota_of(SHMQ_MEMORY, SHMQ_UNLIMITED, 0), SHMQ_MEMORY);
	expect_limit("100/s", quota_of(SHMQ_MESSAGES, 100, 1000000000), SHMQ_MESSAGES);
	expect_limit("1024/h", quota_of(SHMQ_MESSAGES, 1024, UINT64_C(3600000000000)), SHMQ_MESSAGES);
	expect_limit("5/90s", quota_of(SHMQ_MESSAGES, 5, UINT64_C(90000000000)), SHMQ_MESSAGES);
	expect_limit("5/7d", quota_of(SHMQ_MESSAGES, 5, UINT64_C(604800000000000)), SHMQ_MESSAGES);
	expect_limit("0/s", quota_of(SHMQ_MESSAGES, 0, 1000000000), SHMQ_MESSAGES);
	expect_limit("unlimited", quota_of(SHMQ_NETWORK, SHMQ_UNLIMITED, 1000000000), SHMQ_NETWORK);
	expect_limit("500ms/s", quota_of(SHMQ_CPU, 500000, 1000000000), SHMQ_CPU);
	expect_limit("7us/10ms", quota_of(SHMQ_CPU, 7, 10000000), SHMQ_CPU);
	expect_limit("2min/h", quota_of(SHMQ_CPU, 120000000, UINT64_C(3600000000000)), SHMQ_CPU);
}

Test(format, only_a_bucket_has_a_burst)
{
	struct shmq_quota quota = quota_of(SHMQ_NETWORK, UINT64_C(10) << 20, 1000000000);

	quota.burst[SHMQ_NETWORK] = UINT64_C(20) << 20;
	expect_limit("10MB/s", quota, SHMQ_NETWORK);
	quota.algorithm[SHMQ_NETWORK] = SHMQ_BUCKET;
	expect_limit("10MB/s burst 20MB", quota, SHMQ_NETWORK);
	quota.burst[SHMQ_NETWORK] = 0;
	expect_limit("10MB/s", quota, SHMQ_NETWORK);
}

Test(format, is_cut_where_there_is_no_room)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char text[4] = "***";

	cr_expect_eq(format_limit(text, sizeof(text), &quota, SHMQ_STORAGE), 5);
	cr_expect_str_eq(text, "100");
	cr_expect_eq(format_limit(NULL, 0, &quota, SHMQ_STORAGE), 5);
}

Test(format, refuses_what_is_no_resource)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char text[10];

	cr_expect_eq(format_limit(text, sizeof(text), &quota, SHMQ_NONE), -EINVAL);
	cr_expect_eq(format_limit(text, sizeof(text), &quota, SHMQ_RESOURCES), -EINVAL);
	cr_expect_eq(format_amount(text, sizeof(text), SHMQ_RESOURCES, 1), -EINVAL);
}

/* A generator of test figures, of all magnitudes. */
static uint64_t next(uint64_t *state, uint64_t most)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (*state >> 8) % ((UINT64_C(1) << (*state >> 58 & 63)) | 1) % (most + 1);
}

Test(format, what_is_written_reads_back_as_the_same)
{
	uint64_t state = 1;
	char text[100];

	for (unsigned i = 0; i < 200000; i++) {
		int resource = (int)(i % SHMQ_RESOURCES);
		struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
		struct units_limit limit;

		quota.limit[resource] = 1 + next(&state, SHMQ_AMOUNT_MAX - 1);
		if (quota.period_ns[resource] > 0) {
			quota.period_ns[resource] = 1000000 * (10 + next(&state, UINT64_C(31622399990)));
			quota.algorithm[resource] = SHMQ_BUCKET;
			quota.burst[resource] = next(&state, SHMQ_AMOUNT_MAX);
		}
		format_limit(text, sizeof(text), &quota, resource);
		cr_assert_eq(units_read_limit(&limit, (enum shmq_resource)resource, text, NULL), 0, "%s", text);
		cr_assert_eq(limit.amount, quota.limit[resource], "%s", text);
		cr_assert_eq(limit.period_ns, quota.period_ns[resource], "%s", text);
		cr_assert_eq(limit.burst, quota.burst[resource], "%s", text);
	}
}
