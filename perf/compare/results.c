/* SPDX-License-Identifier: MIT */
/*
 * Flat rows rather than a tree: whoever reads them asks for one limiter, one path or one number of keys at a time.
 */
#include "results.h"

#include "../report.h"

#include <jansson.h>
#include <shmquota.h>

static json_t *bound_json(const struct bound *bound)
{
	if (!bound->is_checked)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "window_ms", (json_int_t)bound->window_ms, "admitted",
	                 (json_int_t)bound->admitted, "allowed", (json_int_t)bound->allowed);
}

static json_t *limiter_json(const struct limiter_result *result)
{
	static const char *const places[] = {"here", "peer", "server"};
	const struct limiter *limiter = result->limiter;

	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "key", limiter->key, "name", limiter->name, "place",
	                 places[limiter->place], "measured", result->is_measured, "one_window",
	                 bound_json(&result->long_bound), "many_windows", bound_json(&result->short_bound));
}

static json_t *figure_json(const struct limiter_case *of, const struct bench_figure *figure, int processes)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f}", "limiter", of->limiter->key, "path",
	                 of->kind == KIND_OPEN ? "admit" : "refuse", "keys", (int)of->walk.count, "processes",
	                 processes, "median_ns", figure->median, "min_ns", figure->min, "max_ns", figure->max);
}

int results_write(const struct limiter_result *limiters, size_t count, const struct bound *control,
                  const struct case_table *table, const struct bench_results *figures,
                  const struct bench_settings *settings)
{
	json_t *limiter_rows = json_array(), *figure_rows = json_array(), *root;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(limiter_rows, limiter_json(&limiters[i]));
	for (size_t i = 0; i < table->count; i++)
		for (int processes = 1; processes <= (settings->cpus[1] < 0 ? 1 : 2); processes++)
			json_array_append_new(
			    figure_rows,
			    figure_json(&table->details[i],
			                &figures->figures[i][processes == 1 ? BENCH_ONE : BENCH_TOGETHER], processes));
	root = json_pack("{s:s, s:[i, i], s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "version", shmq_version(), "cores",
	                 settings->cpus[0], settings->cpus[1], "rounds", (int)figures->rounds, "sample_ns",
	                 (json_int_t)figures->sample_ns, "samples", (json_int_t)figures->samples, "preempted",
	                 (json_int_t)figures->preempted, "disturbed", (json_int_t)figures->disturbed, "limiters",
	                 limiter_rows, "control", bound_json(control), "figures", figure_rows);
	return report_write_json(root);
}
