/* SPDX-License-Identifier: MIT */
/*
 * What the units mean; see units.h for the grammar.
 *
 * Each reader takes as much as belongs to it and leaves the rest, so that a size is the beginning of a bandwidth. A
 * number too large is noted and judged last: text that is no amount at all stays -EINVAL, however large its digits.
 */
#include "policy/units.h"

#include "policy/complain.h"
#include "policy/measure.h"

#include <errno.h>

#define PERCENT_DECIMALS 6
#define MILLIONTHS UINT64_C(1000000)

static const char *const amount_names[SHMQ_RESOURCES] = {"bytes", "messages", "bytes", "microseconds", "bytes"};

static int scan_messages(struct scan *scan, uint64_t *out)
{
	char quote[COMPLAIN_QUOTE_SIZE];
	struct decimal decimal;

	if (scan_decimal(scan, &decimal) < 0)
		return -EINVAL;
	if (decimal_is_fraction(&decimal))
		return scan_fail(scan, decimal.at, "messages are counted whole; '5/2s' is 2.5 per second");
	if (!measure_is_over(scan)) {
		complain_quote(quote, scan->text + scan->at, scan_word_length(scan));
		return scan_fail(scan, scan->at, "messages have no unit; expected '/' and a period, not '%s'", quote);
	}
	*out = scan_scale(scan, &decimal, 1);
	return 0;
}

/* After the number of a percentage, at its '%'. */
static int scan_percent(struct scan *scan, const struct decimal *decimal, struct units_limit *out)
{
	scan->at++;
	if (scan_peek(scan) == '/')
		return scan_fail(scan, scan->at, "a percentage is of one core at any time; it has no period");
	if (decimal->fraction_length > PERCENT_DECIMALS)
		return scan_fail(scan, decimal->at, "a percentage has at most six digits after the point");
	out->is_percent = true;
	out->amount = scan_scale(scan, decimal, MILLIONTHS);
	return 0;
}

static int scan_cpu(struct scan *scan, struct units_limit *out)
{
	struct scan ahead = *scan; /* to see whether it is a time or a percentage */
	struct decimal decimal;
	uint64_t ns;

	if (scan_decimal(&ahead, &decimal) < 0)
		return -EINVAL;
	if (scan_peek(&ahead) == '%') {
		*scan = ahead;
		return scan_percent(scan, &decimal, out);
	}
	if (measure_is_over(&ahead)) {
		if (!decimal_is_zero(&decimal))
			return scan_fail(scan, decimal.at, "a CPU time needs a unit, as in '500ms/s' or '50%%'");
		*scan = ahead;
		return 0;
	}
	if (measure_time(scan, &ns) < 0)
		return -EINVAL;
	out->amount = ns / NS_PER_US;
	if (out->amount == 0 && ns > 0)
		return scan_fail(scan, decimal.at, "this is less than one microsecond");
	return 0;
}

static int scan_amount(struct scan *scan, enum shmq_resource resource, struct units_limit *out)
{
	switch (resource) {
	case SHMQ_MESSAGES:
		return scan_messages(scan, &out->amount);
	case SHMQ_CPU:
		return scan_cpu(scan, out);
	default:
		return measure_size(scan, &out->amount);
	}
}

/* Set the fault of an amount that is above the largest one. Returns -EOVERFLOW. */
static int fail_overflow(struct scan *scan, size_t at, enum shmq_resource resource, const char *advice)
{
	scan_fail(scan, at, "this is above the largest limit, %llu %s%s", (unsigned long long)SHMQ_AMOUNT_MAX,
	          amount_names[resource], advice);
	return -EOVERFLOW;
}

