/* SPDX-License-Identifier: MIT */
/*
 * shmquota watch: what changes, line by line, for logs.
 *
 * The first look says nothing but what is out of order already; from then on only changes are written, and
 * what would repeat itself every second is summed up. Lines are flushed at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "column.h"
#include "json.h"
#include "render.h"
#include "sampler.h"
#include "target.h"
#include "units.h"

#define INTERVAL_NS UINT64_C(1000000000)
#define CALM_NS UINT64_C(10000000000) /* a limit is left when it was for so long; refusals are summed up over it */

struct watching {
	const struct invocation *invocation;
	struct style style;
	struct sampler sampler;
	bool was_there; /* at the look before */
	bool was_seen;  /* the segment, once at least */
};

/* One line: the time, whom it is about, what changed and a sentence. */
static void say(const struct watching *watching, const struct row *row, enum tint tint, const char *change,
                const char *text)
{
	char printable[TEXT_PRINTABLE_MAX];
	const struct style *style = &watching->style;

	printf("%s  ", time_label(realtime_ns()).text);
	if (row) {
		cell_left(stdout, style, TINT_BOLD, text_printable(printable, sizeof(printable), row->component), 16);
		printf("  ");
		cell_left(stdout, style, TINT_NONE, row->resource < 0 ? "" : shmq_resource_name(row->resource), 8);
	} else {
		cell_left(stdout, style, TINT_BOLD,
		          text_printable(printable, sizeof(printable), watching->sampler.name), 26);
	}
	printf("  ");
	cell_left(stdout, style, tint, change, 12);
	printf("  %s\n", text);
}

static void say_json(const struct watching *watching, const struct row *row, const char *change, const char *text,
                     uint64_t count)
{
	json_t *line = json_pack("{ss si so so ss ss so}", "schema", "shmquota.change", "version", 1, "time_unix_ns",
	                         json_u64(realtime_ns()), "segment", json_text(watching->sampler.name), "change",
	                         change, "text", text, "count", json_u64(count));
	json_t *figures = row && row->resource >= 0 ? json_row(row) : NULL;

	if (figures)
		json_object_update(line, figures);
	else if (row)
		json_object_set_new(line, "component", json_text(row->component));
	json_decref(figures);
	json_line(stdout, "", line);
	putchar('\n');
}

