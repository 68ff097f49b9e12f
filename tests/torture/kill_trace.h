/* SPDX-License-Identifier: MIT */
/*
 * Victims under ptrace(2): run to an instruction boundary of an operation, killed there, left a zombie.
 *
 * A recording run steps through the operation once and notes every boundary: where it is, and whether anything that
 * outlives the process changed since the boundary before. That is the shared memory, which is compared byte by byte, and
 * what a system call may have done. Two boundaries without such a change between them leave the same world behind: the
 * registers and private memory of a dead process are gone, and what recovery does depends on the rest only.
 *
 * Other runs get to a boundary by breakpoints: to the anchor, the last instruction before it that the recording met
 * there for the first time; from there to a turn of a loop that comes close; by single steps from there. How long the
 * loops before the anchor were, such as those over the text of a file in /proc, does not matter, and a kill costs a few
 * stops rather than thousands. Which way a string function of the C library takes depends on where the string lies, so
 * there is a second route for who went astray on the first, whose breakpoints are in the program itself.
 */
#ifndef TESTS_TORTURE_KILL_TRACE_H
#define TESTS_TORTURE_KILL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../support/process.h"

/* ---- In the victim ---- */

/* What follows is stepped through, in the calling thread only. What went before ran at full speed and untraced. */
void trace_begin_here(void);

/* The operation is over. Not needed where the thread ends instead. */
void trace_end_here(void);

/* ---- In the tester ---- */

struct trace_victim {
	pid_t pid;
	pid_t thread; /* the traced one: the first of the process, or not */
	uintptr_t at; /* the next instruction */
	bool has_ended;
};

/* Memory to compare from boundary to boundary. */
struct trace_image {
	const void *memory[2];
	size_t size[2];
	void *copy[2];
};

enum trace_route { TRACE_ANYWHERE, TRACE_IN_PROGRAM, TRACE_ROUTES };

struct trace_boundary {
	uintptr_t at; /* the next instruction */
	struct trace_mark {
		uint32_t anchor; /* the last boundary up to here whose place was new then; itself where it is one */
		uint32_t turn;   /* how often this place was met since the anchor; 0 where there is no breakpoint */
	} mark[TRACE_ROUTES];
	bool is_written; /* the shared memory changed since the boundary before */
	bool matters;    /* so it did, or something else that outlives the process may have: by a system call */
	bool is_new;     /* the first time at this place since something changed */
};

struct trace_path {
	struct trace_boundary *boundaries;
	size_t count;
};

/*
 * Start a victim and let it come to trace_begin_here(), in its first thread or `in_another`. Returns false where it ended
 * before.
 */
bool trace_start(struct trace_victim *out, process_body *body, void *context, bool in_another);

/* Step to the end and note every boundary; the first is the start, the last the end. */
void trace_record(struct trace_path *out, struct trace_victim *victim, struct trace_image *image);
void trace_forget(struct trace_path *path);

/* Go from the start to a recorded boundary. Returns false where the victim did not come by there this time. */
bool trace_go(struct trace_victim *victim, const struct trace_path *path, size_t boundary, enum trace_route route);

/* Where it stands, as `addr2line -e` takes it. */
uintptr_t trace_place(const struct trace_victim *victim);

/* Kill, and wait until it is a zombie. It stays one until trace_reap(). */
void trace_kill(struct trace_victim *victim);
void trace_reap(struct trace_victim *victim);

#endif
