/* SPDX-License-Identifier: MIT */
/*
 * Runs each operation of the hot path a thousand times in a function of its own, for perf/instructions, which lets
 * callgrind count the instructions of those functions, count_OPERATION. With any argument it names the operations.
 *
 * Everything was used before and nobody else is there, so that a count is the same in every run: no window ends, no peak
 * is new, no slot is claimed. Reading a clock counts as next to nothing here: under callgrind it is a system call, whose
 * instructions are the kernel's.
 */
#include "policy_text.h"
#include "segment.h"

#include <shmquota.h>

#include <stdio.h>

#define REPETITIONS 1000
#define DAY_NS UINT64_C(86400000000000)

struct subject {
	struct shmq_segment *segment;
	struct shmq_component *open, *closed;
	struct shmq_component *grouped, *deep; /* with 1 and with 4 groups above them */
	struct shmq_component *smooth;         /* a sliding window of messages, a bucket of network */
};

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static bool is_reserved_and_committed(struct shmq_component *component, int resource)
{
	struct shmq_reservation reservation;

	return shmq_reserve(&reservation, component, resource, 1, NULL) == SHMQ_OK && shmq_commit(&reservation, 1) == 0;
}

static bool is_reserved_and_cancelled(struct shmq_component *component)
{
	struct shmq_reservation reservation;
	bool is_reserved = shmq_reserve(&reservation, component, SHMQ_STORAGE, 1, NULL) == SHMQ_OK;

	shmq_cancel(&reservation);
	return is_reserved;
}

static bool is_taken_with_verdict(struct shmq_component *component)
{
	struct shmq_verdict verdict;

	return shmq_try_consume(component, SHMQ_MESSAGES, 1, &verdict) == SHMQ_OK && verdict.requested == 1;
}

static bool are_three_taken(struct shmq_component *component)
{
	static const struct shmq_demand demands[] = {{SHMQ_MESSAGES, 1}, {SHMQ_NETWORK, 100}, {SHMQ_STORAGE, 100}};

	return shmq_try_consume_all(component, demands, sizeof(demands) / sizeof(demands[0]), NULL) == SHMQ_OK;
}

static bool is_memory_set(struct shmq_component *component)
{
	return shmq_memory_set(component, 200, NULL) == SHMQ_OK && shmq_memory_set(component, 100, NULL) == SHMQ_OK;
}

static bool is_found(struct shmq_segment *segment)
{
	struct shmq_component *component;
	int result = shmq_component_find(&component, segment, "tenant-00042.example");

	if (result == SHMQ_OK)
		shmq_component_put(component);
	return result == SHMQ_OK;
}

/* ---- What is counted --------------------------------------------------------------------------------------------- */

/* Returns how often the answer was another one than expected. */
#define DEFINE_COUNT(name, expression)                                                                                 \
	static __attribute__((noinline)) unsigned count_##name(struct subject *s)                                      \
	{                                                                                                              \
		unsigned wrong = 0;                                                                                    \
                                                                                                                       \
		for (unsigned i = 0; i < REPETITIONS; i++)                                                             \
			wrong += !(expression);                                                                        \
		return wrong;                                                                                          \
	}

