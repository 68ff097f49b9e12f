/* SPDX-License-Identifier: MIT */
/*
 * Figures as metrics, in the text format of Prometheus (0.0.4) or of OpenMetrics (1.0.0).
 *
 * A metric is a row of the table of counters that has a metric's name: the prefix, for amounts the resource, the name, the
 * base unit, and _total for what only grows, such as shmquota_cpu_taken_seconds_total. Percentages become ratios. What
 * has no limit has no limit's series.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdio.h>

#include "gather.h"

enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

void metrics_write(FILE *out, const struct gathering *gathering, enum metrics_format format);

#endif
