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
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/clock.h"

#define BREAKPOINT 0xcc
#define SEEN_BITS 17
#define SEEN_SIZE (UINT32_C(1) << SEEN_BITS)
#define STRAY_STEPS 400
#define COST_OF_TURN 2 /* in steps */
#define CAPACITY (UINT32_C(1) << 21)

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

/*
 * Run until the instruction at `address` is next, which it is not now. Returns false where something else came first.
 * Under a hypervisor this is a good deal quicker than a single step: no debug register is touched.
 */
static bool hop(struct trace_victim *victim, uintptr_t address)
{
	long original;

	errno = 0;
	original = ptrace(PTRACE_PEEKTEXT, victim->thread, address, NULL);
	if (errno != 0)
		give_up("PTRACE_PEEKTEXT");
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

/* The stop of a thread of the victim that is not its first. */
static bool await_start_of_thread(struct trace_victim *victim)
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

static bool await_start(struct trace_victim *victim)
{
	int status = 0;

	victim->thread = victim->pid;
	while (waitpid(victim->pid, &status, __WALL) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	return WIFSTOPPED(status);
}

bool trace_start(struct trace_victim *out, process_body *body, void *context, bool in_another)
{
	*out = (struct trace_victim){.pid = process_start(body, 0, context)};
	if (!(in_another ? await_start_of_thread(out) : await_start(out)))
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

struct meetings {
	struct meeting places[TRACE_ROUTES][SEEN_SIZE];
	struct meeting now[SEEN_SIZE]; /* since something changed; `anchor` says since which boundary */
};

static struct meeting *find_meeting(struct meeting *places, uintptr_t address)
{
	size_t slot = (address * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SEEN_BITS);

	while (places[slot].address != 0 && places[slot].address != address)
		slot = (slot + 1) % SEEN_SIZE;
	return &places[slot];
}

/* Note on one route that the victim is at `address`, the boundary of that number. */
static void meet(struct meeting *places, uintptr_t address, uint32_t number, struct trace_mark *mark)
{
	struct meeting *meeting = find_meeting(places, address);

	if (meeting->address == 0) {
		mark->anchor = number;
		*meeting = (struct meeting){address, number, 0};
		return;
	}
	if (meeting->anchor != mark->anchor)
		*meeting = (struct meeting){address, mark->anchor, 0};
	mark->turn = ++meeting->turns;
}

static void meet_on_all_routes(struct meetings *meetings, struct trace_boundary *boundary, uint32_t number)
{
	bool is_in_program = boundary->at >= (uintptr_t)__executable_start && boundary->at < (uintptr_t)etext;

	for (int i = 0; i < TRACE_ROUTES; i++)
		boundary->mark[i].turn = 0;
	if (boundary->at == 0)
		return;
	meet(meetings->places[TRACE_ANYWHERE], boundary->at, number, &boundary->mark[TRACE_ANYWHERE]);
	if (is_in_program)
		meet(meetings->places[TRACE_IN_PROGRAM], boundary->at, number, &boundary->mark[TRACE_IN_PROGRAM]);
}

/* Returns whether the place is met for the first time since boundary `change`. */
static bool is_first_since(struct meetings *meetings, uintptr_t address, uint32_t change)
{
	struct meeting *meeting;

	if (address == 0)
		return true;
	meeting = find_meeting(meetings->now, address);
	if (meeting->address != 0 && meeting->anchor == change)
		return false;
	*meeting = (struct meeting){address, change, 0};
	return true;
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

static struct trace_boundary *append(struct trace_path *path)
{
	if (path->count == CAPACITY) {
		errno = EFBIG;
		give_up("recording");
	}
	return &path->boundaries[path->count++];
}

static void record_steps(struct trace_path *out, struct trace_victim *victim, struct trace_image *image,
                         struct meetings *meetings)
{
	struct trace_boundary here = {.matters = true};
	uint32_t change = 0;

	for (;;) {
		here.at = victim->at;
		meet_on_all_routes(meetings, &here, (uint32_t)out->count);
		if (has_come_to_its_end(victim))
			here.matters = true;
		if (here.matters)
			change = (uint32_t)out->count;
		here.is_new = is_first_since(meetings, here.at, change);
		*append(out) = here;
		if (has_come_to_its_end(victim))
			return;
		step(victim);
		here.is_written = image_changed(image);
		here.matters = here.is_written || is_system_call(here.at);
	}
}

void trace_record(struct trace_path *out, struct trace_victim *victim, struct trace_image *image)
{
	struct meetings *meetings = calloc(1, sizeof(*meetings));

	if (meetings == NULL)
		give_up("calloc");
	for (int i = 0; i < 2; i++) {
		image->copy[i] = malloc(image->size[i]);
		if (image->copy[i] == NULL)
			give_up("malloc");
	}
	/* Victims need no copy of it. */
	*out = (struct trace_path){.boundaries = mmap(NULL, CAPACITY * sizeof(*out->boundaries), PROT_READ | PROT_WRITE,
	                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
	if (out->boundaries == MAP_FAILED ||
	    madvise(out->boundaries, CAPACITY * sizeof(*out->boundaries), MADV_DONTFORK) < 0)
		give_up("mmap");
	image_changed(image);
	record_steps(out, victim, image, meetings);
	for (int i = 0; i < 2; i++)
		free(image->copy[i]);
	free(meetings);
}

void trace_forget(struct trace_path *path)
{
	munmap(path->boundaries, CAPACITY * sizeof(*path->boundaries));
	*path = (struct trace_path){0};
}

/* How to get close to a goal: past the anchor, to a place before it, and from there to a place that is close. */
struct approach {
	size_t turning; /* where the last loop but one turns; the anchor itself for none */
	uint32_t turns; /* how often the goal's place is met from there on; 0: go on by single steps */
};

/*
 * Of nested loops an outer one is gone through by its turns, the inner one by its own: that is the cheapest of all pairs
 * of a place and the goal. Stepping all the way from a place may be cheaper still.
 */
static struct approach find_approach(const struct trace_path *path, size_t goal, enum trace_route route)
{
	const struct trace_boundary *boundaries = path->boundaries;
	size_t anchor = boundaries[goal].mark[route].anchor, best_cost = SIZE_MAX;
	bool has_breakpoint = boundaries[goal].mark[route].turn > 0;
	struct approach best = {anchor, 0};
	uint32_t turns = 0;

	for (size_t i = goal;; i--) {
		uint32_t turn = i == anchor ? 0 : boundaries[i].mark[route].turn;
		size_t by_turns = has_breakpoint && i < goal ? COST_OF_TURN * (size_t)turns : SIZE_MAX;
		size_t rest = by_turns < goal - i ? by_turns : goal - i;

		if ((i == anchor || turn > 0) && COST_OF_TURN * (size_t)turn + rest < best_cost) {
			best_cost = COST_OF_TURN * (size_t)turn + rest;
			best = (struct approach){i, by_turns < goal - i ? turns : 0};
		}
		if (i == anchor)
			return best;
		turns += boundaries[i].at == boundaries[goal].at;
	}
}

/* From one boundary to the next one. */
static bool follow(struct trace_victim *victim, const struct trace_path *path, size_t from, enum trace_route route)
{
	uintptr_t next = path->boundaries[from + 1].at;

	if (route == TRACE_ANYWHERE && next != 0 && next != victim->at)
		return hop(victim, next);
	step(victim);
	return next == 0 ? victim->has_ended : !victim->has_ended && victim->at == next;
}

/* From a boundary to a later one by all turns of the loop that its place is in. */
static bool turn_to(struct trace_victim *victim, const struct trace_path *path, size_t from, size_t goal,
                    enum trace_route route)
{
	uintptr_t address = path->boundaries[goal].at;

	for (size_t i = from + 1; i <= goal; i++) {
		if (path->boundaries[i].at != address)
			continue;
		/* Off the place itself, or anywhere on. */
		if (victim->at == address && !follow(victim, path, from, route))
			return false;
		if (victim->at != address && !hop(victim, address))
			return false;
		from = i;
	}
	return true;
}

bool trace_go(struct trace_victim *victim, const struct trace_path *path, size_t boundary, enum trace_route route)
{
	const struct trace_boundary *goal = &path->boundaries[boundary];
	struct approach approach = find_approach(path, boundary, route);
	size_t anchor = goal->mark[route].anchor, here = approach.turning;

	if (anchor > 0 && !hop(victim, path->boundaries[anchor].at))
		return false;
	if (here > anchor && !turn_to(victim, path, anchor, here, route))
		return false;
	if (approach.turns > 0 && !turn_to(victim, path, here, boundary, route))
		return false;
	for (here = approach.turns > 0 ? boundary : here; here < boundary; here++)
		if (!follow(victim, path, here, route))
			break;
	/* A loop took another turn this time. */
	for (int i = 0; route == TRACE_IN_PROGRAM && i < STRAY_STEPS && here < boundary; i++) {
		if (has_come_to_its_end(victim) || victim->at == goal->at)
			break;
		step(victim);
	}
	return goal->at == 0 ? victim->has_ended : !victim->has_ended && victim->at == goal->at;
}
