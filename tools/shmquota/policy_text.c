/* SPDX-License-Identifier: MIT */
/*
 * A policy as INI; see policy_text.h.
 */
#include "policy_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMMENT_COLUMN 42
#define LIST_COLUMNS 90 /* longer lists stand on a line for each pattern */

struct policy_text policy_text_begin(bool has_origins, bool has_all, bool is_in_force)
{
	struct policy_text text = {
	    .style = style_of(stdout),
	    .has_origins = has_origins,
	    .has_all = has_all,
	    .unsaid = is_in_force ? NULL : "built in",
	};

	rule_text_builtin(&text.fallback);
	return text;
}

void policy_text_end(struct policy_text *text)
{
	rule_text_free(&text->fallback);
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

/* Write text in double quotes. */
static void put_quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

/*
 * A name in a heading. Of a component a backslash takes the meaning away from what would make it a pattern; what would
 * end the heading early stands in double quotes, where backslashes and quotes want one more.
 */
static void put_name(const char *name, bool is_literal)
{
	bool is_quoted = name[strcspn(name, "\"]")] != '\0' || *name == ' ' || name[strlen(name) - 1] == ' ';

	if (is_quoted)
		putchar('"');
	for (; *name; name++) {
		if (is_literal && strchr("*?\\", *name))
			fputs(is_quoted ? "\\\\" : "\\", stdout);
		if (is_quoted && strchr("\"\\", *name))
			putchar('\\');
		putchar(*name);
	}
	if (is_quoted)
		putchar('"');
}

static void put_heading(struct policy_text *text, const char *kind, const char *name, bool is_literal)
{
	if (text->is_begun)
		putchar('\n');
	text->is_begun = true;
	fputs(tint_begin(&text->style, TINT_BOLD), stdout);
	printf("[%s", kind);
	if (name) {
		putchar(':');
		put_name(name, is_literal);
	}
	printf("]%s", tint_end(&text->style, TINT_BOLD));
}

/* End a line of `width` columns, with where it comes from. */
static void put_origin(const struct policy_text *text, size_t width, const char *origin)
{
	if (!origin)
		origin = text->unsaid;
	if (text->has_origins && origin)
		printf("%*s %s; %s%s", width < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - width) : 0, "",
		       tint_begin(&text->style, TINT_DIM), origin, tint_end(&text->style, TINT_DIM));
	putchar('\n');
}

static void put_value(const struct policy_text *text, const char *key, const char *value, const char *origin)
{
	printf("%s = %s", key, value);
	put_origin(text, strlen(key) + strlen(" = ") + text_width(value), origin);
}

void policy_text_remark(struct policy_text *text, const char *remark)
{
	if (!remark)
		return;
	printf("%s%s; %s%s", text->is_begun ? "\n" : "", tint_begin(&text->style, TINT_DIM), remark,
	       tint_end(&text->style, TINT_DIM));
	/* The distance is kept already; the heading's newline ends this line. */
	if (!text->is_begun)
		putchar('\n');
}

void policy_text_follows(struct policy_text *text, const struct rule_text *rule, const char *component)
{
	char printable[TEXT_PRINTABLE_MAX];

	printf("%s; \"%s\" has no section of its own and follows %s%s\n", tint_begin(&text->style, TINT_DIM),
	       text_printable(printable, sizeof(printable), component),
	       rule->kind == SHMQ_RULE_DEFAULT ? "[default]" : "this pattern", tint_end(&text->style, TINT_DIM));
}

/* ---- [segment] --------------------------------------------------------------------------------------------------- */

void policy_text_files(struct policy_text *text, const struct shmq_policy *policy)
{
	const char *file;

	for (size_t i = 0; (file = shmq_policy_file(policy, i)); i++)
		printf("%s; %s%s\n", tint_begin(&text->style, TINT_DIM), file, tint_end(&text->style, TINT_DIM));
	text->is_begun = true;
}

static void put_option(const struct policy_text *text, const struct shmq_policy *policy, const char *key,
                       const char *value)
{
	struct shmq_origin origin = {0};
	char place[512];

	if (shmq_policy_origin(policy, SHMQ_RULE_SEGMENT, key, &origin) != 0 && !text->has_all)
		return;
	snprintf(place, sizeof(place), "%s:%u", origin.file ? origin.file : "", origin.line);
	put_value(text, key, value, origin.file ? place : NULL);
}

static void put_count(const struct policy_text *text, const struct shmq_policy *policy, const char *key, uint32_t count)
{
	char value[16];

	snprintf(value, sizeof(value), "%" PRIu32, count);
	put_option(text, policy, key, value);
}

