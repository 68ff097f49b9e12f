/* SPDX-License-Identifier: MIT */
/*
 * Bad input to every public function: a clear error, nothing changed, nothing lost.
 *
 * What is damaged in shared memory is in test_damage.c, policies are in the unit tests of the parser.
 */
#include <errno.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/names.h"

TestSuite(bad_input, FIXTURE);

static const int strange_resources[] = {SHMQ_NONE, SHMQ_RESOURCES, -2, 1000, INT32_MAX, INT32_MIN};

#define STRANGE (sizeof(strange_resources) / sizeof(strange_resources[0]))

static void expect_unused(struct shmq_component *tenant)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_resource_status status = fixture_status(tenant, resource);

		expect_figure(status.used, 0);
		expect_figure(status.total, 0);
		expect_figure(status.peak, 0);
	}
}

Test(bad_input, unknown_resources_are_refused)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	for (unsigned i = 0; i < STRANGE; i++) {
		struct shmq_demand demand = {strange_resources[i], 1};

		expect_result(shmq_check(tenant, strange_resources[i], 1, NULL), -EINVAL);
		expect_result(shmq_try_consume(tenant, strange_resources[i], 1, NULL), -EINVAL);
		expect_result(shmq_try_consume_all(tenant, &demand, 1, NULL), -EINVAL);
		expect_result(shmq_consume(tenant, strange_resources[i], 1), -EINVAL);
		expect_result(shmq_release(tenant, strange_resources[i], 1), -EINVAL);
	}
	expect_unused(tenant);
}

Test(bad_input, a_missing_component_is_refused)
{
	struct shmq_demand demand = {SHMQ_STORAGE, 1};
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_status status;

	expect_result(shmq_check(NULL, SHMQ_STORAGE, 1, NULL), -EINVAL);
	expect_result(shmq_try_consume(NULL, SHMQ_STORAGE, 1, NULL), -EINVAL);
	expect_result(shmq_try_consume_all(NULL, &demand, 1, NULL), -EINVAL);
	expect_result(shmq_consume(NULL, SHMQ_STORAGE, 1), -EINVAL);
	expect_result(shmq_release(NULL, SHMQ_STORAGE, 1), -EINVAL);
	expect_result(shmq_reset(NULL), -EINVAL);
	expect_result(shmq_status(NULL, &status), -EINVAL);
	expect_result(shmq_component_quota(NULL, &quota), -EINVAL);
	cr_assert_not(shmq_is_warning(NULL));
	cr_assert_not(shmq_is_critical(NULL));
}

Test(bad_input, missing_results_and_segments_are_refused)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *found = NULL;
	struct shmq_policy *policy = NULL;
	uint64_t cursor = 0, value;

	expect_result(shmq_segment_create(NULL, fixture_name(), NULL), -EINVAL);
	expect_result(shmq_segment_open(NULL, fixture_name(), SHMQ_WORK), -EINVAL);
	expect_result(shmq_segment_info(segment, NULL), -EINVAL);
	expect_result(shmq_component_find(NULL, segment, "x"), -EINVAL);
	expect_result(shmq_component_find(&found, NULL, "x"), -EINVAL);
	expect_result(shmq_component_at(NULL, segment, 0), -EINVAL);
	expect_result(shmq_component_at(&found, segment, UINT32_MAX), -EINVAL);
	expect_result(shmq_component_at(&found, segment, 1024), -EINVAL);
	expect_result(shmq_component_at(&found, segment, 0), -ENOENT);
	expect_result(shmq_component_register(NULL, "x", NULL), -EINVAL);
	expect_result(shmq_component_unregister(NULL, "x"), -EINVAL);
	expect_result(shmq_component_unregister(segment, "x"), -ENOENT);
	expect_result(shmq_policy_publish(segment, NULL), -EINVAL);
	expect_result(shmq_policy_load(&policy, NULL, 1, NULL), -EINVAL);
	expect_result(shmq_policy_load(&policy, NULL, 0, NULL), -EINVAL);
	expect_result(shmq_housekeep(NULL), -EINVAL);
	expect_result(shmq_worker_at(segment, 0, NULL), -EINVAL);
	expect_result(shmq_field_next(segment, &cursor, NULL), -EINVAL);
	expect_result(shmq_parse_size(NULL, "1"), -EINVAL);
	expect_result(shmq_parse_size(&value, NULL), -EINVAL);
}

