/* SPDX-License-Identifier: MIT */
/*
 * The table of a segment's workers.
 */
#include "workers.h"

#include <inttypes.h>

#include "thread.h"
#include "units.h"

static enum tint tint_of(const struct shmq_worker *worker, const struct thread_look *look)
{
	if (!worker->alive)
		return TINT_RED;
	/* These hold up whoever waits for them. */
	return look->state == 'T' || look->state == 't' || look->state == 'D' ? TINT_YELLOW : TINT_GREEN;
}

static void write_worker(const struct workers_table *table, const struct shmq_worker *worker,
                         const struct thread_look *look, uint64_t now_ns)
{
	uint64_t age_ns = now_ns > worker->attached_ns ? now_ns - worker->attached_ns : 0;
	char number[16], reading[48] = "-";

	snprintf(number, sizeof(number), "%" PRIu32, worker->slot);
	cell_right(table->out, table->style, TINT_NONE, number, 6);
	snprintf(number, sizeof(number), "%" PRIu32, worker->tid);
	cell_right(table->out, table->style, TINT_NONE, number, 10);
	fputs("  ", table->out);
	cell_left(table->out, table->style, tint_of(worker, look), thread_state_name(worker, look), 10);
	cell_left(table->out, table->style, TINT_NONE, duration_label(age_ns).text, 15);
	if (worker->reading)
		snprintf(reading, sizeof(reading), "epoch %" PRIu64, worker->epoch);
	cell_left(table->out, table->style, TINT_NONE, reading, *look->command ? 14 : 0);
	fprintf(table->out, "%s\n", look->command);
}

uint32_t workers_write(const struct workers_table *table, struct shmq_segment *segment, const struct overview *overview)
{
	uint32_t left_out = 0;

	if (table->has_header)
		fprintf(table->out, "%s%6s%10s  %-10s%-15s%-12s  %s%s\n", tint_begin(table->style, TINT_BOLD), "SLOT",
		        "TID", "STATE", "ATTACHED FOR", "READING", "COMMAND", tint_end(table->style, TINT_BOLD));
	for (uint32_t slot = 0; slot < overview->info.threads; slot++) {
		struct thread_look look;
		struct shmq_worker worker;

		if (shmq_worker_at(segment, slot, &worker) != 0)
			continue;
		look = thread_look(&worker);
		if (table->all || !worker.alive || worker.reading || look.state == 'T' || look.state == 't')
			write_worker(table, &worker, &look, overview->now_ns);
		else
			left_out++;
	}
	return left_out;
}

void workers_view(const struct workers_table *table, struct shmq_segment *segment, const struct overview *overview)
{
	const struct worker_count *workers = &overview->workers;
	enum tint tint = workers->dead ? TINT_RED : TINT_NONE;

	if (workers->alive + workers->dead == 0 && table->has_header) {
		fprintf(table->out, "Nobody is attached.\n");
		return;
	}
	workers_write(table, segment, overview);
	if (table->has_header)
		fprintf(table->out, "\n%u alive, %s%u dead%s, %" PRIu32 " slots\n", workers->alive,
		        tint_begin(table->style, tint), workers->dead, tint_end(table->style, tint),
		        overview->info.threads);
}