void policy_text_segment(struct policy_text *text, const struct shmq_policy *policy)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	const char *name = shmq_policy_segment(policy, &options);
	char value[32];

	put_heading(text, "segment", NULL, false);
	putchar('\n');
	if (name)
		put_option(text, policy, "name", name);
	put_count(text, policy, "components", options.components);
	put_count(text, policy, "threads", options.threads);
	put_count(text, policy, "reservations", options.reservations);
	put_count(text, policy, "events", options.events);
	shmq_amount_format(value, sizeof(value), SHMQ_STORAGE, options.rules_bytes);
	if (options.rules_bytes > 0)
		put_option(text, policy, "rules", value);
	snprintf(value, sizeof(value), "%04o", (unsigned)options.mode);
	put_option(text, policy, "mode", value);
	put_option(text, policy, "persistent", options.persistent ? "yes" : "no");
	put_option(text, policy, "membarrier", options.membarrier ? "yes" : "no");
	put_option(text, policy, "hugepages", options.hugepages ? "yes" : "no");
}

void policy_text_segment_in_force(struct policy_text *text, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};
	char value[16];

	shmq_segment_info(segment, &info);
	printf("%s; in force in %s, generation %" PRIu64 "%s\n", tint_begin(&text->style, TINT_DIM), info.name,
	       info.policy_generation, tint_end(&text->style, TINT_DIM));
	text->is_begun = true;
	put_heading(text, "segment", NULL, false);
	putchar('\n');
	put_value(text, "name", info.name, NULL);
	snprintf(value, sizeof(value), "%" PRIu32, info.components);
	put_value(text, "components", value, NULL);
	snprintf(value, sizeof(value), "%" PRIu32, info.threads);
	put_value(text, "threads", value, NULL);
	put_value(text, "persistent", info.persistent ? "yes" : "no", NULL);
	put_value(text, "hugepages", info.hugepages ? "yes" : "no", NULL);
}

/* ---- Values of a rule -------------------------------------------------------------------------------------------- */

/* What a rule would have of a value if its section said nothing. */
static const char *inherited_text(const struct policy_text *text, const struct rule_text *rule, size_t i, int part)
{
	bool is_amount = part == PART_LIMIT || part == PART_LEASE;

	if (rule->kind == SHMQ_RULE_GROUP && i == VALUE_GROUP)
		return "none";
	if (rule->kind == SHMQ_RULE_GROUP && is_amount)
		return part == PART_LIMIT ? "unlimited" : "0";
	return text->fallback.values[i].text;
}

/* Whether a section says a value: where it differs, and in [default] also where somebody took the trouble. */
static bool is_needed(const struct policy_text *text, const struct rule_text *rule, size_t i, int part)
{
	const struct rule_value *value = &rule->values[i];

	return text->has_all || (rule->kind == SHMQ_RULE_DEFAULT && value->origin) ||
	       strcmp(value->text, inherited_text(text, rule, i, part)) != 0;
}

static void put_part(const struct policy_text *text, const struct rule_text *rule, int resource, int part)
{
	size_t limit = value_of(resource, PART_LIMIT), i = value_of(resource, part);
	bool is_rate_kept_otherwise = part == PART_ALGORITHM && strcmp(rule->values[i].text, "window") != 0 &&
	                              is_needed(text, rule, limit, PART_LIMIT);

	/* A limit says its burst, and with one its algorithm: where it has none, that has to be said again. */
	if (part_applies(resource, part) && (is_needed(text, rule, i, part) || is_rate_kept_otherwise))
		put_value(text, rule->values[i].key, rule->values[i].text, rule->values[i].origin);
}

/* Whether a part is the same for all resources, and for the same reason. */
static bool is_for_all(const struct policy_text *text, const struct rule_text *rule, int part)
{
	const struct rule_value *first = &rule->values[value_of(0, part)];

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		const struct rule_value *value = &rule->values[value_of(resource, part)];
		const char *origin = value->origin ? value->origin : "";

		if (strcmp(value->text, first->text) != 0 || strcmp(origin, first->origin ? first->origin : "") != 0 ||
		    !is_needed(text, rule, value_of(resource, part), part))
			return false;
	}
	return true;
}