Test(bad_input, a_missing_status_is_refused)
{
	struct shmq_component *tenant = fixture_tenant(NULL);

	expect_result(shmq_status(tenant, NULL), -EINVAL);
	expect_result(shmq_component_quota(tenant, NULL), -EINVAL);
}

Test(bad_input, structures_without_their_size_are_refused)
{
	struct shmq_segment *main_segment = fixture_segment(NULL);
	struct shmq_component *tenant = fixture_component(main_segment, "tenant", NULL);
	struct shmq_options options = {0};
	struct shmq_quota quota = {0};
	struct shmq_info info = {0};
	struct shmq_segment *segment = NULL;
	char name[NAME_SIZE];

	name_segment(name, "sizeless");
	expect_result(shmq_segment_create(&segment, name, &options), -EINVAL);
	expect_result(shmq_component_quota(tenant, &quota), -EINVAL);
	expect_result(shmq_component_register(main_segment, "new", &quota), -EINVAL);
	expect_result(shmq_segment_info(main_segment, &info), -EINVAL);
}

Test(bad_input, names_of_components_must_be_names)
{
	static const char *const bad[] = {
	    "",
	    "line\nbreak",
	    "bell\a",
	    "delete\x7f",
	    "next line \xc2\x85",        /* U+0085, a control character beyond ASCII */
	    "\xff",                      /* in no UTF-8 */
	    "cut \xc3",                  /* the first of two bytes */
	    "cut \xe2\x82",              /* two of three */
	    "alone \x80",                /* a continuation of nothing */
	    "long slash \xc0\xaf",       /* '/' in two bytes */
	    "long \xe0\x80\xaf",         /* and in three */
	    "surrogate \xed\xa0\x80",    /* U+D800 */
	    "beyond \xf4\x90\x80\x80",   /* U+110000 */
	    "five \xf8\x88\x80\x80\x80", /* no longer UTF-8 */
	};
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_component *found = NULL;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(shmq_component_register(segment, bad[i], NULL), -EINVAL, "case %u", i);
		cr_assert_eq(shmq_component_find(&found, segment, bad[i]), -EINVAL, "case %u", i);
		cr_assert_eq(shmq_component_unregister(segment, bad[i]), -EINVAL, "case %u", i);
	}
	expect_result(shmq_component_register(segment, NULL, NULL), -EINVAL);
	expect_result(shmq_component_find(&found, segment, NULL), -EINVAL);
	expect_result(shmq_component_unregister(segment, NULL), -EINVAL);
	expect_result(shmq_segment_info(segment, &info), 0);
	expect_figure(info.components_used, 0);
}

/* Who looks at a name can tell a group: only policies make them. */
Test(bad_input, names_of_groups_are_those_of_policies)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *found;

	expect_result(shmq_component_register(segment, "group:", NULL), -EINVAL);
	expect_result(shmq_component_register(segment, "group:tenant", &quota), -EINVAL);
	expect_result(shmq_component_register(segment, "group", NULL), 0);
	expect_result(shmq_component_register(segment, "Group:tenant", NULL), 0);
	fixture_publish(segment, "[group:tenant]\nstorage = 100\n[component:member]\ngroup = tenant\n");
	expect_result(shmq_component_register(segment, "group:tenant", NULL), -EINVAL);
	expect_result(shmq_component_set(segment, "group:tenant", &quota), 0);
	expect_result(shmq_component_find(&found, segment, "group:tenant"), 0);
	cr_expect(shmq_component_is_group(found));
	shmq_component_put(found);
	expect_result(shmq_component_unregister(segment, "group:tenant"), -EBUSY);
}

