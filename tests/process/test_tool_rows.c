/* SPDX-License-Identifier: MIT */
/*
 * What the programs make of rows: the table of counters, filters, orders and columns, on rows made by hand.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <shmquota.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "filter.h"
#include "selection.h"

static void begin(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	render_init();
}

TestSuite(tool_rows, .init = begin);

static const struct manner human = {.unicode = true};

/* 90 of 100 messages a second, 12 refused; the window ends in half a second. */
static struct row messages_row(void)
{
	return (struct row){
	    .component = "alice",
	    .id = 3,
	    .resource = SHMQ_MESSAGES,
	    .alarm = ALARM_WARNING,
	    .status = {.used = 90,
	               .limit = 100,
	               .available = 10,
	               .peak = 95,
	               .total = 1000,
	               .denied = 12,
	               .window_end_ns = 1500000000,
	               .percentage = 90},
	    .period_ns = 1000000000,
	    .now_ns = 1000000000,
	};
}

/* 1.5 MiB of storage without a limit. */
static struct row storage_row(void)
{
	return (struct row){
	    .component = "bob",
	    .id = 4,
	    .resource = SHMQ_STORAGE,
	    .status = {.used = 3 << 19, .limit = SHMQ_UNLIMITED, .available = SHMQ_UNLIMITED, .peak = 2 << 20},
	    .now_ns = 1000000000,
	};
}

/* ---- The table of counters --------------------------------------------------------------------------------------- */

static void check_counters(enum counter_scope scope)
{
	size_t count;
	const struct counter *counters = counters_of(scope, &count);

	cr_assert_gt(count, 10);
	for (size_t i = 0; i < count; i++) {
		const struct counter *it = &counters[i];

		cr_expect_eq(counter_find(scope, it->name), it, "two are called %s", it->name);
		cr_expect(!it->alias || counter_find(scope, it->alias) == it, "%s is ambiguous", it->alias);
		cr_expect(*it->brief && it->brief[strlen(it->brief) - 1] != '.', "the line of %s", it->name);
		cr_expect(!*it->text || it->text[strlen(it->text) - 1] == '.', "the text of %s", it->name);
		cr_expect(!it->metric || it->kind != KIND_LABEL, "%s is a label and cannot be a metric", it->name);
		for (const char *at = it->metric ? it->metric : ""; *at; at++)
			cr_expect(islower((unsigned char)*at) || *at == '_', "%s", it->metric);
	}
}

Test(tool_rows, every_counter_has_one_name_and_says_what_it_is)
{
	check_counters(SCOPE_SEGMENT);
	check_counters(SCOPE_RESOURCE);
}

Test(tool_rows, figures_that_do_not_apply_are_absent_and_not_zero)
{
	struct row row = storage_row();
	struct subject subject = {NULL, &row};

	cr_expect_eq(counter_find(SCOPE_RESOURCE, "used_pct")->read(&subject).type, VALUE_ABSENT);
	cr_expect_eq(counter_find(SCOPE_RESOURCE, "period")->read(&subject).type, VALUE_ABSENT);
	cr_expect_eq(counter_find(SCOPE_RESOURCE, "limit")->read(&subject).type, VALUE_UNLIMITED);
	cr_expect_eq(counter_find(SCOPE_RESOURCE, "denied")->read(&subject).type, VALUE_NUMBER);
}

/* ---- Columns ----------------------------------------------------------------------------------------------------- */

static const char *column_of(struct cell *cell, const char *name, const struct row *row, const struct manner *manner)
{
	struct column column;

	cr_assert(column_find(&column, name, manner), "%s", name);
	return column_text(cell, &column, row, manner);
}

