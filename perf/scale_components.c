/* SPDX-License-Identifier: MIT */
/*
 * One segment is filled, looked at, and emptied. What happens once is measured once; lookups are repeated.
 *
 * Names are looked up in an order that has nothing to do with the one they were first looked up in: a process keeps its
 * handles in the order it met them, so walking over them in that order is reading memory from front to back. Both are
 * measured. The names themselves lie in the order they are asked for: a caller has just read the name that it has.
 */
#include "baseline.h"
#include "policy_text.h"
#include "scale.h"
#include "segment.h"
#include "stopwatch.h"

#include <shmquota.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 16
#define ANONYMOUS "Anonymous:"
#define HOT_NAMES 256
#define HOT_TURNS 400
#define LOOKUPS 200000 /* a round, at most */
#define SEED UINT64_C(0x9e3779b97f4a7c15)

struct names {
	uint32_t count;
	char (*by_id)[BENCH_NAME_SIZE];  /* in the order they are registered and first looked up in */
	char (*random)[BENCH_NAME_SIZE]; /* the same in another order */
};

struct scene {
	const struct scale_settings *settings;
	struct bench_figure *figures;
	struct shmq_segment *segment;
	struct names names;
	uint32_t position; /* in the random order */
};

static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) * below >> 32);
}

static int make_names(struct names *names, uint32_t count)
{
	uint64_t state = SEED;

	names->count = count;
	names->by_id = calloc(count, sizeof(*names->by_id));
	names->random = calloc(count, sizeof(*names->random));
	if (names->by_id == NULL || names->random == NULL)
		return bench_complain("no memory for the names", 0);
	for (uint32_t i = 0; i < count; i++)
		snprintf(names->by_id[i], BENCH_NAME_SIZE, "tenant-%07u", i);
	memcpy(names->random, names->by_id, count * sizeof(*names->random));
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t other = draw(&state, i + 1);
		char moved[BENCH_NAME_SIZE];

		memcpy(moved, names->random[i], sizeof(moved));
		memcpy(names->random[i], names->random[other], sizeof(moved));
		memcpy(names->random[other], moved, sizeof(moved));
	}
	return 0;
}

/* ---- Making ------------------------------------------------------------------------------------------------------ */

static int create(struct scene *scene)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_info info = {.size = sizeof(info)};
	char own[BENCH_NAME_SIZE], name[4096];
	struct stopwatch start;
	int result;

	options.components = scene->names.count;
	options.hugepages = scene->settings->hugepages;
	bench_segment_name(own);
	snprintf(name, sizeof(name), "%s%s", scene->settings->folder != NULL ? scene->settings->folder : "", own);
	start = stopwatch_now();
	result = shmq_segment_create(&scene->segment, name, &options);
	if (result < 0)
		return bench_complain("cannot create a segment", result);
	scene->figures[LINE_CREATE] = scale_once(stopwatch_since(start));
	shmq_segment_remove(name);
	shmq_segment_info(scene->segment, &info);
	if (info.hugepages && info.huge_bytes == 0)
		fprintf(stderr, "no huge pages: the mount of the segment has none\n");
	scene->figures[LINE_SHARED_BYTES] =
	    scale_once((double)(info.policy_bytes + info.usage_bytes) / scene->names.count);
	return 0;
}

static int register_all(struct scene *scene)
{
	struct stopwatch start = stopwatch_now();

	for (uint32_t i = 0; i < scene->names.count; i++) {
		int result = shmq_component_register(scene->segment, scene->names.by_id[i], NULL);

		if (result < 0)
			return bench_complain(scene->names.by_id[i], result);
	}
	scene->figures[LINE_REGISTER] = scale_once(stopwatch_since(start) / scene->names.count);
	return 0;
}

/* ---- Looking up -------------------------------------------------------------------------------------------------- */

static bool find(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component;

	if (shmq_component_find(&component, segment, name) != SHMQ_OK)
		return false;
	shmq_component_put(component);
	return true;
}

static bool find_all(struct shmq_segment *segment, char (*names)[BENCH_NAME_SIZE], uint32_t count)
{
	bool found = true;

	for (uint32_t i = 0; i < count; i++)
		found &= find(segment, names[i]);
	return found;
}

