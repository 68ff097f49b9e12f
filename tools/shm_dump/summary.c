/* SPDX-License-Identifier: MIT */
/*
 * The head of a dump: what the segment is, in which state, and who is attached to it.
 *
 * Whoever asks for certain rows or columns gets two lines of it. On a terminal a long list of workers is cut to those
 * that matter: the dead, the stopped, and those inside a read section.
 */
#include "dump.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>

#include "units.h"
#include "workers.h"

#define WORKERS_SHOWN 16

/* One line "Title     text". */
__attribute__((format(printf, 3, 4))) static void line(const struct dump *dump, const char *title, const char *format,
                                                       ...)
{
	va_list arguments;

	cell_left(dump->out, &dump->style, TINT_BOLD, title, 12);
	va_start(arguments, format);
	vfprintf(dump->out, format, arguments);
	va_end(arguments);
	fputc('\n', dump->out);
}

static void show_state(const struct dump *dump)
{
	static const char *const meanings[] = {
	    "live",
	    "idle: nobody is attached",
	    "crashed: every worker that is attached is dead",
	};
	const struct worker_count *workers = &dump->overview.workers;
	enum tint tint = TINT_GREEN;
	const char *meaning = meanings[0];
	char printable[TEXT_PRINTABLE_MAX];

	if (workers->alive == 0) {
		tint = workers->dead ? TINT_RED : TINT_DIM;
		meaning = meanings[workers->dead ? 2 : 1];
	}
	line(dump, "Segment", "%s%s", text_printable(printable, sizeof(printable), dump->overview.name),
	     dump->overview.info.persistent ? ", persistent" : "");
	line(dump, "State", "%s%s%s", tint_begin(&dump->style, tint), meaning, tint_end(&dump->style, tint));
}

static void show_creation(const struct dump *dump)
{
	const struct shmq_info *info = &dump->overview.info;
	bool gone = kill((pid_t)info->creator_pid, 0) != 0 && errno == ESRCH;

	line(dump, "Created", "%s, %s ago, by pid %" PRIu32 "%s", time_label(info->created_unix_ns).text,
	     age_label(info->created_unix_ns).text, info->creator_pid, gone ? ", which has ended" : "");
}

static void show_controller(const struct dump *dump)
{
	const struct shmq_info *info = &dump->overview.info;
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

/* Only where they were asked for. */
static void show_huge_pages(const struct dump *dump)
{
	const struct shmq_info *info = &dump->overview.info;
	uint64_t bytes = info->policy_bytes + info->usage_bytes;

	if (info->hugepages)
		line(dump, "Huge pages", "%s%s of %s%s%s",
		     info->huge_bytes ? "" : tint_begin(&dump->style, TINT_YELLOW), bytes_label(info->huge_bytes).text,
		     bytes_label(bytes).text, info->huge_bytes ? "" : tint_end(&dump->style, TINT_YELLOW),
		     info->huge_bytes ? "" : "; 'shmquota doctor' says why there are none");
}

static void show_segment(const struct dump *dump)
{
	const struct shmq_info *info = &dump->overview.info;
	const struct worker_count *workers = &dump->overview.workers;
	char retired[64] = "", dead[64] = "", advice[SEGMENT_PATH_MAX + 64] = "";
	char printable[TEXT_PRINTABLE_MAX];

	if (info->retired)
		snprintf(retired, sizeof(retired), "; %" PRIu32 " unregistered wait for their grace period",
		         info->retired);
	if (workers->dead)
		snprintf(dead, sizeof(dead), ", %s%u dead%s", tint_begin(&dump->style, TINT_RED), workers->dead,
		         tint_end(&dump->style, TINT_RED));
	if (workers->dead)
		snprintf(advice, sizeof(advice), "; 'shmquota reap %s' gives back what the dead held",
		         text_printable(printable, sizeof(printable), dump->overview.name));
	show_state(dump);
	show_creation(dump);
	line(dump, "Layout", "%" PRIu32 ".%" PRIu32 ", signature %016" PRIx64, info->layout_major, info->layout_minor,
	     info->signature);
	line(dump, "Policy", "generation %" PRIu64 ", %s", info->policy_generation,
	     bytes_label(info->policy_bytes).text);
	line(dump, "Usage", "%s", bytes_label(info->usage_bytes).text);
	show_huge_pages(dump);
	line(dump, "Components", "%" PRIu32 " of %" PRIu32 "%s", info->components_used, info->components, retired);
	line(dump, "Workers", "%u alive%s, %" PRIu32 " slots%s", workers->alive, dead, info->threads, advice);
	show_controller(dump);
	line(dump, "Epoch", "%" PRIu64 ", grace periods done up to %" PRIu64, info->epoch, info->done_epoch);
}

void dump_summary(const struct dump *dump)
{
	struct workers_table table = {dump->out, &dump->style, true, true};
	uint32_t left_out;

	if (dump->columns > 0 || selection_is_choice(&dump->selection)) {
		show_state(dump);
		return;
	}
	show_segment(dump);
	if (dump->overview.workers.alive + dump->overview.workers.dead == 0)
		return;
	fputc('\n', dump->out);
	table.all = !dump->style.terminal || dump->overview.info.threads_used <= WORKERS_SHOWN;
	left_out = workers_write(&table, dump->segment, &dump->overview);
	if (left_out > 0)
		fprintf(dump->out, "%s  ... and %" PRIu32 " that are alive and idle; --workers shows them%s\n",
		        tint_begin(&dump->style, TINT_DIM), left_out, tint_end(&dump->style, TINT_DIM));
}

void dump_workers(const struct dump *dump)
{
	struct workers_table table = {dump->out, &dump->style, dump->has_header, true};

	workers_view(&table, dump->segment, &dump->overview);
}
