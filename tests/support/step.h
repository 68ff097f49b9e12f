/* SPDX-License-Identifier: MIT */
/*
 * Children that stand still at an instruction of one's choice, by ptrace(2), while the others go on.
 *
 * Only for processors whose atomic operations are single instructions: an exclusive load and store cannot be stepped
 * through. STEP_IS_POSSIBLE says where that is.
 */
#ifndef TESTS_SUPPORT_STEP_H
#define TESTS_SUPPORT_STEP_H

#include "process.h"
#include "shared.h"

#if defined(__x86_64__) || defined(__i386__)
#define STEP_IS_POSSIBLE 1
#else
#define STEP_IS_POSSIBLE 0
#endif

/* In the child: come to a stop. From here on it is driven by its parent. */
void step_ready(void);

/* Start a child and wait until it has come to step_ready(). Returns its pid, or -1 where it ended before. */
pid_t step_start(process_body *body, void *context);

/* Step until a counter that the child sets is not 0, at most `most` steps. Returns how many, or -1 where it ended. */
long step_until(pid_t pid, struct counter *flag, long most);

/* Let it run on, by itself and untraced. */
void step_release(pid_t pid);

#endif