Test(tool_rows, a_column_shows_a_figure_for_people_or_exactly)
{
	static const struct manner exact = {.exact = true, .unicode = true};
	struct row messages = messages_row(), storage = storage_row();
	struct cell cell;

	cr_expect_str_eq(column_of(&cell, "component", &messages, &human), "alice");
	cr_expect_str_eq(column_of(&cell, "id", &messages, &human), "3");
	cr_expect_str_eq(column_of(&cell, "limit", &messages, &human), "100/s");
	cr_expect_str_eq(column_of(&cell, "limit", &messages, &exact), "100");
	cr_expect_str_eq(column_of(&cell, "used_pct", &messages, &human), "90.0");
	cr_expect_str_eq(column_of(&cell, "resets_in", &messages, &human), "500 ms");
	cr_expect_str_eq(column_of(&cell, "resets_in", &messages, &exact), "500000000");
	cr_expect_str_eq(column_of(&cell, "alarm", &messages, &human), "warning");
	cr_expect_str_eq(column_of(&cell, "bar", &messages, &human),
	                 "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588");
	cr_expect_str_eq(column_of(&cell, "used", &storage, &human), "1.5 MiB");
	cr_expect_str_eq(column_of(&cell, "used", &storage, &exact), "1572864");
	cr_expect_str_eq(column_of(&cell, "limit", &storage, &human), "\u221e");
	cr_expect_str_eq(column_of(&cell, "used_pct", &storage, &human), "");
	cr_expect_str_eq(column_of(&cell, "bar", &storage, &human), "");
}

/* "180 % used, nothing denied" was all that was shown of a limit that only warns. */
Test(tool_rows, a_limit_that_does_not_refuse_says_so)
{
	static const struct manner exact = {.exact = true, .unicode = true};
	struct row messages = messages_row(), storage = storage_row();
	struct cell cell;

	messages.enforcement = SHMQ_ENFORCE_WARN;
	cr_expect_str_eq(column_of(&cell, "limit", &messages, &human), "100/s (warn)");
	cr_expect_str_eq(column_of(&cell, "limit", &messages, &exact), "100");
	cr_expect_str_eq(row_bare_limit_label(&messages, true).text, "100/s");
	messages.enforcement = SHMQ_ENFORCE_OFF;
	messages.rate = 1000;
	messages.burst = 4000;
	cr_expect_str_eq(column_of(&cell, "limit", &messages, &human), "1000/s burst 4000 (off)");
	storage.enforcement = SHMQ_ENFORCE_WARN;
	cr_expect_str_eq(column_of(&cell, "limit", &storage, &human), "\u221e");
}

Test(tool_rows, a_list_of_columns_names_the_one_that_is_wrong)
{
	struct column columns[COLUMNS_MAX];
	const char *wrong;

	cr_expect_eq(columns_parse(columns, "component,used_pct,bar", &human, &wrong), 3);
	cr_expect_eq(columns_parse(columns, "component,nonsense,bar", &human, &wrong), 0);
	cr_expect_str_eq(wrong, "nonsense,bar");
	cr_expect_eq(columns_parse(columns, "", &human, &wrong), 0);
	cr_expect_eq(columns_parse(columns, "used,", &human, &wrong), 0);
	cr_expect_eq(columns_parse(columns, "window_end_ns", &human, &wrong), 0);
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

static bool admits(const char *text, const struct row *row)
{
	struct filter filter = {.count = 0};
	char why[256];

	cr_assert(filter_add(&filter, text, why, sizeof(why)), "%s: %s", text, why);
	return filter_admits(&filter, row);
}

Test(tool_rows, filters_compare_numbers_words_and_amounts_with_units)
{
	static const struct {
		const char *text;
		bool messages, storage;
	} rows[] = {
	    {"used_pct>80", true, false},
	    {"used_pct >= 90%", true, false},
	    {"percentage<90", false, false},
	    {"used=90", true, false},
	    {"used==1572864", false, true},
	    {"used >= 1.5MiB", false, true},
	    {"used>1.5MB", false, false},
	    {"limit=unlimited", false, true},
	    {"limit<unlimited", true, false},
	    {"available>1000", false, true},
	    {"resource=messages", true, false},
	    {"resource != messages", false, true},
	    {"component~al*", true, false},
	    {"component !~ al*", false, true},
	    {"alarm=warning", true, false},
	    {"period=1s", true, false},
	    {"period<=1000000000", true, false},
	    {"resets_in<600ms AND denied>0", true, false},
	    {"used>0 and used>1&&used>2", true, true},
	    {"used>0 AND resource=cpu", false, false},
	    {"id=4", false, true},
	};
	struct row messages = messages_row(), storage = storage_row();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(admits(rows[i].text, &messages), rows[i].messages, "messages: %s", rows[i].text);
		cr_expect_eq(admits(rows[i].text, &storage), rows[i].storage, "storage: %s", rows[i].text);
	}
}