/* An amount without a period. */
static int scan_burst(struct scan *scan, enum shmq_resource resource, uint64_t *out)
{
	struct units_limit amount = {0};
	struct scan part = *scan; /* an overflow here is not one of the limit */
	size_t at;

	part.overflow = false;
	scan_peek(&part);
	at = part.at;
	if (scan_amount(&part, resource, &amount) < 0)
		return -EINVAL;
	if (amount.is_percent)
		return scan_fail(&part, at, "a percentage has no amount; write a time, such as 500ms");
	if (scan_peek(&part) == '/')
		return scan_fail(&part, part.at, "no period here: this is an amount, not a rate");
	if (part.overflow || amount.amount > SHMQ_AMOUNT_MAX)
		return fail_overflow(&part, at, resource, "");
	scan->at = part.at;
	*out = amount.amount;
	return 0;
}

/* What may follow a rate: "burst" and an amount. */
static int scan_rest_of_rate(struct scan *scan, enum shmq_resource resource, struct units_limit *out)
{
	size_t at;
	int result;

	if (!out->is_percent && measure_rate_period(scan, &out->period_ns) < 0)
		return -EINVAL;
	scan_peek(scan);
	if (!scan_take_word(scan, MEASURE_BURST))
		return 0;
	scan_peek(scan);
	at = scan->at;
	result = scan_burst(scan, resource, &out->burst);
	if (result == 0 && out->burst == 0)
		return scan_fail(scan, at, "a burst of nothing would deny everything");
	if (result == 0 && out->amount == 0)
		return scan_fail(scan, at, "a burst needs a rate above 0 to come back");
	return result;
}

/* Everything but the range of the amount. */
static int scan_limit(struct scan *scan, enum shmq_resource resource, struct units_limit *out)
{
	bool is_level = resource == SHMQ_STORAGE || resource == SHMQ_MEMORY;
	char first = scan_peek(scan);
	int result;

	*out = (struct units_limit){0};
	if (scan_take_word(scan, "unlimited")) {
		out->amount = SHMQ_UNLIMITED;
		return scan_finish(scan);
	}
	if ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z')) {
		char quote[COMPLAIN_QUOTE_SIZE];

		complain_quote(quote, scan->text + scan->at, scan_word_length(scan));
		return scan_fail(scan, scan->at, "expected a number or 'unlimited', not '%s'", quote);
	}
	result = scan_amount(scan, resource, out);
	if (result == 0 && !is_level)
		result = scan_rest_of_rate(scan, resource, out);
	if (result == 0 && is_level && scan_peek(scan) == '/')
		return scan_fail(scan, scan->at, "no period here: this is not a rate, it is kept until it is released");
	if (result == 0 && is_level && scan_is_word(scan, MEASURE_BURST))
		return scan_fail(scan, scan->at, "no burst here: this is not a rate, it is kept until it is released");
	return result < 0 ? result : scan_finish(scan);
}

int units_read_limit(struct units_limit *out, enum shmq_resource resource, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	struct units_limit limit;
	int result = scan_limit(&scan, resource, &limit);

	if (result == -EOVERFLOW && !scan.overflow)
		return result; /* the burst is too large, which has been said */
	if (result == 0 && !limit.is_percent && limit.amount != SHMQ_UNLIMITED && limit.amount > SHMQ_AMOUNT_MAX)
		result = -EOVERFLOW;
	if (result == -EOVERFLOW)
		return fail_overflow(&scan, 0, resource, "; no limit at all is 'unlimited'");
	if (result == 0)
		*out = limit;
	return result;
}

int units_read_amount(uint64_t *out, enum shmq_resource resource, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	uint64_t amount = 0;
	int result = scan_burst(&scan, resource, &amount);

	if (result == 0)
		result = scan_finish(&scan);
	if (result == 0)
		*out = amount;
	return result;
}

int units_read_percent(uint64_t *out, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	struct decimal decimal;

	if (scan_decimal(&scan, &decimal) < 0)
		return -EINVAL;
	if (scan_peek(&scan) == '%')
		scan.at++;
	if (scan_finish(&scan) < 0)
		return -EINVAL;
	if (decimal.fraction != NULL || decimal.is_huge || decimal.whole < 1 || decimal.whole > 100)
		return scan_fail(&scan, decimal.at, "this is a whole percentage of the limit, from 1%% to 100%%");
	*out = decimal.whole;
	return 0;
}

