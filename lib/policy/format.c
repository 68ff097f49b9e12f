/* SPDX-License-Identifier: MIT */
/*
 * Limits as text; see format.h. Everything is exact: a unit is used only where nothing is left over.
 */
#include "policy/format.h"

#include "policy/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define AMOUNT_SIZE 40

struct format_unit {
	uint64_t factor;
	const char *name;
};

static const struct format_unit size_units[] = {
    {UINT64_C(1) << 40, "TB"}, {UINT64_C(1) << 30, "GB"}, {UINT64_C(1) << 20, "MB"}, {UINT64_C(1) << 10, "KB"}, {1, ""},
};

static const struct format_unit period_units[] = {
    {86400 * NS_PER_S, "d"}, {3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "min"}, {NS_PER_S, "s"}, {NS_PER_MS, "ms"},
};

/* Microseconds, the unit of CPU time. */
static const struct format_unit cpu_units[] = {
    {UINT64_C(3600000000), "h"}, {60000000, "min"}, {1000000, "s"}, {1000, "ms"}, {1, "us"},
};

/* The largest unit that divides an amount; the last one always does. */
static const struct format_unit *unit_for(const struct format_unit *unit, uint64_t amount)
{
	while (amount % unit->factor != 0)
		unit++;
	return unit;
}

int format_amount(char *text, size_t size, int resource, uint64_t amount)
{
	const struct format_unit *units = resource == SHMQ_CPU ? cpu_units : size_units;
	const struct format_unit *unit;

	if (resource < 0 || resource >= SHMQ_RESOURCES)
		return -EINVAL;
	if (amount == SHMQ_UNLIMITED)
		return snprintf(text, size, "unlimited");
	if (amount == 0 || resource == SHMQ_MESSAGES)
		return snprintf(text, size, "%" PRIu64, amount);
	unit = unit_for(units, amount);
	return snprintf(text, size, "%" PRIu64 "%s", amount / unit->factor, unit->name);
}

static void format_period(char *text, size_t size, uint64_t period_ns)
{
	const struct format_unit *unit = unit_for(period_units, period_ns);

	if (period_ns == unit->factor)
		snprintf(text, size, "/%s", unit->name);
	else
		snprintf(text, size, "/%" PRIu64 "%s", period_ns / unit->factor, unit->name);
}

int format_limit(char *text, size_t size, const struct shmq_quota *quota, int resource)
{
	char amount[AMOUNT_SIZE], period[AMOUNT_SIZE] = "", burst[AMOUNT_SIZE] = "";
	int result = format_amount(amount, sizeof(amount), resource, 0);

	if (result < 0)
		return result;
	format_amount(amount, sizeof(amount), resource, quota->limit[resource]);
	if (quota->limit[resource] != SHMQ_UNLIMITED && quota->period_ns[resource] > 0 &&
	    quota->period_ns[resource] % NS_PER_MS == 0)
		format_period(period, sizeof(period), quota->period_ns[resource]);
	if (quota->algorithm[resource] == SHMQ_BUCKET && quota->burst[resource] > 0)
		format_amount(burst, sizeof(burst), resource, quota->burst[resource]);
	return snprintf(text, size, "%s%s%s%s", amount, period, burst[0] == '\0' ? "" : " " MEASURE_BURST " ", burst);
}
