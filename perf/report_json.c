/* SPDX-License-Identifier: MIT */
/*
 * The figures as JSON, with the keys of the cases. Members are only ever added.
 */
#include "report.h"

#include <stdio.h>

#include <jansson.h>
#include <shmquota.h>

static json_t *placement_json(const struct report *report, size_t index, enum bench_placement placement)
{
	const struct bench_figure *figure = &report->results->figures[index][placement];
	json_t *value =
	    json_pack("{s:f, s:f, s:f}", "median_ns", figure->median, "min_ns", figure->min, "max_ns", figure->max);

	for (int i = 0; i < YARDSTICKS; i++) {
		const struct yardstick *yardstick = &report->yardsticks[i];
		double ratio = yardstick_ratio(report, i, index, placement);
		char key[32];

		snprintf(key, sizeof(key), "ratio_to_%s", yardstick->key);
		json_object_set_new(value, key, ratio < 0 ? json_null() : json_real(ratio));
	}
	return value;
}

static json_t *case_json(const struct report *report, size_t index)
{
	json_t *value =
	    json_pack("{s:s, s:s}", "case", report->cases[index].key, "description", report->cases[index].name);

	for (int i = 0; i < BENCH_PLACEMENTS; i++)
		if (i == BENCH_ONE || report->settings->cpus[1] >= 0)
			json_object_set_new(value, placement_keys[i],
			                    placement_json(report, index, (enum bench_placement)i));
	return value;
}

static json_t *target_json(const struct report *report, const struct target *target)
{
	double figure = target_figure(report, target);

	if (figure < 0)
		return json_pack("{s:s, s:f, s:n, s:n}", "target", target->text, "at_most", target->bound, "figure",
		                 "met");
	return json_pack("{s:s, s:f, s:f, s:b}", "target", target->text, "at_most", target->bound, "figure", figure,
	                 "met", figure <= target->bound);
}

int report_write_json(void *root)
{
	int result = root == NULL ? -1 : json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

	if (root != NULL)
		putchar('\n');
	json_decref(root);
	return result;
}

int report_json(const struct report *report)
{
	const struct bench_settings *settings = report->settings;
	const struct bench_results *results = report->results;
	json_t *cases = json_array(), *targets = json_array();
	json_t *root;

	for (size_t i = 0; i < report->count; i++)
		json_array_append_new(cases, case_json(report, i));
	for (size_t i = 0; report->is_check && i < report->target_count; i++)
		json_array_append_new(targets, target_json(report, &report->targets[i]));
	root = json_pack("{s:s, s:i, s:[i, i], s:i, s:I, s:I, s:I, s:I, s:o, s:o}", "version", shmq_version(),
	                 "components", (int)report->components, "cores", settings->cpus[0], settings->cpus[1], "rounds",
	                 (int)results->rounds, "sample_ns", (json_int_t)results->sample_ns, "samples",
	                 (json_int_t)results->samples, "preempted", (json_int_t)results->preempted, "disturbed",
	                 (json_int_t)results->disturbed, "cases", cases, "targets", targets);
	if (root == NULL || (report->part != NULL && report->part->add_json(root, report->is_check) < 0))
		return -1;
	return report_write_json(root);
}
