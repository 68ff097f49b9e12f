/* SPDX-License-Identifier: MIT */
/*
 * shmquota workers: who is attached to a segment.
 */
#include <stdio.h>

#include "json.h"
#include "target.h"
#include "workers.h"

static void write_json(struct shmq_segment *segment, const struct overview *overview)
{
	const char *separator = "\n";

	printf("{\"schema\":\"shmquota.workers\",\"version\":1,\"library\":\"%s\",\n", shmq_version());
	json_line(stdout, "\"segment\":", json_segment(overview));
	fputs(",\n\"workers\":[", stdout);
	for (uint32_t slot = 0; slot < overview->info.threads; slot++) {
		struct shmq_worker worker;

		if (shmq_worker_at(segment, slot, &worker) != 0)
			continue;
		json_line(stdout, separator, json_worker(&worker));
		separator = ",\n";
	}
	fputs("]}\n", stdout);
}

int verb_workers(const struct invocation *invocation)
{
	struct style style = style_of(stdout);
	struct workers_table table = {stdout, &style, true, true};
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	struct overview overview;
	int code = target_open(&segment, name, invocation->arguments[0], SHMQ_OBSERVE);

	if (code != EXIT_DONE)
		return code;
	overview = overview_read(segment, name);
	if (invocation->json)
		write_json(segment, &overview);
	else
		workers_view(&table, segment, &overview);
	shmq_segment_close(segment);
	return EXIT_DONE;
}
