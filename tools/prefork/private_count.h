/* SPDX-License-Identifier: MIT */
/*
 * The problem that the library solves, for comparison: a count that each worker keeps for itself. It judges by the
 * same quotas over windows of the same length, and it is exact within its process. N processes that each admit up to
 * the limit admit N times the limit.
 */
#ifndef PREFORK_PRIVATE_COUNT_H
#define PREFORK_PRIVATE_COUNT_H

#include <shmquota.h>

struct private_count;

/* A count for every component that the segment has room for. NULL without memory. */
struct private_count *private_count_create(struct shmq_segment *segment);
void private_count_free(struct private_count *count);

/* As the functions of the library that are called so. Callable from any thread of the process. */
int private_count_check(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount,
                        struct shmq_verdict *verdict);
int private_count_try_consume(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount,
                              struct shmq_verdict *verdict);
int private_count_consume(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount);
int private_count_release(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount);

/* Take back what was taken and not used, of a rate as well; a window that has ended has forgotten it. */
void private_count_give_back(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount);

int private_count_status(struct private_count *count, struct shmq_component *c, struct shmq_status *out);

#endif