int units_read_period(uint64_t *ns, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	uint64_t value = 0;
	int result = measure_duration(&scan, &value);

	if (result == 0)
		result = scan_finish(&scan);
	if (result == 0 || result == -EOVERFLOW)
		result = measure_check_period(&scan, 0, value);
	if (result == 0)
		*ns = value;
	return result;
}

/* floor(amount * a second / period) in 64 bits: the period is whole milliseconds. */
static int per_second(uint64_t *out, uint64_t amount, uint64_t period_ns)
{
	uint64_t period_ms = period_ns / NS_PER_MS, whole;

	if (__builtin_mul_overflow(amount / period_ms, 1000, &whole) ||
	    __builtin_add_overflow(whole, amount % period_ms * 1000 / period_ms, out))
		return -EOVERFLOW;
	if (*out == 0 && amount > 0)
		return -EINVAL;
	return *out > SHMQ_AMOUNT_MAX ? -EOVERFLOW : 0;
}

int units_limit_resolve(uint64_t *amount, const struct units_limit *limit, uint64_t period_ns)
{
	uint64_t percent_us = period_ns / NS_PER_US / 100; /* exact, as periods are whole milliseconds */
	uint64_t whole, sum;

	if (!limit->is_percent) {
		*amount = limit->amount;
		return 0;
	}
	if (__builtin_mul_overflow(limit->amount / MILLIONTHS, percent_us, &whole) ||
	    __builtin_add_overflow(whole, limit->amount % MILLIONTHS * percent_us / MILLIONTHS, &sum) ||
	    sum > SHMQ_AMOUNT_MAX)
		return -EOVERFLOW;
	if (sum == 0 && limit->amount > 0)
		return -ERANGE;
	*amount = sum;
	return 0;
}

int units_parse_size(uint64_t *bytes, const char *text)
{
	struct units_limit limit;
	int result;

	if (bytes == NULL || text == NULL)
		return -EINVAL;
	result = units_read_limit(&limit, SHMQ_STORAGE, text, NULL);
	if (result == 0)
		*bytes = limit.amount;
	return result;
}

/* A rate of this resource, whatever its own period, as so much per second. */
static int parse_per_second(uint64_t *out, enum shmq_resource resource, const char *text)
{
	struct scan scan = {.text = text};
	struct units_limit limit;
	uint64_t value = SHMQ_UNLIMITED;
	int result;

	if (out == NULL || text == NULL)
		return -EINVAL;
	result = scan_limit(&scan, resource, &limit);
	if (result == 0 && limit.burst > 0)
		return -EINVAL; /* a number of units per second cannot say it */
	if (result == 0 && limit.is_percent)
		result = units_limit_resolve(&value, &limit, NS_PER_S);
	else if (result == 0 && limit.amount != SHMQ_UNLIMITED)
		result = per_second(&value, limit.amount, limit.period_ns > 0 ? limit.period_ns : NS_PER_S);
	if (result == 0)
		*out = value;
	return result == -ERANGE ? -EINVAL : result;
}

int units_parse_bandwidth(uint64_t *bytes_per_second, const char *text)
{
	return parse_per_second(bytes_per_second, SHMQ_NETWORK, text);
}

int units_parse_cpu(uint64_t *us_per_second, const char *text)
{
	return parse_per_second(us_per_second, SHMQ_CPU, text);
}

int units_parse_duration(uint64_t *ns, const char *text)
{
	struct scan scan = {.text = text};
	uint64_t value = 0;
	int result;

	if (ns == NULL || text == NULL)
		return -EINVAL;
	result = measure_duration(&scan, &value);
	if (result == 0)
		result = scan_finish(&scan);
	if (result == 0 && value > SHMQ_PERIOD_MAX_NS)
		result = -EOVERFLOW;
	if (result == 0)
		*ns = value;
	return result;
}
