/* SPDX-License-Identifier: MIT */
/*
 * Stepping, for x86-64: an exclusive load and store of other processors cannot be stepped through. The victim is a fork
 * of the tester, so its code lies at the same addresses and the tester reads it in its own memory.
 */
#include "kill_trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/clock.h"

#define BREAKPOINT 0xcc
#define SEEN_BITS 17
#define SEEN_SIZE (UINT32_C(1) << SEEN_BITS)
#define STRAY_STEPS 400
#define COST_OF_TURN 3 /* in steps */

/* The linker's: where the program lies. */
extern const char __executable_start[], etext[]; /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	if (errno == EPERM || errno == ENOSYS)
		fputs("This test needs ptrace(2); allow it, e.g. by --cap-add=SYS_PTRACE.\n", stderr);
	exit(2);
}

void trace_begin_here(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		give_up("ptrace");
	__asm__ volatile("int3");
}

__attribute__((noinline)) void trace_end_here(void)
{
	__asm__ volatile("int3");
}

/* ---- Stops ---- */

static void note_position(struct trace_victim *victim)
{
	long rip;

	errno = 0;
	rip = ptrace(PTRACE_PEEKUSER, victim->thread, offsetof(struct user, regs.rip), NULL);
	if (errno != 0)
		give_up("PTRACE_PEEKUSER");
	victim->at = (uintptr_t)rip;
}

uintptr_t trace_place(const struct trace_victim *victim)
{
	return victim->at - (uintptr_t)__executable_start;
}

