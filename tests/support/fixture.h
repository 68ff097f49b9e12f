/* SPDX-License-Identifier: MIT */
/*
 * What every Criterion suite of the public interface begins and ends with: a bound in time, segments that are always
 * removed, handles that are always given back, and short ways to say what is expected.
 *
 * Only for test bodies: nothing here may be called in a forked child, except quota_*() and fixture_name().
 */
#ifndef TESTS_SUPPORT_FIXTURE_H
#define TESTS_SUPPORT_FIXTURE_H

#include <criterion/criterion.h>
#include <inttypes.h>
#include <shmquota.h>

/* .init and .fini of every suite. The first sets an alarm: a test that hangs is ended by SIGALRM. */
void fixture_begin(void);
void fixture_end(void);

#define FIXTURE .init = fixture_begin, .fini = fixture_end

/* The name of the segment that fixture_segment() makes. */
const char *fixture_name(void);

/* Create a segment for control, with default options where `options` is NULL. Closed and removed at the end. */
struct shmq_segment *fixture_segment(const struct shmq_options *options);

/* Give all handles back and close the segment before the end. It stays, where it is persistent or others have it. */
void fixture_close(void);

/* Register a component and find it. The handle is given back at the end. */
struct shmq_component *fixture_component(struct shmq_segment *segment, const char *name,
                                         const struct shmq_quota *quota);

/* The default segment with one component "tenant" of the given quota: what most tests start from. */
struct shmq_component *fixture_tenant(const struct shmq_quota *quota);

/* Write a policy file, load it and publish it; all must succeed. */
void fixture_publish(struct shmq_segment *segment, const char *text);

/* Write a policy file beside the segment and return its path, which lives as long as the test. */
const char *fixture_policy_file(const char *text);

/* The unit of a rate in a policy whose window lasts through any test: "h", or longer just before a full hour. */
const char *fixture_calm_unit(void);

struct shmq_resource_status fixture_status(struct shmq_component *component, int resource);
uint64_t fixture_used(struct shmq_component *component, int resource);

/* A quota whose five limits are `limit` and whose windows last through any test. */
struct shmq_quota quota_calm(uint64_t limit);

/* The same with windows of the given length. */
struct shmq_quota quota_periodic(uint64_t limit, uint64_t period_ns);

/* A call returns exactly this. */
#define expect_result(call, expected)                                                                                  \
	do {                                                                                                           \
		int actual_result = (call), expected_result = (expected);                                              \
		cr_assert(actual_result == expected_result, "%s returned %d (%s), expected %d", #call, actual_result,  \
		          shmq_strerror(actual_result), expected_result);                                              \
	} while (0)

/* Two unsigned figures are equal. */
#define expect_figure(actual, expected)                                                                                \
	do {                                                                                                           \
		uint64_t actual_figure = (actual), expected_figure = (expected);                                       \
		cr_assert(actual_figure == expected_figure, "%s is %" PRIu64 ", expected %" PRIu64, #actual,           \
		          actual_figure, expected_figure);                                                             \
	} while (0)

#endif
