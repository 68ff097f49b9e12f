/* SPDX-License-Identifier: MIT */
/*
 * A small segment with one component: limits of 100 in windows that do not end while a test runs, four threads, and eight
 * reservations each.
 */
#ifndef TESTS_PROCESS_TENANT_H
#define TESTS_PROCESS_TENANT_H

#include "../support/fixture.h"

static struct shmq_segment *the_segment;
static struct shmq_component *tenant;

static inline void set_up(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(100);

	options.threads = 4;
	options.reservations = 8;
	the_segment = fixture_segment(&options);
	tenant = fixture_component(the_segment, "tenant", &quota);
}

static inline void expect_used(int resource, uint64_t expected)
{
	expect_figure(fixture_used(tenant, resource), expected);
}

static inline void expect_sound(void)
{
	expect_result(shmq_segment_verify(the_segment, NULL, NULL), 0);
}

#endif