/* Wait for the next stop. Nothing but our own traps stops a victim. */
static void await_stop(struct trace_victim *victim)
{
	int status = 0;

	while (waitpid(victim->thread, &status, __WALL) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	victim->has_ended = !WIFSTOPPED(status);
	victim->at = 0;
	if (victim->has_ended)
		return;
	note_position(victim);
	if (WSTOPSIG(status) != SIGTRAP) {
		fprintf(stderr, "the victim was stopped by signal %d at 0x%zx\n", WSTOPSIG(status),
		        (size_t)trace_place(victim));
		exit(2);
	}
}

static bool has_come_to_its_end(const struct trace_victim *victim)
{
	return victim->has_ended || victim->at == (uintptr_t)trace_end_here;
}

/* One instruction, or one system call as a whole. */
static void step(struct trace_victim *victim)
{
	if (ptrace(PTRACE_SINGLESTEP, victim->thread, NULL, NULL) < 0)
		give_up("PTRACE_SINGLESTEP");
	await_stop(victim);
}

/* Run until the instruction at `address` is next for the n-th time. Returns false where something else came first. */
static bool run_to(struct trace_victim *victim, uintptr_t address, uint32_t turns)
{
	long original;

	errno = 0;
	original = ptrace(PTRACE_PEEKTEXT, victim->thread, address, NULL);
	if (errno != 0)
		give_up("PTRACE_PEEKTEXT");
	for (uint32_t turn = 1; turn <= turns; turn++) {
		if (victim->at == address)
			step(victim); /* off the place itself */
		if (victim->has_ended)
			return false;
		if (ptrace(PTRACE_POKETEXT, victim->thread, address, (original & ~0xffL) | BREAKPOINT) < 0 ||
		    ptrace(PTRACE_CONT, victim->thread, NULL, NULL) < 0)
			give_up("setting a breakpoint");
		await_stop(victim);
		if (victim->has_ended || victim->at != address + 1)
			return false;
		if (ptrace(PTRACE_POKETEXT, victim->thread, address, original) < 0 ||
		    ptrace(PTRACE_POKEUSER, victim->thread, offsetof(struct user, regs.rip), address) < 0)
			give_up("removing a breakpoint");
		victim->at = address;
	}
	return true;
}

/* ---- Life and death ---- */

static bool is_over(const struct trace_victim *victim)
{
	siginfo_t info = {0};

	/* A stop would be reported here too, whatever is asked for; it stays where it is. */
	return waitid(P_PID, (id_t)victim->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
	       info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED;
}

/* The stop of any thread of the victim: the one that traces itself is not always its first. */
static bool await_start(struct trace_victim *victim)
{
	siginfo_t info;

	for (;;) {
		memset(&info, 0, sizeof(info));
		/* Zombies of others stay where they are: only stops are asked for. */
		if (waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG | __WALL) == 0 && info.si_pid != 0) {
			victim->thread = info.si_pid;
			return true;
		}
		if (is_over(victim))
			return false;
		clock_sleep_ns(MS / 50);
	}
}

bool trace_start(struct trace_victim *out, process_body *body, void *context)
{
	*out = (struct trace_victim){.pid = process_start(body, 0, context)};
	if (!await_start(out))
		return false;
	if (ptrace(PTRACE_SETOPTIONS, out->thread, NULL, PTRACE_O_EXITKILL) < 0)
		give_up("PTRACE_SETOPTIONS");
	note_position(out);
	return true;
}

void trace_kill(struct trace_victim *victim)
{
	siginfo_t info;

	kill(victim->pid, SIGKILL);
	/* A traced thread stays until its tracer has seen it end, and keeps its process from being a zombie. */
	if (victim->thread != victim->pid && !victim->has_ended)
		waitpid(victim->thread, NULL, __WALL);
	while (waitid(P_PID, (id_t)victim->pid, &info, WEXITED | WNOWAIT | __WALL) < 0)
		if (errno != EINTR)
			give_up("waitid");
}

void trace_reap(struct trace_victim *victim)
{
	waitpid(victim->pid, NULL, __WALL);
}

/* ---- The recording ---- */

/* An address that was met, and how often since the anchor that was in force when it was met last. */
struct meeting {
	uintptr_t address;
	uint32_t anchor, turns;
};

/* Note that the victim is at `boundary->at`, the boundary of that number. */
static void meet(struct meeting *meetings, struct trace_boundary *boundary, uint32_t number)
{
	size_t slot = (boundary->at * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SEEN_BITS);
	struct meeting *meeting = &meetings[slot];

	if (boundary->at < (uintptr_t)__executable_start || boundary->at >= (uintptr_t)etext)
		return;
	while (meeting->address != 0 && meeting->address != boundary->at)
		meeting = &meetings[slot = (slot + 1) % SEEN_SIZE];
	if (meeting->address == 0) {
		boundary->anchor = number;
		*meeting = (struct meeting){boundary->at, number, 0};
		return;
	}
	if (meeting->anchor != boundary->anchor)
		*meeting = (struct meeting){boundary->at, boundary->anchor, 0};
	boundary->turn = ++meeting->turns;
}

static bool image_changed(struct trace_image *image)
{
	bool changed = false;

	for (int i = 0; i < 2; i++) {
		if (memcmp(image->copy[i], image->memory[i], image->size[i]) == 0)
			continue;
		memcpy(image->copy[i], image->memory[i], image->size[i]);
		changed = true;
	}
	return changed;
}

static bool is_system_call(uintptr_t at)
{
	static const unsigned char code[] = {0x0f, 0x05};

	return memcmp((const void *)at, code, sizeof(code)) == 0; /* NOLINT(performance-no-int-to-ptr) */
}

static struct trace_boundary *append(struct trace_path *path, size_t *capacity)
{
	if (path->count == *capacity) {
		*capacity = *capacity * 2 + 4096;
		path->boundaries = realloc(path->boundaries, *capacity * sizeof(*path->boundaries));
		if (path->boundaries == NULL)
			give_up("realloc");
	}
	return &path->boundaries[path->count++];
}

static void record_steps(struct trace_path *out, struct trace_victim *victim, struct trace_image *image,
                         struct meeting *meetings)
{
	struct trace_boundary here = {.matters = true};
	size_t capacity = 0;

	for (;;) {
		here.at = victim->at;
		here.turn = 0;
		meet(meetings, &here, (uint32_t)out->count);
		if (has_come_to_its_end(victim))
			here.matters = true;
		*append(out, &capacity) = here;
		if (has_come_to_its_end(victim))
			return;
		step(victim);
		here.is_written = image_changed(image);
		here.matters = here.is_written || is_system_call(here.at);
	}
}

void trace_record(struct trace_path *out, struct trace_victim *victim, struct trace_image *image)
{
	struct meeting *meetings = calloc(SEEN_SIZE, sizeof(*meetings));

	if (meetings == NULL)
		give_up("calloc");
	for (int i = 0; i < 2; i++) {
		image->copy[i] = malloc(image->size[i]);
		if (image->copy[i] == NULL)
			give_up("malloc");
	}
	*out = (struct trace_path){0};
	image_changed(image);
	record_steps(out, victim, image, meetings);
	for (int i = 0; i < 2; i++)
		free(image->copy[i]);
	free(meetings);
}

void trace_forget(struct trace_path *path)
{
	free(path->boundaries);
	*path = (struct trace_path){0};
}

/* The boundary between the anchor and the goal from which the rest is best stepped. */
static size_t last_breakpoint(const struct trace_path *path, size_t goal)
{
	size_t anchor = path->boundaries[goal].anchor, best = anchor, best_cost = goal - anchor;

	for (size_t i = anchor + 1; i <= goal; i++) {
		size_t cost = COST_OF_TURN * path->boundaries[i].turn + (goal - i);

		if (path->boundaries[i].turn > 0 && cost < best_cost) {
			best = i;
			best_cost = cost;
		}
	}
	return best;
}

bool trace_go(struct trace_victim *victim, const struct trace_path *path, size_t boundary)
{
	const struct trace_boundary *goal = &path->boundaries[boundary];
	const struct trace_boundary *anchor = &path->boundaries[goal->anchor];
	size_t from = last_breakpoint(path, boundary);

	if (goal->anchor > 0 && !run_to(victim, anchor->at, 1))
		return false;
	if (from > goal->anchor && !run_to(victim, path->boundaries[from].at, path->boundaries[from].turn))
		return false;
	for (size_t i = from; i < boundary && !has_come_to_its_end(victim); i++)
		step(victim);
	/* A loop took another turn this time. */
	for (int i = 0; i < STRAY_STEPS && !has_come_to_its_end(victim) && victim->at != goal->at; i++)
		step(victim);
	return goal->at == 0 ? victim->has_ended : !victim->has_ended && victim->at == goal->at;
}