DEFINE_COUNT(check_level, shmq_check(s->open, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(check_rate, shmq_check(s->open, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(level, shmq_try_consume(s->open, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(level_refused, shmq_try_consume(s->closed, SHMQ_STORAGE, 1, NULL) == SHMQ_DENIED)
DEFINE_COUNT(release, shmq_release(s->open, SHMQ_STORAGE, 1) == SHMQ_OK)
DEFINE_COUNT(rate, shmq_try_consume(s->open, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(rate_verdict, is_taken_with_verdict(s->open))
DEFINE_COUNT(rate_refused, shmq_try_consume(s->closed, SHMQ_MESSAGES, 1, NULL) == SHMQ_DENIED)
DEFINE_COUNT(consume_rate, shmq_consume(s->open, SHMQ_MESSAGES, 1) == SHMQ_OK)
DEFINE_COUNT(three_resources, are_three_taken(s->open))
DEFINE_COUNT(reserve_commit, is_reserved_and_committed(s->open, SHMQ_STORAGE))
DEFINE_COUNT(reserve_commit_rate, is_reserved_and_committed(s->open, SHMQ_MESSAGES))
DEFINE_COUNT(reserve_cancel, is_reserved_and_cancelled(s->open))
DEFINE_COUNT(memory_up_down, is_memory_set(s->open))
DEFINE_COUNT(find_put, is_found(s->segment))
DEFINE_COUNT(rate_sliding, shmq_try_consume(s->smooth, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(rate_bucket, shmq_try_consume(s->smooth, SHMQ_NETWORK, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(level_1_group, shmq_try_consume(s->grouped, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(level_4_groups, shmq_try_consume(s->deep, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(rate_1_group, shmq_try_consume(s->grouped, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(rate_4_groups, shmq_try_consume(s->deep, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_COUNT(capability, shmq_check_capability(s->grouped, "filesystem.read", "/app/data/report.txt") == SHMQ_OK)

static const struct {
	const char *name;
	unsigned (*count)(struct subject *subject);
} operations[] = {
    {"check_level", count_check_level},
    {"check_rate", count_check_rate},
    {"level", count_level},
    {"level_refused", count_level_refused},
    {"release", count_release},
    {"rate", count_rate},
    {"rate_verdict", count_rate_verdict},
    {"rate_refused", count_rate_refused},
    {"consume_rate", count_consume_rate},
    {"three_resources", count_three_resources},
    {"reserve_commit", count_reserve_commit},
    {"reserve_commit_rate", count_reserve_commit_rate},
    {"reserve_cancel", count_reserve_cancel},
    {"memory_up_down", count_memory_up_down},
    {"find_put", count_find_put},
    {"rate_sliding", count_rate_sliding},
    {"rate_bucket", count_rate_bucket},
    {"level_1_group", count_level_1_group},
    {"level_4_groups", count_level_4_groups},
    {"rate_1_group", count_rate_1_group},
    {"rate_4_groups", count_rate_4_groups},
    {"capability", count_capability},
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static unsigned count_all(struct subject *subject)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < OPERATIONS; i++)
		wrong += operations[i].count(subject);
	return wrong;
}

/* ---- The segment ------------------------------------------------------------------------------------------------- */

/* As all others: nothing is refused, and no window ends. */
static const char policy[] = "[default]\nstorage = 63TB\nmessages = 64000000000000/366d\nnetwork = 63TB/366d\n"
			     "[group:a]\n[group:b]\ngroup = a\n[group:c]\ngroup = b\n[group:d]\ngroup = c\n"
			     "[component:grouped]\ngroup = a\nfilesystem.read = /app/data/*\n"
			     "[component:deep]\ngroup = d\n"
			     "[component:smooth]\nmessages.algorithm = sliding\nnetwork.algorithm = bucket\n";

static int find(struct shmq_component **out, struct shmq_segment *segment, const char *name)
{
	int result = shmq_component_find(out, segment, name);

	return result == 0 ? bench_set_peaks(*out) : bench_complain(name, result);
}

static int setup_policy(struct subject *out)
{
	if (policy_text_publish(out->segment, policy) < 0 || find(&out->grouped, out->segment, "grouped") < 0 ||
	    find(&out->deep, out->segment, "deep") < 0)
		return -1;
	return find(&out->smooth, out->segment, "smooth");
}

static int setup(struct subject *out)
{
	struct shmq_quota open = SHMQ_QUOTA_DEFAULT, closed = SHMQ_QUOTA_DEFAULT;
	char name[BENCH_NAME_SIZE];

	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		open.limit[i] = SHMQ_AMOUNT_MAX;
		closed.limit[i] = 0;
		if (shmq_resource_is_rate(i))
			open.period_ns[i] = closed.period_ns[i] = DAY_NS;
	}
	out->segment = bench_segment_unnamed(NULL);
	if (out->segment == NULL || bench_add_component(&out->open, out->segment, "open", &open) < 0 ||
	    bench_add_component(&out->closed, out->segment, "closed", &closed) < 0)
		return -1;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "tenant-%05u.example", i);
		/* Without a handle: a process with many of them resizes its table beside us, at a time of its own. */
		if (shmq_component_register(out->segment, name, NULL) != 0)
			return bench_complain(name, 0);
	}
	return bench_set_peaks(out->open) < 0 ? -1 : setup_policy(out);
}

int main(int argc, char *argv[])
{
	struct subject subject;

	(void)argv;
	if (argc > 1) {
		for (size_t i = 0; i < OPERATIONS; i++)
			puts(operations[i].name);
		return 0;
	}
	if (setup(&subject) < 0)
		return 2;
	/* The second time counts. */
	if (count_all(&subject) + count_all(&subject) == 0)
		return 0;
	fprintf(stderr, "an operation did not answer as it should\n");
	return 1;
}
