/* SPDX-License-Identifier: MIT */
/*
 * shmquota why: whether an amount would be admitted now, who refuses it, by which rule, and what helps.
 *
 * The answer is shmq_check()'s, so it is the one that the component would get. Beside it stand the component and the
 * groups above it with what they use of their limits, and the last refusal that the segment remembers. Without an amount
 * it asks for as much as was refused last, else for the least there is. Nothing is taken and nothing is counted.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "column.h"
#include "event.h"
#include "target.h"
#include "units.h"

#define LEVELS_MOST 5 /* a component and the groups above it */
#define TITLE_WIDTH 10

struct inquiry {
	struct style style;
	struct shmq_segment *segment;
	const char *name;
	struct shmq_component *level[LEVELS_MOST];
	struct row rows[LEVELS_MOST][SHMQ_RESOURCES];
	size_t levels;
	struct shmq_event last[SHMQ_RESOURCES + 1]; /* the last refusal of each resource, then of a capability */
	bool was_refused[SHMQ_RESOURCES + 1];
	unsigned refusing; /* how many resources would be refused now */
};

/* ---- What there is ----------------------------------------------------------------------------------------------- */

static bool find_levels(struct inquiry *inquiry)
{
	uint32_t id;

	for (;;) {
		struct shmq_component *level = inquiry->level[inquiry->levels];

		if (!rows_read(inquiry->rows[inquiry->levels++], level))
			return false;
		if (inquiry->levels == LEVELS_MOST || shmq_component_group(level, &id) != 0 ||
		    shmq_component_at(&inquiry->level[inquiry->levels], inquiry->segment, id) != 0)
			return true;
	}
}

static void find_last(struct inquiry *inquiry)
{
	uint32_t id = shmq_component_id(inquiry->level[0]);
	struct shmq_event event = {.size = sizeof(event)};
	uint64_t cursor = 0;

	while (shmq_event_read(inquiry->segment, &cursor, &event) == 1) {
		bool is_quota = event.kind == SHMQ_EVENT_QUOTA_VIOLATION || event.kind == SHMQ_EVENT_WOULD_DENY;
		int place = is_quota ? event.resource : SHMQ_RESOURCES;

		/* An id is used again; the name tells. */
		if ((!is_quota && event.kind != SHMQ_EVENT_CAPABILITY_VIOLATION) || event.component != id ||
		    strcmp(event.component_name, shmq_component_name(inquiry->level[0])) != 0 || place < 0 ||
		    place > SHMQ_RESOURCES)
			continue;
		inquiry->last[place] = event;
		inquiry->was_refused[place] = true;
	}
}

/* ---- One resource ------------------------------------------------------------------------------------------------ */

/* Where a limit comes from that stands in no file. */
static const char *unwritten_origin(const struct row *row, struct shmq_component *component)
{
	static const struct shmq_quota usual = SHMQ_QUOTA_DEFAULT;

	if (row->status.limit == SHMQ_UNLIMITED && row_is_group(row))
		return "no limit of its own";
	if (row->status.limit == usual.limit[row->resource] && row->period_ns == usual.period_ns[row->resource])
		return "built in";
	return shmq_component_source(component) == SHMQ_SOURCE_MANIFEST ? "asked for by its manifest"
	                                                                : "set by a program or by 'shmquota set'";
}

static void say_level(const struct inquiry *inquiry, size_t level, int resource, unsigned width)
{
	const struct row *row = &inquiry->rows[level][resource];
	char printable[TEXT_PRINTABLE_MAX], origin[512] = "";
	bool unicode = inquiry->style.unicode;

	shmq_component_origin(inquiry->level[level], resource, origin, sizeof(origin));
	printf("%*s", TITLE_WIDTH + 2, "");
	cell_left(stdout, &inquiry->style, TINT_NONE, text_printable(printable, sizeof(printable), row->component),
	          width + 2);
	printf("%s of %s used", amount_label(resource, row->status.used, unicode).text,
	       row_limit_label(row, unicode).text);
	if (row->status.limit != SHMQ_UNLIMITED)
		printf(", %s %%", percent_label(row->status.used, row->status.limit).text);
	printf(" (%s)\n", *origin ? text_printable(printable, sizeof(printable), origin)
	                          : unwritten_origin(row, inquiry->level[level]));
}