Test(tool_rows, a_cpu_time_may_be_written_as_a_duration)
{
	struct row row = messages_row();

	row.resource = SHMQ_CPU;
	row.status.used = 250000;
	cr_expect(admits("used=250ms", &row));
	cr_expect(!admits("used>0.25s", &row));
}

Test(tool_rows, filters_that_mean_nothing_are_explained)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"", "no comparison"},
	    {"used", "no comparison"},
	    {">80", "no comparison"},
	    {"used>", "missing"},
	    {"usd>80", "did you mean 'used'?"},
	    {"zzzzzzz=1", "there is no column 'zzzzzzz'"},
	    {"used>many", "'many' is no number"},
	    {"used>nan", "is no number"},
	    {"denied>10MB", "is no number"},
	    {"used~1*", "~ is for words"},
	    {"component>bob", "is a word"},
	    {"used>1 AND", "'1 AND' is no number"},
	    {"used>1 AND ", "no comparison"},
	    {"resource=cpuu", "did you mean 'cpu'?"},
	    {"alarm!=bad", "'alarm' is never 'bad'"},
	    {"used_pct=>80", "write it as in used_pct>80"},
	    {"used>1 && && used>2", "no comparison"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter filter = {.count = 0};
		char why[256] = "";

		cr_expect(!filter_add(&filter, rows[i].text, why, sizeof(why)), "%s", rows[i].text);
		cr_expect(strstr(why, rows[i].why), "%s: %s", rows[i].text, why);
	}
}

Test(tool_rows, a_filter_has_a_bound)
{
	struct filter filter = {.count = 0};
	char why[256];

	for (int i = 0; i < FILTER_TERMS; i++)
		cr_assert(filter_add(&filter, "used>0", why, sizeof(why)));
	cr_expect(!filter_add(&filter, "used>0", why, sizeof(why)));
	cr_expect(strstr(why, "at most 16"));
}

/* ---- Orders ------------------------------------------------------------------------------------------------------ */

Test(tool_rows, rows_without_the_figure_come_last_in_both_orders)
{
	struct row messages = messages_row(), storage = storage_row();
	const struct counter *percentage = counter_find(SCOPE_RESOURCE, "used_pct");
	const struct counter *name = counter_find(SCOPE_RESOURCE, "component");

	cr_expect_lt(row_compare(&messages, &storage, percentage, true), 0);
	cr_expect_lt(row_compare(&messages, &storage, percentage, false), 0);
	cr_expect_lt(row_compare(&messages, &storage, name, false), 0);
	cr_expect_gt(row_compare(&messages, &storage, name, true), 0);
}

Test(tool_rows, alarms_go_by_their_weight)
{
	struct row warning = messages_row(), critical = messages_row();
	const struct counter *alarm = counter_find(SCOPE_RESOURCE, "alarm");

	critical.alarm = ALARM_CRITICAL;
	cr_expect_lt(row_compare(&warning, &critical, alarm, false), 0);
}

Test(tool_rows, patterns_choose_names)
{
	char shop[] = "shop-*", two[] = "*-2";
	char *const include[] = {shop}, *const exclude[] = {two};

	cr_expect(name_passes("anything", NULL, 0, NULL, 0));
	cr_expect(name_passes("shop-1", include, 1, exclude, 1));
	cr_expect(!name_passes("shop-2", include, 1, exclude, 1));
	cr_expect(!name_passes("alice", include, 1, exclude, 1));
	cr_expect(name_passes("alice", NULL, 0, exclude, 1));
}