static bool find_batches(struct shmq_segment *segment, char (*names)[BENCH_NAME_SIZE], uint32_t count)
{
	struct shmq_component *components[BATCH];
	const char *batch[BATCH];
	bool found = true;

	for (uint32_t i = 0; i + BATCH <= count; i += BATCH) {
		for (uint32_t j = 0; j < BATCH; j++)
			batch[j] = names[i + j];
		found &= shmq_component_find_many(components, segment, batch, BATCH) == BATCH;
		for (uint32_t j = 0; j < BATCH; j++)
			shmq_component_put(components[j]);
	}
	return found;
}

/* What only this process has: the kernel's count, which is slow to read. */
static double private_bytes(void)
{
	FILE *rollup = fopen("/proc/self/smaps_rollup", "re");
	uint64_t kib = 0;
	char line[256];

	while (rollup != NULL && kib == 0 && fgets(line, sizeof(line), rollup) != NULL)
		if (strncmp(line, ANONYMOUS, strlen(ANONYMOUS)) == 0)
			kib = strtoull(line + strlen(ANONYMOUS), NULL, 10);
	if (rollup != NULL)
		fclose(rollup);
	return (double)kib * 1024;
}

static int first_lookups(struct scene *scene)
{
	double before = private_bytes();
	struct stopwatch start = stopwatch_now();
	bool found = find(scene->segment, scene->names.by_id[0]);

	scene->figures[LINE_FIRST_LOOKUP] = scale_once(stopwatch_since(start));
	start = stopwatch_now();
	found &= find_all(scene->segment, scene->names.by_id, scene->names.count);
	scene->figures[LINE_COLD_LOOKUP] = scale_once(stopwatch_since(start) / scene->names.count);
	scene->figures[LINE_PRIVATE_BYTES] = scale_once((private_bytes() - before) / scene->names.count);
	return found ? 0 : bench_complain("a name was not found", 0);
}

typedef bool lookup_run(struct shmq_segment *segment, char (*names)[BENCH_NAME_SIZE], uint32_t count);

/* The next part of the random order, so that no round finds what the one before left in the caches. */
static double time_random(struct scene *scene, lookup_run *run)
{
	uint32_t count = scene->names.count < LOOKUPS ? scene->names.count : LOOKUPS;
	struct stopwatch start;

	if (scene->position + count > scene->names.count)
		scene->position = 0;
	start = stopwatch_now();
	if (!run(scene->segment, scene->names.random + scene->position, count))
		return -1;
	scene->position += count;
	return stopwatch_since(start) / count;
}

static double time_in_order(struct scene *scene)
{
	struct stopwatch start = stopwatch_now();

	return find_all(scene->segment, scene->names.by_id, scene->names.count)
	           ? stopwatch_since(start) / scene->names.count
	           : -1;
}

static double time_hot(struct scene *scene)
{
	struct stopwatch start = stopwatch_now();

	for (int i = 0; i < HOT_TURNS; i++)
		if (!find_all(scene->segment, scene->names.random, HOT_NAMES))
			return -1;
	return stopwatch_since(start) / (HOT_TURNS * HOT_NAMES);
}