/* All that has a limit, and the component itself in any case. */
static void say_levels(const struct inquiry *inquiry, int resource)
{
	char printable[TEXT_PRINTABLE_MAX];
	unsigned width = 0;

	for (size_t i = 0; i < inquiry->levels; i++) {
		unsigned taken =
		    text_width(text_printable(printable, sizeof(printable), inquiry->rows[i][resource].component));

		width = taken > width ? taken : width;
	}
	for (size_t i = 0; i < inquiry->levels; i++) {
		if (i == 0 || inquiry->rows[i][resource].status.limit != SHMQ_UNLIMITED)
			say_level(inquiry, i, resource, width);
	}
}

static const char *name_of(const struct inquiry *inquiry, uint32_t id)
{
	for (size_t i = 0; i < inquiry->levels; i++) {
		if (shmq_component_id(inquiry->level[i]) == id)
			return shmq_component_name(inquiry->level[i]);
	}
	return "a group";
}

static const char *what_helps(char *out, size_t size, const struct inquiry *inquiry, const struct shmq_verdict *verdict)
{
	if (verdict->requested > verdict->limit)
		snprintf(out, size, "it is more than the limit, so only a higher limit helps");
	else if (verdict->retry_after_ns != UINT64_MAX)
		snprintf(out, size, "there is room in %s", duration_label(verdict->retry_after_ns).text);
	else if (*segment_dead_advice(out, size, inquiry->segment) == '\0')
		snprintf(out, size, "waiting does not help: some of it has to be released, or the limit raised");
	return out;
}

static void say_answer(struct inquiry *inquiry, int resource, uint64_t amount)
{
	char printable[TEXT_PRINTABLE_MAX], help[SEGMENT_PATH_MAX + 128], asked[64];
	bool unicode = inquiry->style.unicode;
	struct shmq_verdict verdict;
	int result = shmq_check(inquiry->level[0], resource, amount, &verdict);
	enum tint tint = result == SHMQ_DENIED ? TINT_RED : result == SHMQ_OK ? TINT_GREEN : TINT_YELLOW;

	snprintf(asked, sizeof(asked), "%s", amount_label(resource, amount, unicode).text);
	cell_left(stdout, &inquiry->style, TINT_BOLD, shmq_resource_name(resource), TITLE_WIDTH);
	fputs(tint_begin(&inquiry->style, tint), stdout);
	if (result == SHMQ_DENIED) {
		inquiry->refusing++;
		printf("%s would be refused by %s%s: %s\n", asked,
		       text_printable(printable, sizeof(printable), name_of(inquiry, verdict.component)),
		       tint_end(&inquiry->style, tint), what_helps(help, sizeof(help), inquiry, &verdict));
		return;
	}
	if (result == SHMQ_WOULD_DENY)
		printf("%s would pass the limit of %s and be admitted%s: it only warns (enforce = warn)\n", asked,
		       text_printable(printable, sizeof(printable), name_of(inquiry, verdict.component)),
		       tint_end(&inquiry->style, tint));
	else if (result == SHMQ_OK)
		printf("%s would be admitted%s\n", asked, tint_end(&inquiry->style, tint));
	else
		printf("%s%s\n", shmq_strerror(result), tint_end(&inquiry->style, tint));
}

static void say_last(const struct inquiry *inquiry, int place)
{
	const struct shmq_event *event = &inquiry->last[place];
	char sentence[1024], printable[TEXT_PRINTABLE_MAX];

	event_sentence(sentence, sizeof(sentence), inquiry->segment, event, inquiry->style.unicode);
	printf("%*s%s%s: %s%s\n", TITLE_WIDTH + 2, "", tint_begin(&inquiry->style, TINT_DIM),
	       time_label(event->time_unix_ns).text, text_printable(printable, sizeof(printable), sentence),
	       tint_end(&inquiry->style, TINT_DIM));
}