static void report(const struct watching *watching, const struct row *row, enum tint tint, const char *change,
                   const char *text, uint64_t count)
{
	if (watching->invocation->json)
		say_json(watching, row, change, text, count);
	else
		say(watching, row, tint, change, text);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

/* "95 of 100/s, 95.0 %". */
static void describe_use(char *out, size_t size, const struct row *row, bool unicode)
{
	snprintf(out, size, "%s of %s, %s %%", amount_label(row->resource, row->status.used, unicode).text,
	         row_limit_label(row, unicode).text, percent_label(row->status.used, row->status.limit).text);
}

/* A limit that comes near is told at once; that it is left, only when it stays so: windows begin anew all the time. */
static void report_alarm(const struct watching *watching, const struct sample *sample)
{
	static const enum tint tints[] = {TINT_GREEN, TINT_YELLOW, TINT_RED};
	struct trace *trace = sample->trace;
	uint64_t now_ns = watching->sampler.now_ns;
	char text[160];

	if ((enum alarm)trace->told_alarm <= sample->row.alarm)
		trace->calm_ns = now_ns;
	if ((enum alarm)trace->told_alarm == sample->row.alarm ||
	    ((enum alarm)trace->told_alarm > sample->row.alarm && now_ns - trace->calm_ns < CALM_NS))
		return;
	trace->told_alarm = (uint8_t)sample->row.alarm;
	describe_use(text, sizeof(text), &sample->row, watching->style.unicode);
	report(watching, &sample->row, tints[sample->row.alarm], alarm_name(sample->row.alarm), text, 1);
}

/* The first refusal is told at once, those that follow it are summed up. */
static void report_denied(const struct watching *watching, const struct sample *sample)
{
	struct trace *trace = sample->trace;
	uint64_t count = sample->row.status.denied - trace->told_denied;
	char use[120], text[200];

	if (count == 0 || (trace->told_denied_ns && watching->sampler.now_ns - trace->told_denied_ns < CALM_NS))
		return;
	describe_use(use, sizeof(use), &sample->row, watching->style.unicode);
	snprintf(text, sizeof(text), "%" PRIu64 " operation%s; %s", count, count == 1 ? "" : "s", use);
	trace->told_denied = sample->row.status.denied;
	trace->told_denied_ns = watching->sampler.now_ns;
	report(watching, &sample->row, TINT_RED, "denied", text, count);
}

static void report_new(const struct watching *watching, const struct sample *sample)
{
	struct row row = sample->row;

	if (!sample->is_new || row.resource != 0 || watching->sampler.look < 2)
		return;
	row.resource = -1;
	report(watching, &row, TINT_NONE, "registered", "a new component, or one that was registered anew", 1);
}

static void report_rows(struct watching *watching)
{
	const struct invocation *invocation = watching->invocation;

	for (size_t i = 0; i < watching->sampler.count; i++) {
		const struct sample *sample = &watching->sampler.sample[i];

		if (!name_passes(sample->row.component, invocation->include, invocation->include_count,
		                 invocation->exclude, invocation->exclude_count))
			continue;
		report_new(watching, sample);
		report_alarm(watching, sample);
		report_denied(watching, sample);
	}
}

/* ---- The segment ------------------------------------------------------------------------------------------------- */

static void report_presence(struct watching *watching)
{
	bool is_there = watching->sampler.segment != NULL;

	if (is_there == watching->was_there)
		return;
	if (is_there)
		report(watching, NULL, TINT_GREEN, "there", "the segment is there again", 1);
	else
		report(watching, NULL, TINT_RED, "gone", segment_reason(watching->sampler.result), 1);
	watching->was_there = is_there;
}

static void report_segment(struct watching *watching)
{
	const struct overview *now = &watching->sampler.overview, *before = &watching->sampler.before;
	char text[160];

	if (!watching->sampler.segment)
		return;
	if (watching->sampler.look == 1 && watching->was_seen)
		report(watching, NULL, TINT_YELLOW, "anew", "the host made its segment anew", 1);
	watching->was_seen = true;
	if (watching->sampler.look < 2)
		return;
	if (now->info.policy_generation != before->info.policy_generation) {
		snprintf(text, sizeof(text), "generation %" PRIu64, now->info.policy_generation);
		report(watching, NULL, TINT_NONE, "policy", text, now->info.policy_generation);
	}
	if (now->info.components_used < before->info.components_used) {
		snprintf(text, sizeof(text), "%" PRIu32 " of %" PRIu32 " components are left",
		         now->info.components_used, before->info.components_used);
		report(watching, NULL, TINT_NONE, "unregistered", text,
		       before->info.components_used - now->info.components_used);
	}
	if (now->workers.dead > before->workers.dead) {
		snprintf(text, sizeof(text), "%u dead, %u alive", now->workers.dead, now->workers.alive);
		report(watching, NULL, TINT_RED, "died", text, now->workers.dead - before->workers.dead);
	}
}

int verb_watch(const struct invocation *invocation)
{
	uint64_t interval_ns = invocation->interval_ns ? invocation->interval_ns : INTERVAL_NS;
	struct timespec pause = {(time_t)(interval_ns / 1000000000), (long)(interval_ns % 1000000000)};
	struct watching watching = {.invocation = invocation, .style = style_of(stdout), .was_there = true};
	char name[SEGMENT_PATH_MAX];
	int code = target_name(name, invocation->arguments[0]);

	if (code != EXIT_DONE)
		return code;
	sampler_begin(&watching.sampler, name);
	for (unsigned long i = 0; code == EXIT_DONE && (invocation->times == 0 || i < invocation->times); i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		if (!sampler_look(&watching.sampler))
			code = fail(EXIT_FAILED, NULL, "out of memory");
		else if (i == 0 && !watching.sampler.segment)
			code = segment_failed("watch", name, watching.sampler.result);
		if (code != EXIT_DONE)
			break;
		report_presence(&watching);
		report_segment(&watching);
		report_rows(&watching);
		code = output_finish(EXIT_DONE);
	}
	sampler_end(&watching.sampler);
	return code;
}
