/* SPDX-License-Identifier: MIT */
/*
 * Changes as lines and as JSON; see change_text.h.
 *
 *     ~ component "web"
 *         messages         100/s -> 200/s                policy.ini:12
 *         filesystem.read  + /srv/www/x                  policy.ini:14
 */
#include "change_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* What becomes of a rule. */
struct kind {
	const char *name; /* in JSON */
	char mark;
	enum tint tint;
};

static const struct kind coming = {"added", '+', TINT_GREEN};
static const struct kind going = {"removed", '-', TINT_RED};
static const struct kind changing = {"changed", '~', TINT_YELLOW};

/* One value that is different. `before` or `after` is NULL for a grant that comes or goes. */
struct difference {
	const char *key, *before, *after, *origin;
};

struct differences {
	struct difference *list;
	size_t count, capacity;
};

static void add_difference(struct differences *out, const char *key, const struct rule_value *before,
                           const struct rule_value *after)
{
	if (out->count == out->capacity) {
		out->capacity = out->capacity ? 2 * out->capacity : 16;
		out->list = reallocarray(out->list, out->capacity, sizeof(*out->list));
		if (!out->list)
			exit(fail(EXIT_FAILED, NULL, "out of memory"));
	}
	out->list[out->count++] = (struct difference){
	    .key = key,
	    .before = before ? before->text : NULL,
	    .after = after ? after->text : NULL,
	    .origin = after ? after->origin : NULL,
	};
}

/* Whether one of the grants of a rule is the same as this one. */
static bool grants(const struct rule_text *rule, const struct rule_value *wanted)
{
	for (size_t i = VALUES; rule && i < rule->count; i++)
		if (strcmp(rule->values[i].key, wanted->key) == 0 && strcmp(rule->values[i].text, wanted->text) == 0)
			return true;
	return false;
}

/* What a rule that comes says beyond [default]; of a group also what it does not limit goes without saying. */
static void find_news(struct differences *out, const struct changes *changes, const struct rule_text *after)
{
	struct rule_text fallback;

	rule_text_of_policy(&fallback, changes->policy, 0, after->wanted & ~RULE_GRANTS);
	for (size_t i = 0; i < VALUES; i++)
		if (strcmp(after->values[i].text, fallback.values[i].text) != 0 && after->values[i].origin)
			add_difference(out, after->values[i].key, NULL, &after->values[i]);
	rule_text_free(&fallback);
}

static void find_changes(struct differences *out, const struct rule_text *before, const struct rule_text *after)
{
	for (size_t i = 0; i < VALUES; i++)
		if (strcmp(before->values[i].text, after->values[i].text) != 0)
			add_difference(out, after->values[i].key, &before->values[i], &after->values[i]);
	for (size_t i = VALUES; i < before->count; i++)
		if (!grants(after, &before->values[i]))
			add_difference(out, before->values[i].key, &before->values[i], NULL);
}