static void put_values(const struct policy_text *text, const struct rule_text *rule)
{
	static const char *const names[PARTS] = {
	    [PART_ENFORCE] = "enforce", [PART_WARN] = "warn", [PART_CRITICAL] = "critical"};
	bool is_said[PARTS] = {false};

	for (size_t i = 0; i < VALUE_RESOURCES; i++)
		if (is_needed(text, rule, i, PARTS))
			put_value(text, rule->values[i].key, rule->values[i].text, rule->values[i].origin);
	for (int part = 0; part < PARTS; part++) {
		const struct rule_value *value = &rule->values[value_of(0, part)];

		is_said[part] = !text->has_all && names[part] && is_for_all(text, rule, part);
		if (is_said[part])
			put_value(text, names[part], value->text, value->origin);
	}
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		for (int part = 0; part < PARTS; part++)
			if (!is_said[part])
				put_part(text, rule, resource, part);
}

/* ---- Permissions of a rule --------------------------------------------------------------------------------------- */

/* The values of one permission: those from `begin` on, up to the returned one. */
static size_t end_of_permission(const struct rule_text *rule, size_t begin)
{
	size_t end = begin;

	while (end < rule->count && strcmp(rule->values[end].key, rule->values[begin].key) == 0)
		end++;
	return end;
}

/* Where a permission begins in a rule, or its end. */
static size_t find_permission(const struct rule_text *rule, const char *permission)
{
	size_t i = VALUES;

	while (i < rule->count && strcmp(rule->values[i].key, permission) != 0)
		i++;
	return i < rule->count ? i : rule->count;
}

static bool is_same_list(const struct rule_text *a, size_t i, const struct rule_text *b, size_t j)
{
	size_t count;

	if (i >= a->count || j >= b->count)
		return false;
	count = end_of_permission(a, i) - i;
	if (end_of_permission(b, j) - j != count)
		return false;
	while (count-- > 0)
		if (strcmp(a->values[i + count].text, b->values[j + count].text) != 0)
			return false;
	return true;
}

/* One pattern on a line of its own; the first one replaces what is inherited. */
static void put_pattern(const struct policy_text *text, const struct rule_value *value, bool is_first)
{
	printf("%s %s ", value->key, is_first ? "=" : "+=");
	put_quoted(value->text);
	put_origin(text, strlen(value->key) + text_width(value->text) + (is_first ? 5 : 6), value->origin);
}

static void put_permission(const struct policy_text *text, const struct rule_text *rule, size_t begin, size_t end)
{
	size_t width = strlen(rule->values[begin].key);

	for (size_t i = begin; i < end; i++)
		width += text_width(rule->values[i].text) + 4;
	if (end - begin == 1 || text->has_origins || width > LIST_COLUMNS) {
		for (size_t i = begin; i < end; i++)
			put_pattern(text, &rule->values[i], i == begin);
		return;
	}
	printf("%s = [", rule->values[begin].key);
	for (size_t i = begin; i < end; i++) {
		fputs(i > begin ? ", " : "", stdout);
		put_quoted(rule->values[i].text);
	}
	puts("]");
}

static void put_permissions(const struct policy_text *text, const struct rule_text *rule)
{
	const struct rule_text *fallback = &text->fallback;
	size_t end;

	for (size_t i = VALUES; i < rule->count; i = end) {
		end = end_of_permission(rule, i);
		if (text->has_all || !is_same_list(rule, i, fallback, find_permission(fallback, rule->values[i].key)))
			put_permission(text, rule, i, end);
	}
	/* What [default] grants and this rule does not, it must take away. */
	for (size_t i = VALUES; rule->kind != SHMQ_RULE_GROUP && i < fallback->count; i = end) {
		end = end_of_permission(fallback, i);
		if (find_permission(rule, fallback->values[i].key) == rule->count)
			printf("%s = []\n", fallback->values[i].key);
	}
}

void policy_text_rule(struct policy_text *text, struct rule_text *rule, const char *class_name)
{
	const char *kind = rule->kind == SHMQ_RULE_PATTERN ? "component" : rule_kind_name(rule->kind);

	put_heading(text, kind, rule->kind == SHMQ_RULE_DEFAULT ? NULL : rule_bare_name(rule),
	            rule->kind == SHMQ_RULE_COMPONENT);
	if (class_name && text->has_origins)
		printf(" %s; class %s%s", tint_begin(&text->style, TINT_DIM), class_name,
		       tint_end(&text->style, TINT_DIM));
	putchar('\n');
	put_values(text, rule);
	put_permissions(text, rule);
	if (rule->kind == SHMQ_RULE_DEFAULT) {
		rule_text_free(&text->fallback);
		text->fallback = *rule;
	} else {
		rule_text_free(rule);
	}
}
