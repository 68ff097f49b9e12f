/* SPDX-License-Identifier: MIT */
/*
 * The table for people: one block per placement, every ratio within its block.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include <shmquota.h>

const char *const placement_names[BENCH_PLACEMENTS] = {
    "1 process",
    "2 processes on one component",
    "2 processes, each on its own component",
};

const char *const placement_keys[BENCH_PLACEMENTS] = {"one", "together", "apart"};

double target_figure(const struct report *report, const struct target *target)
{
	double of = report->results->figures[target->of][target->of_placement].median, to;

	if (of <= 0)
		return -1;
	if (target->less != TARGET_WHOLE)
		of -= report->results->figures[target->less][target->of_placement].median;
	if (target->to == TARGET_NS)
		return of;
	to = report->results->figures[target->to][target->to_placement].median;
	return to > 0 ? of / to : -1;
}

static bool has_peers(const struct report *report, int yardstick)
{
	return report->peers != NULL && yardstick == YARDSTICKS - 1;
}

double yardstick_ratio(const struct report *report, int yardstick, size_t of, enum bench_placement placement)
{
	size_t by = has_peers(report, yardstick) ? report->peers[of] : report->yardsticks[yardstick].of;

	if (by == YARDSTICK_NONE)
		return -1;
	return report->results->figures[of][placement].median / report->results->figures[by][placement].median;
}

static void print_head(const struct report *report)
{
	const struct bench_settings *settings = report->settings;

	printf("shmquota %s; ", shmq_version());
	if (report->components > 0)
		printf("%u components; ", report->components);
	printf("core %d", settings->cpus[0]);
	if (settings->cpus[1] >= 0)
		printf(" and core %d", settings->cpus[1]);
	printf("; %u rounds over all cases, %.2f ms a sample\n", report->results->rounds,
	       (double)report->results->sample_ns / 1e6);
	printf("Nanoseconds per operation as each process sees them, loop and call included.\n");
}

static void print_ratio(double ratio)
{
	if (ratio < 0)
		printf(" %8s", "-");
	else
		printf(" %8.2f", ratio);
}

static void print_block(const struct report *report, enum bench_placement placement)
{
	const struct yardstick *yardsticks = report->yardsticks;

	printf("\n%-44s %8s %8s %8s", placement_names[placement], "median", "min", "max");
	for (int i = 0; i < YARDSTICKS; i++)
		printf("%*s/ %s", (int)(7 - strlen(yardsticks[i].name)), "", yardsticks[i].name);
	putchar('\n');
	for (size_t i = 0; i < report->count; i++) {
		const struct bench_figure *figure = &report->results->figures[i][placement];

		printf("  %-42s %8.2f %8.2f %8.2f", report->cases[i].name, figure->median, figure->min, figure->max);
		for (int j = 0; j < YARDSTICKS; j++)
			print_ratio(yardstick_ratio(report, j, i, placement));
		putchar('\n');
	}
}

static void print_targets(const struct report *report)
{
	printf("\n%-62s %8s %8s\n", "targets", "at most", "figure");
	for (size_t i = 0; i < report->target_count; i++) {
		const struct target *target = &report->targets[i];
		double figure = target_figure(report, target);

		if (figure < 0)
			printf("  %-60s %8.2f %8s  not measured: it takes two cores\n", target->text, target->bound,
			       "-");
		else
			printf("  %-60s %8.2f %8.2f  %s\n", target->text, target->bound, figure,
			       figure <= target->bound ? "met" : "MISSED");
	}
}

void report_text(const struct report *report)
{
	const struct bench_results *results = report->results;

	print_head(report);
	for (int i = 0; i < BENCH_PLACEMENTS; i++)
		if (i == BENCH_ONE || report->settings->cpus[1] >= 0)
			print_block(report, (enum bench_placement)i);
	if (report->settings->cpus[1] < 0)
		printf("\nTwo processes were not measured: this process may use one core only.\n");
	putchar('\n');
	for (int i = 0; i < YARDSTICKS; i++) {
		const struct yardstick *yardstick = &report->yardsticks[i];

		if (has_peers(report, i))
			printf("\"/ %s\" divides by %s.\n", yardstick->name, report->peers_are);
		else
			printf("\"/ %s\" divides by \"%s\" of the same block.\n", yardstick->name,
			       report->cases[yardstick->of].name);
	}
	printf("Noise: in %.1f %% of the samples a process was preempted; they were taken again.\n",
	       100 * (double)results->preempted / (double)results->samples);
	if (results->disturbed > 0)
		printf("%llu of the figures' samples were preempted at every try and count as they are.\n",
		       (unsigned long long)results->disturbed);
	if (report->part != NULL)
		report->part->show(report->is_check);
	if (report->is_check && report->target_count > 0)
		print_targets(report);
}