/* Of a rule that goes there is nothing to say but that it goes. */
static void find_differences(struct differences *out, const struct changes *changes, const struct rule_text *before,
                             const struct rule_text *after)
{
	if (!after)
		return;
	if (before)
		find_changes(out, before, after);
	else
		find_news(out, changes, after);
	for (size_t i = VALUES; i < after->count; i++)
		if (!grants(before, &after->values[i]))
			add_difference(out, after->values[i].key, NULL, &after->values[i]);
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

static void write_head(const struct changes *changes, const struct rule_text *rule, char mark, enum tint tint)
{
	char printable[TEXT_PRINTABLE_MAX];

	text_printable(printable, sizeof(printable), rule_bare_name(rule));
	fprintf(changes->stream, "%s%c %s", tint_begin(&changes->style, tint), mark, rule_kind_name(rule->kind));
	if (*printable)
		fprintf(changes->stream, " \"%s\"", printable);
	fprintf(changes->stream, "%s\n", tint_end(&changes->style, tint));
}

/* "100/s -> 200/s", "+ /srv", "- /srv", or of a rule that comes just the value. */
static void format_difference(char *text, size_t size, const struct difference *difference, bool is_new)
{
	char before[TEXT_PRINTABLE_MAX] = "", after[TEXT_PRINTABLE_MAX] = "";

	if (difference->before)
		text_printable(before, sizeof(before), difference->before);
	if (difference->after)
		text_printable(after, sizeof(after), difference->after);
	if (difference->before && difference->after)
		snprintf(text, size, "%s -> %s", before, after);
	else if (difference->before)
		snprintf(text, size, "- %s", before);
	else
		snprintf(text, size, "%s%s", is_new ? "" : "+ ", after);
}

static void write_difference(const struct changes *changes, const struct difference *difference, bool is_new)
{
	char text[2 * TEXT_PRINTABLE_MAX + 8];

	fputs("    ", changes->stream);
	cell_left(changes->stream, &changes->style, TINT_NONE, difference->key, 18);
	fputc(' ', changes->stream);
	format_difference(text, sizeof(text), difference, is_new);
	if (difference->origin) {
		cell_left(changes->stream, &changes->style, TINT_NONE, text, 34);
		fprintf(changes->stream, " %s%s%s", tint_begin(&changes->style, TINT_DIM), difference->origin,
		        tint_end(&changes->style, TINT_DIM));
	} else {
		fputs(text, changes->stream);
	}
	fputc('\n', changes->stream);
}

static void write_lines(const struct changes *changes, const struct rule_text *rule, const struct kind *kind,
                        const struct differences *differences)
{
	write_head(changes, rule, kind->mark, kind->tint);
	for (size_t i = 0; i < differences->count; i++)
		write_difference(changes, &differences->list[i], kind == &coming);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
	return text ? json_text(text) : json_null();
}

static void write_json(const struct changes *changes, const struct rule_text *rule, const struct kind *kind,
                       const struct differences *differences)
{
	json_t *values = json_array();
	bool is_first = changes->added + changes->removed + changes->changed + changes->obstacles == 1;

	for (size_t i = 0; i < differences->count; i++) {
		const struct difference *difference = &differences->list[i];

		json_array_append_new(values, json_pack("{ss so so so}", "key", difference->key, "before",
		                                        text_or_null(difference->before), "after",
		                                        text_or_null(difference->after), "origin",
		                                        text_or_null(difference->origin)));
	}
	json_line(changes->stream, is_first ? "\n" : ",\n",
	          json_pack("{ss ss so so}", "change", kind->name, "kind", rule_kind_name(rule->kind), "name",
	                    json_text(rule_bare_name(rule)), "values", values));
}

/* ---- Both -------------------------------------------------------------------------------------------------------- */

void change_report(struct changes *changes, const struct rule_text *before, const struct rule_text *after)
{
	const struct rule_text *rule = after ? after : before;
	struct differences differences = {0};
	const struct kind *kind = &changing;

	if (!rule)
		return;
	find_differences(&differences, changes, before, after);
	if (!before)
		kind = &coming;
	else if (!after)
		kind = &going;
	else if (differences.count == 0)
		return;
	changes->added += kind == &coming;
	changes->removed += kind == &going;
	changes->changed += kind == &changing;
	if (changes->stream && changes->is_json)
		write_json(changes, rule, kind, &differences);
	else if (changes->stream)
		write_lines(changes, rule, kind, &differences);
	free(differences.list);
}

void change_obstacle(struct changes *changes, const char *format, ...)
{
	char text[512];
	va_list arguments;

	changes->obstacles++;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (changes->stream && changes->is_json)
		json_line(changes->stream,
		          changes->added + changes->removed + changes->changed + changes->obstacles == 1 ? "\n" : ",\n",
		          json_pack("{ss so}", "change", "obstacle", "text", json_text(text)));
	else if (changes->stream)
		fprintf(changes->stream, "%s! %s%s\n", tint_begin(&changes->style, TINT_RED), text,
		        tint_end(&changes->style, TINT_RED));
}

struct changes changes_begin(FILE *stream, bool is_json, const char *from)
{
	struct changes changes = {.stream = stream, .is_json = is_json, .style = style_of(stdout)};

	if (stream && is_json) {
		fputs("{\"schema\":\"shmquota.policy-diff\",\"version\":1,", stream);
		json_line(stream, "\"from\":", json_text(from));
		fputs(",\"changes\":[", stream);
	}
	return changes;
}

void changes_end(const struct changes *changes)
{
	if (changes->stream && changes->is_json)
		fprintf(changes->stream, "%s],\"added\":%zu,\"removed\":%zu,\"changed\":%zu,\"obstacles\":%zu}\n",
		        changes_are_none(changes) && changes->obstacles == 0 ? "" : "\n", changes->added,
		        changes->removed, changes->changed, changes->obstacles);
}

void changes_summary(char *text, size_t size, const struct changes *changes)
{
	if (changes_are_none(changes))
		snprintf(text, size, "no changes");
	else
		snprintf(text, size, "%zu added, %zu removed, %zu changed", changes->added, changes->removed,
		         changes->changed);
}
