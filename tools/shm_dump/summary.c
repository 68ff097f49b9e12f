/* SPDX-License-Identifier: MIT */
/*
 * The head of a dump: what the segment is, in which state, and who is attached to it.
 *
 * On a terminal a long list of workers is cut to those that matter: the dead and those inside a read section.
 */
#include "dump.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "units.h"

#define WORKERS_SHOWN 16

/* One line "Title     text". */
__attribute__((format(printf, 3, 4))) static void line(const struct dump *dump, const char *title, const char *format,
                                                       ...)
{
	va_list arguments;

	cell_left(stdout, &dump->style, TINT_BOLD, title, 12);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static void show_state(const struct dump *dump)
{
	static const char *const meanings[] = {
	    "live",
	    "idle: nobody is attached",
	    "crashed: every worker that is attached is dead",
	};
	enum tint tint = TINT_GREEN;
	const char *meaning = meanings[0];
	char printable[TEXT_PRINTABLE_MAX];

	if (dump->workers.alive == 0) {
		tint = dump->workers.dead ? TINT_RED : TINT_DIM;
		meaning = meanings[dump->workers.dead ? 2 : 1];
	}
	line(dump, "Segment", "%s%s", text_printable(printable, sizeof(printable), dump->name),
	     dump->info.persistent ? ", persistent" : "");
	line(dump, "State", "%s%s%s", tint_begin(&dump->style, tint), meaning, tint_end(&dump->style, tint));
}

static void show_creation(const struct dump *dump)
{
	const struct shmq_info *info = &dump->info;
	bool gone = kill((pid_t)info->creator_pid, 0) != 0 && errno == ESRCH;

	line(dump, "Created", "%s, %s ago, by pid %" PRIu32 "%s", time_label(info->created_unix_ns).text,
	     age_label(info->created_unix_ns).text, info->creator_pid, gone ? ", which has ended" : "");
}

static void show_controller(const struct dump *dump)
{
	const struct shmq_info *info = &dump->info;
	char steals[96] = "";

	if (info->controller_steals == 1)
		snprintf(steals, sizeof(steals), "; taken over from a dead controller once");
	else if (info->controller_steals > 1)
		snprintf(steals, sizeof(steals), "; taken over from dead controllers %" PRIu64 " times",
		         info->controller_steals);
	if (info->controller_pid)
		line(dump, "Controller", "pid %" PRIu32 " holds the lock%s", info->controller_pid, steals);
	else
		line(dump, "Controller", "nobody holds the lock%s", steals);
}

static void show_segment(const struct dump *dump)
{
	const struct shmq_info *info = &dump->info;
	char retired[64] = "", dead[64] = "";

	if (info->retired)
		snprintf(retired, sizeof(retired), "; %" PRIu32 " unregistered wait for their grace period",
		         info->retired);
	if (dump->workers.dead)
		snprintf(dead, sizeof(dead), ", %s%u dead%s", tint_begin(&dump->style, TINT_RED), dump->workers.dead,
		         tint_end(&dump->style, TINT_RED));
	show_state(dump);
	show_creation(dump);
	line(dump, "Layout", "%" PRIu32 ".%" PRIu32 ", signature %016" PRIx64, info->layout_major, info->layout_minor,
	     info->signature);
	line(dump, "Policy", "generation %" PRIu64 ", %s", info->policy_generation,
	     bytes_label(info->policy_bytes).text);
	line(dump, "Usage", "%s", bytes_label(info->usage_bytes).text);
	line(dump, "Components", "%" PRIu32 " of %" PRIu32 "%s", info->components_used, info->components, retired);
	line(dump, "Workers", "%u alive%s, %" PRIu32 " slots", dump->workers.alive, dead, info->threads);
	show_controller(dump);
	line(dump, "Epoch", "%" PRIu64 ", grace periods done up to %" PRIu64, info->epoch, info->done_epoch);
}

static void show_worker(const struct dump *dump, const struct shmq_worker *worker)
{
	uint64_t age_ns = dump->now_ns > worker->attached_ns ? dump->now_ns - worker->attached_ns : 0;
	char number[16], reading[48] = "-", command[TEXT_PRINTABLE_MAX];

	snprintf(number, sizeof(number), "%" PRIu32, worker->slot);
	cell_right(stdout, &dump->style, TINT_NONE, number, 6);
	snprintf(number, sizeof(number), "%" PRIu32, worker->tid);
	cell_right(stdout, &dump->style, TINT_NONE, number, 10);
	fputs("  ", stdout);
	cell_left(stdout, &dump->style, worker->alive ? TINT_GREEN : TINT_RED, worker->alive ? "alive" : "dead", 7);
	cell_left(stdout, &dump->style, TINT_NONE, duration_label(age_ns).text, 15);
	if (worker->reading)
		snprintf(reading, sizeof(reading), "epoch %" PRIu64, worker->epoch);
	if (worker->alive && *thread_command(command, worker->tid)) {
		cell_left(stdout, &dump->style, TINT_NONE, reading, 14);
		puts(command);
	} else {
		puts(reading);
	}
}

static void show_workers(const struct dump *dump)
{
	bool all = dump->all_workers || !dump->style.terminal || dump->info.threads_used <= WORKERS_SHOWN;
	uint32_t left_out = 0;

	printf("\n%s%6s%10s  %-7s%-15s%-12s  %s%s\n", tint_begin(&dump->style, TINT_BOLD), "SLOT", "TID", "STATE",
	       "ATTACHED FOR", "READING", "COMMAND", tint_end(&dump->style, TINT_BOLD));
	for (uint32_t slot = 0; slot < dump->info.threads; slot++) {
		struct shmq_worker worker;

		if (shmq_worker_at(dump->segment, slot, &worker) != 0)
			continue;
		if (all || !worker.alive || worker.reading)
			show_worker(dump, &worker);
		else
			left_out++;
	}
	if (left_out > 0)
		printf("%s  ... and %" PRIu32 " that are alive and idle; --workers shows them%s\n",
		       tint_begin(&dump->style, TINT_DIM), left_out, tint_end(&dump->style, TINT_DIM));
}

void dump_summary(const struct dump *dump)
{
	show_segment(dump);
	if (dump->workers.alive + dump->workers.dead > 0)
		show_workers(dump);
}