/* Another process that looks names up until it is killed; returns when it has met them all. */
static pid_t begin_other(struct scene *scene)
{
	int ready[2];
	char byte = 0;
	pid_t pid = pipe(ready) == 0 ? fork() : -1;

	if (pid < 0)
		return -1;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!find_all(scene->segment, scene->names.by_id, scene->names.count) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		while (find_all(scene->segment, scene->names.random, scene->names.count))
			;
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

/* ---- The limits of the machine ----------------------------------------------------------------------------------- */

static double time_read(struct baseline_ring *ring)
{
	static uint32_t line;
	struct stopwatch start = stopwatch_now();
	bool is_right = true;

	for (uint32_t i = 0; i < LOOKUPS; i++)
		is_right &= baseline_read(ring, &line);
	return is_right ? stopwatch_since(start) / LOOKUPS : -1;
}

/* The least that a lookup by hash reads: a word of a table that is half full, and the line it leads to. */
struct limit {
	uint32_t count;
	uint32_t *table; /* two words for each record */
	struct {
		uint32_t next; /* word of the table */
		char rest[124];
	} * records;
};

static int make_limit(struct limit *limit, uint32_t count)
{
	uint64_t state = SEED;
	uint32_t *order = calloc(count, sizeof(*order));

	limit->count = count;
	limit->table = calloc((size_t)count * 2, sizeof(*limit->table));
	limit->records = aligned_alloc(128, count * sizeof(*limit->records));
	if (order == NULL || limit->table == NULL || limit->records == NULL) {
		free(order);
		return bench_complain("no memory for the limits", 0);
	}
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t other = draw(&state, i + 1), moved = order[i];

		order[i] = order[other];
		order[other] = moved;
	}
	/* A word's place and its record's have nothing to do with each other. */
	for (uint32_t i = 0; i < count; i++)
		limit->table[2 * (size_t)order[i]] = order[(i * UINT64_C(7919) + 13) % count];
	for (uint32_t i = 0; i < count; i++)
		limit->records[limit->table[2 * (size_t)order[i]]].next = 2 * order[(i + 1) % count];
	free(order);
	return 0;
}

static void free_limit(const struct limit *limit)
{
	free(limit->table);
	free(limit->records);
}

static double time_two_reads(const struct limit *limit)
{
	static uint32_t word;
	struct stopwatch start = stopwatch_now();

	for (uint32_t i = 0; i < LOOKUPS; i++)
		word = ((volatile const uint32_t *)&limit->records[limit->table[word]].next)[0];
	return stopwatch_since(start) / LOOKUPS;
}

/* ---- All of that, in rounds -------------------------------------------------------------------------------------- */

static int lookup_rounds(struct scene *scene)
{
	static const enum scale_line measured[] = {LINE_READ,   LINE_TWO_READS,  LINE_LOOKUP_HOT, LINE_LOOKUP_IN_ORDER,
	                                           LINE_LOOKUP, LINE_LOOKUP_MANY};
	static double ns[SCALE_LINES][SCALE_ROUNDS_MAX];
	struct baseline_ring *ring = baseline_ring_create(scene->names.count);
	unsigned rounds = scene->settings->rounds;
	struct limit limit = {0};
	bool is_right = true;
	pid_t other;

	if (ring == NULL || make_limit(&limit, scene->names.count) < 0) {
		free_limit(&limit);
		return bench_complain("no memory for the limits", 0);
	}
	for (unsigned round = 0; round < rounds; round++) {
		ns[LINE_READ][round] = time_read(ring);
		ns[LINE_TWO_READS][round] = time_two_reads(&limit);
		ns[LINE_LOOKUP_HOT][round] = time_hot(scene);
		ns[LINE_LOOKUP_IN_ORDER][round] = time_in_order(scene);
		ns[LINE_LOOKUP][round] = time_random(scene, find_all);
		ns[LINE_LOOKUP_MANY][round] = time_random(scene, find_batches);
		for (size_t i = 0; i < sizeof(measured) / sizeof(*measured); i++)
			is_right &= ns[measured[i]][round] >= 0;
	}
	for (size_t i = 0; i < sizeof(measured) / sizeof(*measured); i++)
		scene->figures[measured[i]] = bench_summarize(ns[measured[i]], rounds);
	free_limit(&limit);
	other = begin_other(scene);
	if (other < 0)
		return bench_complain("another process could not look names up", 0);
	for (unsigned round = 0; round < rounds; round++) {
		ns[LINE_LOOKUP_TWO][round] = time_random(scene, find_all);
		is_right &= ns[LINE_LOOKUP_TWO][round] >= 0;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	scene->figures[LINE_LOOKUP_TWO] = bench_summarize(ns[LINE_LOOKUP_TWO], rounds);
	return is_right ? 0 : bench_complain("a name was not found", 0);
}

/* ---- Using ------------------------------------------------------------------------------------------------------- */

static int consume_rounds(struct scene *scene)
{
	uint32_t count = scene->names.count < LOOKUPS ? scene->names.count : LOOKUPS;
	struct shmq_component **components = calloc(count, sizeof(struct shmq_component *));
	double ns[SCALE_ROUNDS_MAX];
	bool is_right = components != NULL;

	for (uint32_t i = 0; is_right && i < count; i++)
		is_right = shmq_component_find(&components[i], scene->segment, scene->names.random[i]) == SHMQ_OK;
	for (unsigned round = 0; is_right && round < scene->settings->rounds; round++) {
		struct stopwatch start = stopwatch_now();

		for (uint32_t i = 0; i < count; i++)
			is_right &= shmq_try_consume(components[i], SHMQ_MESSAGES, 1, NULL) == SHMQ_OK;
		ns[round] = stopwatch_since(start) / count;
	}
	if (!is_right)
		return bench_complain("an amount was not admitted", 0);
	scene->figures[LINE_CONSUME] = bench_summarize(ns, scene->settings->rounds);
	for (uint32_t i = 0; i < count; i++)
		shmq_component_put(components[i]);
	free(components);
	return 0;
}

static int look_at_all(struct scene *scene)
{
	struct stopwatch start = stopwatch_now();
	int result;

	for (uint32_t id = 0; id < scene->names.count; id++) {
		struct shmq_component *component;
		struct shmq_status status;

		result = shmq_component_at(&component, scene->segment, id);
		if (result == 0)
			result = shmq_status(component, &status);
		if (result < 0)
			return bench_complain("cannot look at a component", result);
		shmq_component_put(component);
	}
	scene->figures[LINE_STATUS] = scale_once(stopwatch_since(start) / scene->names.count);
	start = stopwatch_now();
	result = shmq_segment_verify(scene->segment, NULL, NULL);
	scene->figures[LINE_VERIFY] = scale_once(stopwatch_since(start));
	return result == 0 ? 0 : bench_complain("the segment is not sound", result < 0 ? result : 0);
}

/* ---- Policies ---------------------------------------------------------------------------------------------------- */

static char *policy_naming_all(const struct names *names)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	fprintf(out, "[class:small]\nmessages = 100/s\n\n");
	for (uint32_t i = 0; i < names->count; i++)
		fprintf(out, "[component:%s]\nclass = small\n\n", names->by_id[i]);
	return fclose(out) == 0 ? text : NULL;
}

