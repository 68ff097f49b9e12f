/* SPDX-License-Identifier: MIT */
/*
 * Amounts as people read them. Integer arithmetic throughout: what is shown is the exact value cut off, not rounded.
 */
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <shmquota.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define US_PER_S UINT64_C(1000000)

static const struct {
	uint64_t ns;
	const char *name;
} units[] = {{86400 * NS_PER_S, "d"}, {3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "min"}, {NS_PER_S, "s"}};

#define UNITS (sizeof(units) / sizeof(units[0]))

/* `value` in units of `unit`, with one decimal below 100 unless that is zero: at most four characters below 10000. */
static struct label scaled_label(uint64_t value, uint64_t unit, const char *suffix)
{
	uint64_t whole = value / unit;
	uint64_t tenths = value % unit * 10 / unit; /* units go up to 2^60: ten times a remainder still fits */
	struct label label;

	if (whole < 100 && tenths > 0)
		snprintf(label.text, sizeof(label.text), "%" PRIu64 ".%" PRIu64 "%s", whole, tenths, suffix);
	else
		snprintf(label.text, sizeof(label.text), "%" PRIu64 "%s", whole, suffix);
	return label;
}

struct label bytes_label(uint64_t bytes)
{
	static const char *const suffixes[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	unsigned power = 0;

	while (power < 6 && bytes >> (10 * (power + 1)) > 0)
		power++;
	return scaled_label(bytes, UINT64_C(1) << (10 * power), suffixes[power]);
}

struct label count_label(uint64_t count)
{
	static const char *const suffixes[] = {" k", " M", " G", " T", " P", " E"};
	uint64_t unit = 1000;
	unsigned power = 0;

	/* Five digits still fit and are exact; operators compare counts digit by digit. */
	if (count < 100000)
		return scaled_label(count, 1, "");
	while (power < 5 && count / unit >= 1000) {
		unit *= 1000;
		power++;
	}
	return scaled_label(count, unit, suffixes[power]);
}

struct label duration_label(uint64_t ns)
{
	struct label label;
	uint64_t minor;
	size_t i = 0;

	if (ns < NS_PER_S)
		return scaled_label(ns, NS_PER_MS, " ms");
	while (ns < units[i].ns)
		i++;
	minor = i + 1 < UNITS ? ns % units[i].ns / units[i + 1].ns : 0;
	if (minor > 0)
		snprintf(label.text, sizeof(label.text), "%" PRIu64 " %s %" PRIu64 " %s", ns / units[i].ns,
		         units[i].name, minor, units[i + 1].name);
	else
		snprintf(label.text, sizeof(label.text), "%" PRIu64 " %s", ns / units[i].ns, units[i].name);
	return label;
}

struct label cpu_label(uint64_t us, bool unicode)
{
	if (us < 1000)
		return scaled_label(us, 1, unicode ? " \u00b5s" : " us");
	if (us < US_PER_S)
		return scaled_label(us, 1000, " ms");
	if (us < 60 * US_PER_S)
		return scaled_label(us, US_PER_S, " s");
	if (us < 3600 * US_PER_S)
		return scaled_label(us, 60 * US_PER_S, " min");
	return scaled_label(us, 3600 * US_PER_S, " h");
}

struct label amount_label(int resource, uint64_t amount, bool unicode)
{
	/* A bare 0 reads faster than five kinds of nothing. */
	if (amount == 0 || resource == SHMQ_MESSAGES)
		return count_label(amount);
	return resource == SHMQ_CPU ? cpu_label(amount, unicode) : bytes_label(amount);
}

/* A window's length as policies spell it: "s", "min", "h", "d", "10s", "250ms". */
static struct label period_label(uint64_t period_ns)
{
	struct label label;

	for (size_t i = 0; i < UNITS; i++) {
		uint64_t count = period_ns / units[i].ns;

		if (count == 0 || period_ns % units[i].ns != 0)
			continue;
		if (count == 1)
			snprintf(label.text, sizeof(label.text), "%s", units[i].name);
		else
			snprintf(label.text, sizeof(label.text), "%" PRIu64 "%s", count, units[i].name);
		return label;
	}
	snprintf(label.text, sizeof(label.text), "%" PRIu64 "ms", period_ns / NS_PER_MS);
	return label;
}

struct label limit_label(int resource, uint64_t limit, uint64_t period_ns, bool unicode)
{
	struct label amount, period, label;

	if (limit == SHMQ_UNLIMITED) {
		snprintf(label.text, sizeof(label.text), "%s", unicode ? "\u221e" : "unlimited");
		return label;
	}
	amount = amount_label(resource, limit, unicode);
	if (period_ns == 0 || limit == 0)
		return amount;
	period = period_label(period_ns);
	snprintf(label.text, sizeof(label.text), "%.18s/%.18s", amount.text, period.text);
	return label;
}

struct label bucket_label(int resource, uint64_t rate, uint64_t burst, uint64_t period_ns, bool unicode)
{
	struct label flow = limit_label(resource, rate, period_ns, unicode), label;

	if (burst == rate)
		return flow;
	snprintf(label.text, sizeof(label.text), "%.20s burst %.11s", flow.text,
	         amount_label(resource, burst, unicode).text);
	return label;
}

struct label percent_label(uint64_t used, uint64_t limit)
{
	uint64_t tenths = 1000;
	struct label label;

	if (limit == SHMQ_UNLIMITED || used == 0)
		return count_label(0);
	/* Amounts end at 2^46; what is larger comes from a damaged segment and only has to be safe. */
	if (limit > 0)
		tenths = used <= UINT64_MAX / 1000 ? used * 1000 / limit : used / (limit / 1000 + 1);
	if (tenths >= 10000)
		snprintf(label.text, sizeof(label.text), ">999");
	else if (tenths >= 1000)
		snprintf(label.text, sizeof(label.text), "%u", (unsigned)tenths / 10);
	else
		snprintf(label.text, sizeof(label.text), "%u.%u", (unsigned)tenths / 10, (unsigned)tenths % 10);
	return label;
}

struct label components_label(uint64_t count)
{
	struct label label;

	snprintf(label.text, sizeof(label.text), "%" PRIu64 " component%s", count, count == 1 ? "" : "s");
	return label;
}

static bool broken_down_time(struct tm *out, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);

	return localtime_r(&seconds, out) != NULL;
}

struct label time_label(uint64_t unix_ns)
{
	struct label label = {"unknown"};
	struct tm broken_down;

	if (broken_down_time(&broken_down, unix_ns))
		strftime(label.text, sizeof(label.text), "%Y-%m-%d %H:%M:%S %z", &broken_down);
	return label;
}

struct label utc_label(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	struct label label = {""};
	struct tm utc;
	size_t length;

	if (!gmtime_r(&seconds, &utc))
		return label;
	length = strftime(label.text, sizeof(label.text), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(label.text + length, sizeof(label.text) - length, ".%09uZ", (unsigned)(unix_ns % NS_PER_S));
	return label;
}

struct label clock_label(uint64_t unix_ns)
{
	struct label label = {"unknown"};
	struct tm broken_down;

	if (broken_down_time(&broken_down, unix_ns))
		strftime(label.text, sizeof(label.text), "%H:%M:%S", &broken_down);
	return label;
}

struct label age_label(uint64_t unix_ns)
{
	struct timespec now;
	uint64_t now_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	/* The clock may have been set back since. */
	return duration_label(now_ns > unix_ns ? now_ns - unix_ns : 0);
}