Test(bad_input, names_of_components_may_be_anything_else)
{
	char longest[SHMQ_NAME_MAX + 2];
	const char *const good[] = {
	    "a",  " ",    "a b",  "/etc/passwd", "tenant:1", "[x]", "M\xc3\xbcller", "\xe2\x82\xac", "\xf0\x9f\x90\x98",
	    "..", "%s%n", longest};
	struct shmq_segment *segment = fixture_segment(NULL);

	memset(longest, 'x', sizeof(longest));
	longest[SHMQ_NAME_MAX] = '\0';
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct shmq_component *component = fixture_component(segment, good[i], NULL);

		cr_assert_str_eq(shmq_component_name(component), good[i]);
		expect_result(shmq_component_register(segment, good[i], NULL), -EEXIST);
	}
	longest[SHMQ_NAME_MAX] = 'x';
	longest[SHMQ_NAME_MAX + 1] = '\0';
	expect_result(shmq_component_register(segment, longest, NULL), -EINVAL);
}

Test(bad_input, names_of_segments_must_be_names)
{
	char longest[400];
	const char *const bad[] = {"", "/", "noslash", "//", "/..", "/.", longest};
	struct shmq_segment *segment = NULL;

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int created = shmq_segment_create(&segment, bad[i], NULL);
		int opened = shmq_segment_open(&segment, bad[i], SHMQ_WORK);
		int removed = shmq_segment_remove(bad[i]);

		/* One that is too long may say so in the system's own words. */
		cr_assert(created == -EINVAL || (i == 6 && created == -ENAMETOOLONG), "create \"%s\": %d", bad[i],
		          created);
		cr_assert(opened == -EINVAL || (i == 6 && opened == -ENAMETOOLONG), "open \"%s\": %d", bad[i], opened);
		cr_assert(removed == -EINVAL || (i == 6 && removed == -ENAMETOOLONG), "remove \"%s\": %d", bad[i],
		          removed);
	}
	expect_result(shmq_segment_create(&segment, NULL, NULL), -EINVAL);
	expect_result(shmq_segment_open(&segment, NULL, SHMQ_WORK), -EINVAL);
	expect_result(shmq_segment_remove(NULL), -EINVAL);
}

Test(bad_input, options_out_of_range_create_nothing)
{
	struct shmq_options bad[9];
	struct shmq_segment *segment = NULL;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad[i] = (struct shmq_options)SHMQ_OPTIONS_DEFAULT;
	bad[0].components = 0;
	bad[1].components = SHMQ_COMPONENTS_MAX + 1;
	bad[2].components = UINT32_MAX;
	bad[3].threads = 0;
	bad[4].threads = SHMQ_THREADS_MAX + 1;
	bad[5].reservations = SHMQ_RESERVATIONS_MAX + 1;
	bad[6].events = SHMQ_EVENTS_MAX + 1;
	bad[7].rules_bytes = UINT32_MAX;
	bad[8].size = 3;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(shmq_segment_create(&segment, fixture_name(), &bad[i]), -EINVAL, "case %u", i);
	cr_assert_eq(name_leftovers(), 0);
	fixture_segment(NULL);
	expect_result(shmq_segment_open(&segment, fixture_name(), (enum shmq_access)7), -EINVAL);
}

Test(bad_input, quotas_out_of_range_register_nothing)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	static const uint64_t periods[] = {
	    0, 1, 10 * MS - 1, 9 * MS, 10 * MS + 1, 10 * MS + MS / 2, SHMQ_PERIOD_MAX_NS + MS, UINT64_MAX};
	struct shmq_component *found = NULL;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

		quota.limit[resource] = SHMQ_AMOUNT_MAX + 1;
		expect_result(shmq_component_register(segment, "x", &quota), -EOVERFLOW);
		quota.limit[resource] = SHMQ_UNLIMITED - 1;
		expect_result(shmq_component_register(segment, "x", &quota), -EOVERFLOW);
		quota = (struct shmq_quota)SHMQ_QUOTA_DEFAULT;
		for (unsigned i = shmq_resource_is_rate(resource) ? 0 : 1; i < sizeof(periods) / sizeof(periods[0]);
		     i++) {
			quota.period_ns[resource] = periods[i];
			cr_assert_eq(shmq_component_register(segment, "x", &quota), -EINVAL,
			             "a period of %" PRIu64 " ns for %s", periods[i], shmq_resource_name(resource));
		}
	}
	expect_result(shmq_component_find(&found, segment, "x"), -ENOENT);
}

