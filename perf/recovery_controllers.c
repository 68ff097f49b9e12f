/* SPDX-License-Identifier: MIT */
/*
 * Controllers: each round has new segments of 1,000 and of 10,000 components. The policy that names them is published to
 * an empty segment, then the same names with other limits. In the larger segment components come and go, and at last a
 * controller is killed while it holds the lock: how long until the next one has finished an operation of its own?
 */
#include "recovery.h"

#include "segment.h"
#include "victim.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZES 2
#define SPARE 256
#define BATCH 64

struct size {
	unsigned components;
	enum recovery_line publish_first, publish_again, enter, leave, take_over;
	struct shmq_policy *policies[2]; /* the same names, other limits */
};

static struct size sizes[SIZES] = {
    {1000,
     LINE_PUBLISH_FIRST_1000,
     LINE_PUBLISH_1000,
     LINE_REGISTER_1000,
     LINE_UNREGISTER_1000,
     LINE_CONTROLLER_1000,
     {NULL}},
    {10000,
     LINE_PUBLISH_FIRST_10000,
     LINE_PUBLISH_10000,
     LINE_REGISTER_10000,
     LINE_UNREGISTER_10000,
     LINE_CONTROLLER_10000,
     {NULL}},
};

/* ---- Policies ---------------------------------------------------------------------------------------------------- */

static int write_policy(int fd, unsigned components, unsigned messages)
{
	int copy = dup(fd);
	FILE *stream = copy < 0 ? NULL : fdopen(copy, "w");

	if (stream == NULL)
		return -1;
	for (unsigned i = 0; i < components; i++)
		fprintf(stream, "[component:tenant-%05u.example]\nmessage_rate = %u/s\n", i, messages);
	return fclose(stream);
}

/* The file has no name in any directory. */
static int load_policy(struct shmq_policy **out, unsigned components, unsigned messages)
{
	int fd = memfd_create("policy", MFD_CLOEXEC);
	char path[BENCH_NAME_SIZE];
	const char *const paths[] = {path};
	int result;

	if (fd < 0 || write_policy(fd, components, messages) != 0) {
		perror("cannot write a policy");
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = shmq_policy_load(out, paths, 1, NULL);
	close(fd);
	return result == 0 ? 0 : bench_complain("cannot load a policy", result);
}

static int publish(struct shmq_segment *segment, const struct size *size, double ns[])
{
	const enum recovery_line lines[2] = {size->publish_first, size->publish_again};

	for (int i = 0; i < 2; i++) {
		struct stopwatch start = stopwatch_now();
		int result = shmq_policy_publish(segment, size->policies[i]);
		ns[lines[i]] = stopwatch_since(start);
		if (result != 0)
			return bench_complain("cannot publish", result);
	}
	return 0;
}

/* ---- Registrations ----------------------------------------------------------------------------------------------- */

static int repeat(struct shmq_segment *segment, bool is_register, unsigned serial)
{
	char name[BENCH_NAME_SIZE];
	int result = 0;

	for (unsigned i = 0; i < BATCH && result == 0; i++) {
		snprintf(name, sizeof(name), "guest-%u-%u", serial, i);
		result = is_register ? shmq_component_register(segment, name, NULL)
		                     : shmq_component_unregister(segment, name);
	}
	return result;
}

/* Several times, so that later ones take the places of those before them. */
static int come_and_go(struct shmq_segment *segment, const struct size *size, double ns[])
{
	double total_ns[2] = {0};
	unsigned batches = 2 * SPARE / BATCH;

	for (unsigned i = 0; i < 2 * batches; i++) {
		struct stopwatch start = stopwatch_now();
		int result = repeat(segment, i % 2 == 0, i / 2);
		if (result != 0)
			return bench_complain("components cannot come and go", result);
		total_ns[i % 2] += stopwatch_since(start);
	}
	ns[size->enter] = total_ns[0] / (batches * BATCH);
	ns[size->leave] = total_ns[1] / (batches * BATCH);
	return 0;
}

/* ---- A controller that dies -------------------------------------------------------------------------------------- */

static void control_for_ever(void *context, int ready)
{
	struct shmq_segment *segment;
	unsigned serial = 0;

	if (shmq_segment_open(&segment, context, SHMQ_CONTROL) != 0)
		_exit(1);
	victim_is_ready(ready);
	raise(SIGSTOP); /* until its time has come */
	while (repeat(segment, serial % 2 == 0, 0) == 0)
		serial++;
}

static bool is_in_control(const struct victim *victim, void *context)
{
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(context, &info);
	return info.controller_pid == (uint32_t)victim->pid;
}

static int take_over(struct shmq_segment *segment, const struct size *size, double ns[])
{
	struct shmq_info info = {.size = sizeof(info)};
	struct stopwatch start = stopwatch_now();
	int result = shmq_component_register(segment, "after it", NULL);
	ns[size->take_over] = stopwatch_since(start);
	if (result != 0)
		return bench_complain("the next controller cannot register", result);
	shmq_segment_info(segment, &info);
	return info.controller_steals == 1 ? 0 : bench_complain("the lock was not taken over", 0);
}

static int replace_controller(struct victim *victim, struct shmq_segment *segment, const struct size *size, double ns[])
{
	if (!victim_stop_where(victim, is_in_control, segment))
		return bench_complain("no controller could be stopped at work", 0);
	victim_kill(victim);
	victim_await_death(victim);
	return take_over(segment, size, ns);
}

/* ---- Rounds ------------------------------------------------------------------------------------------------------ */

int controllers_setup(void)
{
	for (int i = 0; i < SIZES; i++)
		for (unsigned j = 0; j < 2; j++)
			if (load_policy(&sizes[i].policies[j], sizes[i].components, 100 + j) < 0)
				return -1;
	return 0;
}

/* The victim opens the segment at once, so that its name can go. */
static int run_size(struct shmq_segment *segment, char *name, const struct size *size, double ns[])
{
	struct victim victim;
	bool is_ready;
	int result = -1;

	if (victim_start(&victim, control_for_ever, name) < 0)
		return -1;
	is_ready = victim_wait(&victim);
	shmq_segment_remove(name);
	if (!is_ready)
		bench_complain("a second controller cannot open the segment", 0);
	else if (publish(segment, size, ns) == 0 && come_and_go(segment, size, ns) == 0)
		result = replace_controller(&victim, segment, size, ns);
	victim_reap(&victim);
	return result;
}

int controllers_round(double ns[RECOVERY_LINES])
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	char name[BENCH_NAME_SIZE];

	bench_segment_name(name);
	for (int i = 0; i < SIZES; i++) {
		struct shmq_segment *segment;
		int result;

		options.components = sizes[i].components + SPARE;
		segment = bench_segment_create(name, &options);
		if (segment == NULL)
			return -1;
		result = run_size(segment, name, &sizes[i], ns);
		shmq_segment_remove(name);
		shmq_segment_close(segment);
		if (result < 0)
			return -1;
	}
	return 0;
}
