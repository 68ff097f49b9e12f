/* SPDX-License-Identifier: MIT */
/*
 * Columns of rows. Widths are those of labels, which have a longest form; names, limits and exact figures have none and
 * are measured.
 */
#include "column.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static unsigned usual_width(const struct counter *counter)
{
	switch (counter->unit) {
	case UNIT_PERCENT:
		return 5;
	case UNIT_NS:
		return 11;
	case UNIT_RESOURCE:
	case UNIT_BYTES:
		return 8;
	default:
		return counter->kind == KIND_LABEL ? 8 : 7;
	}
}

static bool is_figure(const struct counter *counter)
{
	return counter->kind != KIND_LABEL && strcmp(counter->name, "alarm") != 0;
}

static struct column column_of(const struct counter *counter, const struct manner *manner)
{
	bool is_limit = counter->unit == UNIT_RESOURCE && strcmp(counter->name, "limit") == 0;
	struct column column = {
	    .counter = counter,
	    .width = usual_width(counter),
	    .is_left = !is_figure(counter) && strcmp(counter->name, "id") != 0,
	    .is_measured = is_limit || strcmp(counter->name, "component") == 0,
	};

	if (manner->exact && is_figure(counter) && counter->unit != UNIT_PERCENT)
		column.is_measured = true;
	if (column.is_measured || column.width < strlen(counter->title))
		column.width = (unsigned)strlen(counter->title);
	return column;
}

bool column_find(struct column *out, const char *name, const struct manner *manner)
{
	const struct counter *counter = counter_find(SCOPE_RESOURCE, name);

	if (strcmp(name, "bar") == 0) {
		*out = (struct column){.width = BAR_CELLS, .is_left = true};
		return true;
	}
	if (!counter || !counter->title)
		return false;
	*out = column_of(counter, manner);
	return true;
}

const char *column_title(const struct column *column)
{
	return column->counter ? column->counter->title : "";
}

size_t columns_parse(struct column out[COLUMNS_MAX], const char *list, const struct manner *manner, const char **wrong)
{
	size_t count = 0;

	for (;;) {
		size_t length = strcspn(list, ",");
		char name[32];

		*wrong = list;
		snprintf(name, sizeof(name), "%.*s", (int)length, list);
		if (length >= sizeof(name) || count == COLUMNS_MAX || !column_find(&out[count], name, manner))
			return 0;
		count++;
		if (list[length] == '\0')
			return count;
		list += length + 1;
	}
}

static struct label exact_label(uint64_t figure)
{
	struct label label;

	snprintf(label.text, sizeof(label.text), "%" PRIu64, figure);
	return label;
}

struct label row_bare_limit_label(const struct row *row, bool unicode)
{
	/* What is used of a bucket is used of its burst. */
	if (row->burst > 0)
		return bucket_label(row->resource, row->rate, row->burst, row->period_ns, unicode);
	return limit_label(row->resource, row->status.limit, row->period_ns, unicode);
}

struct label row_limit_label(const struct row *row, bool unicode)
{
	struct label bare = row_bare_limit_label(row, unicode), label;
	const char *enforcement = shmq_enforcement_name(row->enforcement);

	if (row->enforcement == SHMQ_ENFORCE_DENY || row->status.limit == SHMQ_UNLIMITED || !enforcement)
		return bare;
	/* "180 % used, nothing denied" would puzzle whoever does not know. */
	snprintf(label.text, sizeof(label.text), "%.31s (%s)", bare.text, enforcement);
	return label;
}

static struct label number_label(const struct counter *counter, const struct subject *subject, uint64_t figure,
                                 const struct manner *manner)
{
	const struct row *row = subject->row;

	if (manner->exact || counter->kind == KIND_LABEL)
		return exact_label(figure);
	switch (counter->unit) {
	case UNIT_RESOURCE:
		if (strcmp(counter->name, "limit") == 0)
			return row_limit_label(row, manner->unicode);
		return amount_label(row->resource, figure, manner->unicode);
	case UNIT_BYTES:
		return bytes_label(figure);
	case UNIT_NS:
		return duration_label(figure);
	case UNIT_UNIX_NS:
		return time_label(figure);
	default:
		return count_label(figure);
	}
}

const char *value_text(struct cell *out, const struct counter *counter, const struct subject *subject,
                       const struct manner *manner)
{
	struct value value = counter->read(subject);
	struct label label = {""};

	if (value.type == VALUE_TEXT)
		return text_printable(out->text, sizeof(out->text), value.text);
	if (value.type == VALUE_NUMBER)
		label = number_label(counter, subject, value.number, manner);
	else if (value.type == VALUE_UNLIMITED)
		label = limit_label(SHMQ_STORAGE, SHMQ_UNLIMITED, 0, manner->unicode);
	else if (value.type == VALUE_REAL) /* the library's percentage is rounded; this one is cut off */
		label = percent_label(subject->row->status.used, subject->row->status.limit);
	else if (value.type == VALUE_TRUTH)
		snprintf(label.text, sizeof(label.text), "%s", value.number ? "yes" : "no");
	snprintf(out->text, sizeof(out->text), "%s", label.text);
	return out->text;
}

const char *bar_text(struct cell *out, double share, unsigned cells, bool unicode)
{
	static const char *const eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
	unsigned filled = (unsigned)((share < 1 ? share : 1) * cells * 8);
	size_t used = 0;

	out->text[0] = '\0';
	for (unsigned cell = 0; cell < filled / 8; cell++)
		used += (size_t)snprintf(out->text + used, sizeof(out->text) - used, "%s", unicode ? "\u2588" : "#");
	if (unicode)
		snprintf(out->text + used, sizeof(out->text) - used, "%s", eighths[filled % 8]);
	return out->text;
}

const char *column_text(struct cell *out, const struct column *column, const struct row *row,
                        const struct manner *manner)
{
	bool unlimited = row->status.limit == SHMQ_UNLIMITED;

	if (!column->counter)
		return bar_text(out, unlimited ? 0 : row->status.percentage / 100, BAR_CELLS, manner->unicode);
	return value_text(out, column->counter, &(struct subject){NULL, row}, manner);
}

void columns_help(FILE *stream)
{
	size_t count;
	const struct counter *counters = counters_of(SCOPE_RESOURCE, &count);

	for (size_t i = 0; i < count; i++) {
		if (counters[i].title)
			fprintf(stream, "  %-18s%s\n", counters[i].alias ? counters[i].alias : counters[i].name,
			        counters[i].brief);
	}
	fprintf(stream, "  %-18s%s\n", "bar", "the percentage as a bar");
}
