/* SPDX-License-Identifier: MIT */
/*
 * Prints the table of counters as the lists of shmquota-counters(7); tests/api/manual_counters.sh compares them with the
 * manual, and writes them into it.
 *
 * What a metric is called is said here a second time; the script asks a real export whether it is true.
 */
#include <shmquota.h>
#include <stdio.h>
#include <string.h>

#include "counter.h"

static const char *unit_text(const struct counter *counter)
{
	static const char *const units[] = {
	    [UNIT_RESOURCE] = "unit of the resource",         [UNIT_BYTES] = "bytes",     [UNIT_NS] = "nanoseconds",
	    [UNIT_UNIX_NS] = "nanoseconds of CLOCK_REALTIME", [UNIT_PERCENT] = "percent",
	};

	return counter->unit == UNIT_NONE ? "" : units[counter->unit];
}

/* A metric's name ends in its base unit, and that of a counter in "_total". */
static void print_metric(const struct counter *counter)
{
	static const char *const units[] = {
	    [UNIT_NONE] = "",       [UNIT_RESOURCE] = "_UNIT",   [UNIT_BYTES] = "_bytes",
	    [UNIT_NS] = "_seconds", [UNIT_UNIX_NS] = "_seconds", [UNIT_PERCENT] = "_ratio",
	};

	if (counter->metric == NULL)
		return;
	printf("; metric\n.Li shmquota_%s%s%s%s", counter->unit == UNIT_RESOURCE ? "RESOURCE_" : "", counter->metric,
	       units[counter->unit], counter->kind == KIND_COUNTER ? "_total" : "");
}

#define LINE_MOST 79 /* what mandoc takes without a word */

/* Write a word behind what stands in the line. A function of ours is marked up on a line of its own. */
static void put_word(size_t *column, const char *word, size_t length, bool ends_sentence)
{
	bool is_function = length > 7 && strncmp(word, "shmq_", 5) == 0 && strncmp(word + length - 2, "()", 2) == 0;

	if (*column > 0 && (is_function || *column + 1 + length > LINE_MOST)) {
		putchar('\n');
		*column = 0;
	}
	if (is_function) {
		printf(".Fn %.*s\n", (int)length - 2, word);
		return;
	}
	printf("%s%.*s%s", *column > 0 ? " " : "", (int)length, word, ends_sentence ? "\n" : "");
	*column = ends_sentence ? 0 : *column + (*column > 0) + length;
}

/* A new sentence begins a new line, as mdoc wants it. */
static void print_text(const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		put_word(&column, text, length, text[length - 1] == '.');
		text += length + (text[length] == ' ');
	}
	if (column > 0)
		putchar('\n');
}

/* The line of a counter is a sentence without its capital and its full stop. */
static void print_sentences(const struct counter *counter)
{
	char brief[256];

	snprintf(brief, sizeof(brief), "%s.", counter->brief);
	if (brief[0] >= 'a' && brief[0] <= 'z')
		brief[0] = (char)(brief[0] - 'a' + 'A');
	print_text(brief);
	print_text(counter->text);
}

static void print_counter(const struct counter *counter)
{
	printf(".It Ic %s%s%s\n", counter->name, counter->alias ? " , " : "", counter->alias ? counter->alias : "");
	printf("%s%s%s", counter_kind_name(counter->kind), counter->unit == UNIT_NONE ? "" : ", ", unit_text(counter));
	print_metric(counter);
	printf("\n.br\n");
	print_sentences(counter);
}

int main(void)
{
	static const char *const marks[] = {[SCOPE_SEGMENT] = "segment", [SCOPE_RESOURCE] = "resource"};

	for (enum counter_scope scope = SCOPE_SEGMENT; scope <= SCOPE_RESOURCE; scope++) {
		size_t count;
		const struct counter *counters = counters_of(scope, &count);

		printf(".\\\" begin %s\n.Bl -tag -width n\n", marks[scope]);
		for (size_t i = 0; i < count; i++)
			print_counter(&counters[i]);
		printf(".El\n.\\\" end\n");
	}
	return 0;
}