static int publish(struct scene *scene, enum scale_line line, const struct shmq_policy *policy)
{
	struct stopwatch start = stopwatch_now();
	int result = shmq_policy_publish(scene->segment, policy);

	scene->figures[line] = scale_once(stopwatch_since(start));
	return result < 0 ? bench_complain("cannot publish", result) : 0;
}

static int publish_all(struct scene *scene)
{
	char *text = policy_naming_all(&scene->names);
	struct stopwatch start = stopwatch_now();
	struct shmq_policy *all = text == NULL ? NULL : policy_text_load(text), *none;
	int result;

	if (all == NULL)
		return bench_complain("cannot load the policy", 0);
	scene->figures[LINE_LOAD] = scale_once(stopwatch_since(start));
	free(text);
	none = policy_text_load("[default]\n");
	if (none == NULL)
		return -1;
	result = publish(scene, LINE_PUBLISH_FIRST, all) < 0 || publish(scene, LINE_PUBLISH, all) < 0 ||
	                 publish(scene, LINE_PUBLISH_NONE, none) < 0
	             ? -1
	             : 0;
	shmq_policy_free(all);
	shmq_policy_free(none);
	start = stopwatch_now();
	if (result == 0 && shmq_housekeep(scene->segment) < 0)
		result = bench_complain("cannot reclaim", 0);
	scene->figures[LINE_RECLAIM] = scale_once(stopwatch_since(start));
	return result;
}

int scale_components(struct bench_figure figures[SCALE_LINES], const struct scale_settings *settings)
{
	struct scene scene = {.settings = settings, .figures = figures};
	int result = make_names(&scene.names, settings->components);

	if (result == 0)
		result = create(&scene);
	if (result == 0 && (register_all(&scene) < 0 || first_lookups(&scene) < 0 || lookup_rounds(&scene) < 0 ||
	                    consume_rounds(&scene) < 0 || look_at_all(&scene) < 0 || publish_all(&scene) < 0))
		result = -1;
	shmq_segment_close(scene.segment);
	free(scene.names.by_id);
	free(scene.names.random);
	return result;
}
