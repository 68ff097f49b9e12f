/* SPDX-License-Identifier: MIT */
/*
 * Sizes, times and periods; see measure.h and, for how they are written, units.h.
 *
 * The tables are all there is to know about units. A unit that could be read in two ways is not in them.
 */
#include "policy/measure.h"

#include "policy/complain.h"

#include <errno.h>
#include <string.h>

#define NS_PER_DAY (86400 * NS_PER_S)
#define TIMES_KNOWN "times are in ns, us, ms, s, min, h, d or w"

static const struct unit size_units[] = {
    {"b", 1},
    {"byte", 1},
    {"bytes", 1},
    {"k", UINT64_C(1) << 10},
    {"kb", UINT64_C(1) << 10},
    {"kib", UINT64_C(1) << 10},
    {"m", UINT64_C(1) << 20},
    {"mb", UINT64_C(1) << 20},
    {"mib", UINT64_C(1) << 20},
    {"g", UINT64_C(1) << 30},
    {"gb", UINT64_C(1) << 30},
    {"gib", UINT64_C(1) << 30},
    {"t", UINT64_C(1) << 40},
    {"tb", UINT64_C(1) << 40},
    {"tib", UINT64_C(1) << 40},
    {NULL, 0},
};

/* No "m": it is a minute to some and a month to others. */
static const struct unit time_units[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"sec", NS_PER_S},
    {"second", NS_PER_S},
    {"seconds", NS_PER_S},
    {"min", 60 * NS_PER_S},
    {"minute", 60 * NS_PER_S},
    {"minutes", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"hour", 3600 * NS_PER_S},
    {"hours", 3600 * NS_PER_S},
    {"d", NS_PER_DAY},
    {"day", NS_PER_DAY},
    {"days", NS_PER_DAY},
    {"w", 7 * NS_PER_DAY},
    {"week", 7 * NS_PER_DAY},
    {"weeks", 7 * NS_PER_DAY},
    {NULL, 0},
};

static int fail_unit(struct scan *scan, const char *known)
{
	char quote[COMPLAIN_QUOTE_SIZE];

	complain_quote(quote, scan->text + scan->at, scan_word_length(scan));
	return scan_fail(scan, scan->at, "unknown unit '%s'; %s", quote, known);
}

/*
 * A number times its unit. Refused is what the smallest unit cannot express: a fraction of one written as such, and an
 * amount that is not zero and would become zero.
 */
static int scale_unit(struct scan *scan, const struct decimal *decimal, uint64_t factor, const char *smallest,
                      uint64_t *out)
{
	if (factor == 1 && decimal_is_fraction(decimal))
		return scan_fail(scan, decimal->at, "there is no fraction of a %s", smallest);
	*out = scan_scale(scan, decimal, factor);
	if (*out == 0 && !decimal_is_zero(decimal))
		return scan_fail(scan, decimal->at, "this is less than one %s", smallest);
	return 0;
}

bool measure_is_over(struct scan *scan)
{
	char next = scan_peek(scan);

	return next == '\0' || next == '/' || scan_is_word(scan, MEASURE_BURST);
}

int measure_size(struct scan *scan, uint64_t *bytes)
{
	const struct unit *unit = size_units;
	struct decimal decimal;

	if (scan_decimal(scan, &decimal) < 0)
		return -EINVAL;
	if (!measure_is_over(scan))
		unit = scan_unit(scan, size_units);
	if (unit == NULL)
		return fail_unit(scan, "sizes are in B, KB, MB, GB or TB, which are powers of 1024");
	return scale_unit(scan, &decimal, unit->factor, "byte", bytes);
}

/* Like scan_unit(), but a digit ends the word, so that "1h30min" may stand without a blank. */
static const struct unit *scan_time_unit(struct scan *scan)
{
	char word[16];
	struct scan part = {.text = word};
	size_t length = 0, limit = scan_word_length(scan);
	const struct unit *unit;

	while (length < limit && !scan_is_digit(scan->text[scan->at + length]))
		length++;
	if (length >= sizeof(word))
		return NULL;
	memcpy(word, scan->text + scan->at, length);
	word[length] = '\0';
	unit = scan_unit(&part, time_units);
	if (unit != NULL)
		scan->at += length;
	return unit;
}

/* One number and its unit, added to `*ns`. */
static int add_term(struct scan *scan, uint64_t *ns)
{
	const struct unit *unit;
	struct decimal decimal;
	uint64_t term = 0;

	if (scan_decimal(scan, &decimal) < 0)
		return -EINVAL;
	if (measure_is_over(scan))
		return scan_fail(scan, decimal.at, "a time needs a unit: ns, us, ms, s, min, h, d or w");
	unit = scan_time_unit(scan);
	if (unit == NULL)
		return fail_unit(scan, TIMES_KNOWN);
	if (scale_unit(scan, &decimal, unit->factor, "nanosecond", &term) < 0)
		return -EINVAL;
	if (__builtin_add_overflow(*ns, term, ns)) {
		scan->overflow = true;
		*ns = UINT64_MAX;
	}
	return 0;
}

int measure_time(struct scan *scan, uint64_t *ns)
{
	*ns = 0;
	do {
		if (add_term(scan, ns) < 0)
			return -EINVAL;
	} while (!measure_is_over(scan));
	return 0;
}

int measure_duration(struct scan *scan, uint64_t *ns)
{
	struct scan ahead = *scan;
	struct decimal decimal;

	ahead.fault = NULL;
	if (scan_decimal(&ahead, &decimal) < 0 || scan_peek(&ahead) != '\0')
		return measure_time(scan, ns);
	scan->at = ahead.at;
	return scale_unit(scan, &decimal, NS_PER_S, "nanosecond", ns);
}

int measure_check_period(struct scan *scan, size_t at, uint64_t ns)
{
	if (scan->overflow || ns < SHMQ_PERIOD_MIN_NS || ns > SHMQ_PERIOD_MAX_NS)
		return scan_fail(scan, at, "a period is from 10 ms to 366 days");
	if (ns % NS_PER_MS != 0)
		return scan_fail(scan, at, "a period is a whole number of milliseconds");
	return 0;
}

/* A period behind the '/': a time, or a unit alone for one of it. */
static int scan_period(struct scan *scan, uint64_t *ns)
{
	const struct unit *unit;
	char next = scan_peek(scan);

	if (next == '\0')
		return scan_fail(scan, scan->at, "a period must follow the '/', as in '/s' or '/10min'");
	if (scan_is_digit(next) || next == '-')
		return measure_time(scan, ns);
	unit = scan_time_unit(scan);
	if (unit == NULL)
		return fail_unit(scan, TIMES_KNOWN);
	*ns = unit->factor;
	return 0;
}

int measure_rate_period(struct scan *scan, uint64_t *ns)
{
	struct scan period = *scan; /* a period too large is not an amount too large */
	size_t at;

	*ns = 0;
	if (scan_peek(&period) != '/')
		return 0;
	period.at++;
	period.overflow = false;
	scan_peek(&period);
	at = period.at;
	if (scan_period(&period, ns) < 0 || measure_check_period(&period, at, *ns) < 0)
		return -EINVAL;
	scan->at = period.at;
	return 0;
}
