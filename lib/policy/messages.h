/* SPDX-License-Identifier: MIT */
/*
 * What the library says to people.
 */
#ifndef SHMQ_POLICY_MESSAGES_H
#define SHMQ_POLICY_MESSAGES_H

#include <shmquota.h>

/* See shmq_strerror() and shmq_verdict_format(). */
const char *message_of_result(int result);
int message_of_verdict(char *text, size_t size, const struct shmq_verdict *verdict);

#endif
