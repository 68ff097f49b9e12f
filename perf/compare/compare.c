/* SPDX-License-Identifier: MIT */
/*
 * The same work by this library and by what else there is: count 1 against a limit, refuse above it, over two processes.
 * First whether each limiter holds its limit, then what it costs, all of them in turns.
 *
 * Writes JSON; perf/run calls it and shows what it says. A limiter that cannot be started is left out, with a message.
 */
#include "cases.h"
#include "check.h"
#include "program.h"
#include "results.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 1000000
#define CONTROL_TRIES 20
#define LIMITERS (sizeof(limiters) / sizeof(limiters[0]))

static const struct limiter *const limiters[] = {
    &limiter_shmquota_level, &limiter_shmquota_rate, &limiter_shmquota_name, &limiter_unlocked,     &limiter_plain,
    &limiter_robust,         &limiter_rwlock,        &limiter_boost,         &limiter_lmdb,         &limiter_apcu,
    &limiter_nginx,          &limiter_memcached,     &limiter_redis,         &limiter_redis_script,
};

struct arguments {
	struct bench_settings settings;
	const char *scratch;
	unsigned keys;
	double check_seconds;
};

enum { OPTION_SCRATCH = 256, OPTION_KEYS };

static const struct argp_option options[] = {
    {"scratch", OPTION_SCRATCH, "DIR", 0, "An empty directory on a tmpfs, for sockets and databases", 0},
    {"keys", OPTION_KEYS, "N", 0, "Count over 1, 1000 and N keys (50000)", 0},
    {"check-seconds", 'c', "S", 0, "Let each limiter's bound be tried for S seconds (1)", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->settings;
		return 0;
	case OPTION_SCRATCH:
		arguments->scratch = text;
		return 0;
	case OPTION_KEYS:
		arguments->keys = program_number(state, text, 1, KEYS_MAX);
		return 0;
	case 'c':
		arguments->check_seconds = program_seconds(state, text);
		return 0;
	case ARGP_KEY_END:
		if (arguments->scratch == NULL)
			argp_error(state, "--scratch is needed; perf/run makes one, and removes it");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&program_measure_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc = "Compare limiters over two processes; write JSON. Users call perf/run, which calls this.\v"
	   "Exit status: 0 measured; 2 it could not be measured; 64 wrong usage.",
};

static size_t start_limiters(struct limiter_result *results, const struct limiter **started,
                             const struct limiter_site *site)
{
	size_t count = 0;

	for (size_t i = 0; i < LIMITERS; i++) {
		results[i] =
		    (struct limiter_result){.limiter = limiters[i], .is_measured = limiters[i]->start(site) == 0};
		if (results[i].is_measured)
			started[count++] = limiters[i];
		else
			fprintf(stderr, "%s is left out\n", limiters[i]->name);
	}
	return count;
}

static int check_limiters(struct limiter_result *results, const struct arguments *arguments,
                          const struct limiter_site *site)
{
	for (size_t i = 0; i < LIMITERS; i++) {
		const struct limiter *limiter = results[i].limiter;
		/* Three windows at least. */
		double least = (double)limiter->window_least_ms * 3 / 1000;
		double seconds = least > arguments->check_seconds ? least : arguments->check_seconds;

		if (!results[i].is_measured)
			continue;
		fprintf(stderr, "  checking   %s\n", limiter->name);
		if (check_bound(&results[i].long_bound, limiter, KIND_LONG, 0, site) < 0 ||
		    (limiter->windows != WINDOWS_NONE &&
		     check_bound(&results[i].short_bound, limiter, KIND_SHORT, seconds, site) < 0))
			return -1;
	}
	return 0;
}

/* See that the check finds what is wrong, if not at once: the two processes have to meet. It takes two cores. */
static int check_control(struct bound *out, const struct limiter_site *site)
{
	*out = (struct bound){.is_checked = false};
	for (unsigned i = 0; site->cpus[1] >= 0 && i < CONTROL_TRIES && out->admitted <= out->allowed; i++)
		if (limiter_lossy.start(site) < 0 || check_bound(out, &limiter_lossy, KIND_LONG, 0, site) < 0)
			return -1;
	return 0;
}

int main(int argc, char *argv[])
{
	struct arguments arguments = {.settings = {.rounds = 51,
	                                           .seconds = 60,
	                                           .placements = 2,
	                                           .choose = cases_choose,
	                                           .correct = cases_correct},
	                              .keys = 50000,
	                              .check_seconds = 1};
	struct limiter_result results[LIMITERS];
	const struct limiter *started[LIMITERS];
	struct bench_results figures;
	struct bound control;
	struct limiter_site site;
	struct case_table table;
	size_t count;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	site = (struct limiter_site){arguments.scratch, {arguments.settings.cpus[0], arguments.settings.cpus[1]}};
	if (keys_create(arguments.keys) < 0)
		return 2;
	if (check_control(&control, &site) < 0)
		return 2;
	count = start_limiters(results, started, &site);
	if (check_limiters(results, &arguments, &site) < 0 || cases_create(&table, started, count, arguments.keys) < 0)
		return 2;
	fprintf(stderr, "  measuring  %zu cases, %s\n", table.count,
	        site.cpus[1] < 0 ? "in one process" : "each in one process and in two");
	if (bench_measure(&figures, &arguments.settings, table.cases, table.count, (void *const[]){&table, &table}) < 0)
		return 2;
	return results_write(results, LIMITERS, &control, &table, &figures, &arguments.settings) < 0 ? 2 : 0;
}