Test(bad_input, the_shortest_and_the_longest_period_are_fine)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_quota shortest = quota_periodic(10, SHMQ_PERIOD_MIN_NS);
	struct shmq_quota longest = quota_periodic(10, SHMQ_PERIOD_MAX_NS);
	struct shmq_component *quick = fixture_component(segment, "shortest", &shortest);
	struct shmq_component *slow = fixture_component(segment, "longest", &longest);

	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++) {
		expect_result(shmq_try_consume(quick, resource, 10, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(slow, resource, 10, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(slow, resource, 1, NULL), SHMQ_DENIED);
	}
}

Test(bad_input, a_full_directory_says_so_and_recovers)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_component *found = NULL;
	struct shmq_segment *segment;

	options.components = 3;
	segment = fixture_segment(&options);
	for (char name[2] = "a"; name[0] <= 'c'; name[0]++)
		expect_result(shmq_component_register(segment, name, NULL), 0);
	expect_result(shmq_component_register(segment, "d", NULL), -ENOSPC);
	expect_result(shmq_component_register(segment, "a", NULL), -EEXIST);
	expect_result(shmq_component_find(&found, segment, "d"), -ENOENT);
	/* With nobody reading there is nothing to wait for. */
	expect_result(shmq_component_unregister(segment, "b"), 0);
	expect_result(shmq_component_register(segment, "d", NULL), 0);
	expect_result(shmq_component_register(segment, "b", NULL), -ENOSPC);
}

Test(bad_input, every_result_has_a_sentence_of_its_own)
{
	static const int results[] = {SHMQ_OK,  SHMQ_DENIED, SHMQ_FORBIDDEN, SHMQ_WOULD_DENY, -EINVAL, -ENOENT,
	                              -EEXIST,  -ENOSPC,     -EACCES,        -EROFS,          -ESTALE, -EOPNOTSUPP,
	                              -EBADMSG, -EOVERFLOW,  -EAGAIN,        -ERANGE,         -EPERM,  -EPROTO,
	                              -ENODATA, -EUCLEAN,    -EXDEV,         -EBUSY,          -EMFILE};
	const unsigned count = sizeof(results) / sizeof(results[0]);

	for (unsigned i = 0; i < count; i++) {
		cr_assert_not_null(shmq_strerror(results[i]));
		cr_assert_gt(strlen(shmq_strerror(results[i])), 3);
		for (unsigned j = 0; j < i; j++)
			cr_assert_str_neq(shmq_strerror(results[i]), shmq_strerror(results[j]), "%d and %d", results[i],
			                  results[j]);
	}
	cr_assert_not_null(shmq_strerror(12345));
	cr_assert_not_null(shmq_strerror(-12345));
	cr_assert_not_null(shmq_strerror(INT32_MIN));
	cr_assert_not_null(shmq_version());
}

Test(bad_input, too_many_open_segments_are_refused)
{
	struct shmq_segment *opened[256] = {0};
	unsigned count = 0;
	int result = 0;

	fixture_segment(NULL);
	for (; count < 256; count++) {
		result = shmq_segment_open(&opened[count], fixture_name(), SHMQ_WORK);
		if (result != 0)
			break;
	}
	expect_result(result, -EMFILE);
	expect_figure(count, 249);
	shmq_segment_close(opened[--count]);
	expect_result(shmq_segment_open(&opened[count], fixture_name(), SHMQ_OBSERVE), 0);
	for (unsigned i = 0; i <= count; i++)
		shmq_segment_close(opened[i]);
}
