/* SPDX-License-Identifier: MIT */
/*
 * What it costs to write an event and to read one.
 *
 * A component's refusals make one event per second and resource, so the line with events walks over many components and
 * refuses each of them once a second; the line before it walks over the same ones again, when their events are written
 * already. The difference is an event. Two processes walk over halves of their own, so that both write.
 */
#include "baseline.h"
#include "program.h"
#include "segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS 512
#define COMPONENTS_MAX 1000000
#define REFUSALS_MAX 16000              /* of one sample, at most */
#define MARGIN_NS UINT64_C(100000000)   /* no sample begins so soon before a second ends */
#define CLOCK_LAG_NS UINT64_C(15000000) /* how far a coarse clock may be behind */
#define SECOND_NS UINT64_C(1000000000)

struct subject {
	struct baseline *baseline;
	struct shmq_component *closed;
	struct shmq_segment *segment;
	uint64_t cursor; /* of the event read last */
};

/* Components that refuse everything, and how far this process has walked in this second. */
static struct walk {
	struct shmq_component **components;
	uint64_t refusals; /* of one process, without refusing the same twice */
	uint64_t begin;    /* of the sample */
	uint64_t position;
	uint64_t second;
	pid_t first_process;
} walk;

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static bool is_refused(struct shmq_component *component, int resource)
{
	return shmq_try_consume(component, resource, 1, NULL) == SHMQ_DENIED;
}

/* One process refuses every other component. */
static bool refuse_next(void)
{
	uint64_t at = walk.position++ % walk.refusals, other = getpid() != walk.first_process;

	return is_refused(walk.components[at / SHMQ_RESOURCES * 2 + other], (int)(at % SHMQ_RESOURCES));
}

static bool read_next(struct subject *subject)
{
	struct shmq_event event = {.size = sizeof(event)};

	if (shmq_event_read(subject->segment, &subject->cursor, &event) == 1)
		return true;
	subject->cursor = 0; /* all read: once more */
	return shmq_event_read(subject->segment, &subject->cursor, &event) == 1;
}

#define DEFINE_RUN(function, expression) BENCH_DEFINE_RUN(function, struct subject, expression)

DEFINE_RUN(run_cas, baseline_cas(s->baseline, 1))
DEFINE_RUN(run_clock, s != NULL && baseline_clock(CLOCK_REALTIME))
DEFINE_RUN(run_refused, is_refused(s->closed, SHMQ_MESSAGES))
DEFINE_RUN(run_walk, s != NULL && refuse_next())
DEFINE_RUN(run_read, read_next(s))

/* ---- Before a sample --------------------------------------------------------------------------------------------- */

static void await_second(uint64_t second)
{
	while (bench_now_ns() < second * SECOND_NS + CLOCK_LAG_NS)
		usleep(1000);
}

/* Nothing of what the sample walks over has had its event in this second. */
static void prepare_events(void *subject, unsigned round)
{
	uint64_t now = bench_now_ns();

	(void)subject;
	(void)round;
	if (now / SECOND_NS == walk.second && walk.begin + UINT64_C(2) * REFUSALS_MAX <= walk.refusals &&
	    now % SECOND_NS < SECOND_NS - MARGIN_NS) {
		walk.begin += REFUSALS_MAX;
	} else {
		await_second(now / SECOND_NS + 1);
		walk.begin = 0;
		walk.second = bench_now_ns() / SECOND_NS;
	}
	walk.position = walk.begin;
}

/* All of it has. */
static void prepare_no_events(void *subject, unsigned round)
{
	prepare_events(subject, round);
	for (uint64_t i = 0; i < REFUSALS_MAX; i++)
		refuse_next();
	walk.position = walk.begin;
}

/* ---- The cases --------------------------------------------------------------------------------------------------- */

enum { CASE_CAS, CASE_CLOCK, CASE_REFUSED, CASE_WALK, CASE_WALK_EVENTS, CASE_READ, CASES };

static const struct bench_case cases[CASES] = {
    [CASE_CAS] = {"cas", "load and compare-and-swap", run_cas, NULL},
    [CASE_CLOCK] = {"clock", "clock, CLOCK_REALTIME", run_clock, NULL},
    [CASE_REFUSED] = {"refused", "refusal", run_refused, NULL},
    [CASE_WALK] = {"refused_walk", "refusal, of many components", run_walk, prepare_no_events},
    [CASE_WALK_EVENTS] = {"refused_event", "refusal with an event, of many components", run_walk, prepare_events},
    [CASE_READ] = {"read", "event_read", run_read, NULL},
};

static const struct target targets[] = {
    {"refusal with an event / refusal, of many components", 4, CASE_WALK_EVENTS, BENCH_ONE, CASE_WALK, BENCH_ONE,
     TARGET_WHOLE},
    {"event_read, ns", 500, CASE_READ, BENCH_ONE, TARGET_NS, BENCH_ONE, TARGET_WHOLE},
};

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

static int setup(struct subject subjects[2], unsigned components)
{
	struct baseline *baselines = baseline_create(2);
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char name[BENCH_NAME_SIZE];

	options.components = components;
	options.events = EVENTS;
	subjects[0].segment = subjects[1].segment = bench_segment_unnamed(&options);
	walk.components = calloc(components, sizeof(struct shmq_component *));
	walk.refusals = (uint64_t)components / 2 * SHMQ_RESOURCES;
	walk.first_process = getpid();
	if (baselines == NULL || walk.components == NULL || subjects[0].segment == NULL)
		return bench_complain("cannot set up", 0);
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		quota.limit[i] = 0;
	for (unsigned i = 0; i < components; i++) {
		snprintf(name, sizeof(name), "tenant %u", i);
		if (bench_add_component(&walk.components[i], subjects[0].segment, name, &quota) < 0)
			return -1;
	}
	for (int i = 0; i < 2; i++) {
		subjects[i].baseline = &baselines[i];
		subjects[i].closed = walk.components[i];
	}
	return 0;
}

struct arguments {
	struct program_arguments common;
	unsigned components;
};

enum { OPTION_COMPONENTS = 256 };

static const struct argp_option options[] = {
    {"components", OPTION_COMPONENTS, "N", 0, "Walk over N components (50000)", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->common;
		return 0;
	case OPTION_COMPONENTS:
		arguments->components = program_number(state, text, 4 * REFUSALS_MAX / SHMQ_RESOURCES, COMPONENTS_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&program_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc = "Measure what writing and reading events costs.\v" PROGRAM_EXIT_STATUS
	   "\n\nExample: bench_events --seconds 30 --check",
};

int main(int argc, char *argv[])
{
	struct arguments arguments = {.common = PROGRAM_ARGUMENTS_DEFAULT, .components = 50000};
	struct report report = {.cases = cases,
	                        .count = CASES,
	                        .yardsticks = {{"cas", "CAS", CASE_CAS}, {"clock", "clock", CASE_CLOCK}},
	                        .targets = targets,
	                        .target_count = sizeof(targets) / sizeof(targets[0])};
	struct subject both[2] = {{0}};
	void *subjects[2] = {&both[0], &both[1]};

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (setup(both, arguments.components) < 0)
		return 2;
	report.components = arguments.components;
	return program_run(&report, &arguments.common, subjects);
}