static void explain(struct inquiry *inquiry, int resource, const uint64_t *amount)
{
	const struct shmq_resource_status *status = &inquiry->rows[0][resource].status;
	const struct shmq_event *last = inquiry->was_refused[resource] ? &inquiry->last[resource] : NULL;
	uint64_t least = resource == SHMQ_CPU ? 1000 : 1;

	say_answer(inquiry, resource, amount ? *amount : last ? last->requested : least);
	say_levels(inquiry, resource);
	if (status->denied > 0)
		printf("%*s%s refused so far%s\n", TITLE_WIDTH + 2, "", count_label(status->denied).text,
		       last ? ", the last:" : "; the segment no longer remembers when");
	else if (status->would_deny > 0)
		printf("%*s%s admitted above the limit so far%s\n", TITLE_WIDTH + 2, "",
		       count_label(status->would_deny).text,
		       last ? ", the last:" : "; the segment no longer remembers when");
	if (last)
		say_last(inquiry, resource);
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static void say_next(const struct inquiry *inquiry)
{
	char printable[TEXT_PRINTABLE_MAX];
	const char *component = text_printable(printable, sizeof(printable), shmq_component_name(inquiry->level[0]));

	if (inquiry->was_refused[SHMQ_RESOURCES]) {
		cell_left(stdout, &inquiry->style, TINT_BOLD, "capability", TITLE_WIDTH + 2);
		printf("the last that was not granted:\n");
		say_last(inquiry, SHMQ_RESOURCES);
		printf("%*s'shmquota policy show -n %s --component %s' shows what is granted.\n", TITLE_WIDTH + 2, "",
		       inquiry->name, component);
	}
	if (inquiry->refusing > 0)
		printf("\nRaise a limit where the rule stands and 'shmquota policy apply' it, or for a try\n"
		       "'shmquota set %s %s --help' until the next policy is published.\n",
		       inquiry->name, component);
}

static int inquire(struct inquiry *inquiry, const char *component, int resource, const uint64_t *amount)
{
	char printable[TEXT_PRINTABLE_MAX];
	int result = shmq_component_find(&inquiry->level[0], inquiry->segment, component);

	/* The one word that was typed may be the segment's name. */
	if (result == -ENOENT && strcmp(component + (*component == '/'), inquiry->name + (*inquiry->name == '/')) == 0)
		return fail(EXIT_USAGE, "Such as 'shmquota why SEGMENT COMPONENT'; 'shm-dump SEGMENT' shows them.",
		            "which component of %s?", inquiry->name);
	if (result < 0)
		return component_failed("explain", component, inquiry->segment, inquiry->name, result);
	if (!find_levels(inquiry))
		return component_failed("explain", component, inquiry->segment, inquiry->name, -ESTALE);
	find_last(inquiry);
	printf("%s%s%s of %s\n\n", tint_begin(&inquiry->style, TINT_BOLD),
	       text_printable(printable, sizeof(printable), component), tint_end(&inquiry->style, TINT_BOLD),
	       inquiry->name);
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		if (resource < 0 || r == resource)
			explain(inquiry, r, amount);
	}
	say_next(inquiry);
	return amount && inquiry->refusing > 0 ? EXIT_DENIED : EXIT_DONE;
}

/* Whether the first argument is a segment: where the second is a resource, it is the component already. */
static bool begins_with_segment(const struct invocation *invocation)
{
	size_t count = invocation->count;

	return count == 4 || (count > 1 && !invocation->name && resource_named(invocation->arguments[1]) < 0);
}

int verb_why(const struct invocation *invocation)
{
	struct inquiry inquiry = {.style = style_of(stdout)};
	bool is_named = begins_with_segment(invocation);
	char **arguments = invocation->arguments + is_named;
	size_t count = invocation->count - is_named;
	int resource = -1, code = EXIT_DONE;
	char name[SEGMENT_PATH_MAX];
	uint64_t amount = 0;

	if (is_named && invocation->name)
		return fail(EXIT_USAGE, NULL, "the segment is named twice: '%s' and -n '%s'", invocation->arguments[0],
		            invocation->name);
	if (count > 1) {
		resource = target_resource(arguments[1]);
		code = resource < 0 ? EXIT_USAGE : EXIT_DONE;
	}
	if (code == EXIT_DONE && count > 2)
		code = target_amount(&amount, resource, arguments[2]);
	if (code == EXIT_DONE)
		code = target_open(&inquiry.segment, name, is_named ? invocation->arguments[0] : invocation->name,
		                   SHMQ_OBSERVE);
	if (code != EXIT_DONE)
		return code;
	inquiry.name = name;
	code = inquire(&inquiry, arguments[0], resource, count > 2 ? &amount : NULL);
	for (size_t i = 0; i < LEVELS_MOST; i++)
		shmq_component_put(inquiry.level[i]);
	shmq_segment_close(inquiry.segment);
	return code;
}
