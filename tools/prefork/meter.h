/* SPDX-License-Identifier: MIT */
/*
 * What operations count with: shmq_check(), shmq_try_consume(), shmq_consume(), shmq_release() and shmq_status()
 * themselves, or, with --count-per-worker, this worker's own count of the same quotas (private_count.h). A host that
 * needs no such comparison calls the library where this one calls its meter.
 */
#ifndef PREFORK_METER_H
#define PREFORK_METER_H

#include <shmquota.h>

#include <stdbool.h>

/* Choose, once per worker, before its threads start. Returns 0 or -ENOMEM. */
int meter_start(bool count_per_worker, struct shmq_segment *segment);
void meter_stop(void);

int meter_check(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);
int meter_try_consume(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);
int meter_consume(struct shmq_component *c, int resource, uint64_t amount);
int meter_release(struct shmq_component *c, int resource, uint64_t amount);
int meter_status(struct shmq_component *c, struct shmq_status *out);

/* "shared", or "per worker". */
const char *meter_kind(void);

/* Tell whether a result admits: quota was there, or the component only warns. */
bool meter_admits(int result);

#endif
