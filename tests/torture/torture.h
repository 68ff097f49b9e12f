/* SPDX-License-Identifier: MIT */
/*
 * The frame of the torture programs: workers and controllers that run until told to stop, a parent that kills and stops
 * them at random meanwhile, and an audit when all stand still. With --threads the same bodies run as threads of one
 * process on one mapping, undisturbed, so that ThreadSanitizer sees them.
 *
 * Time is cut into short rounds; each begins and ends at rest, so that books can be compared exactly again and again.
 * A run is repeatable from its seed as far as the scheduler allows. A watchdog ends a program that hangs.
 */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include <shmquota.h>
#include <stdbool.h>
#include <stdint.h>

#include "../support/names.h"
#include "../support/shared.h"

#define TORTURE_WORKERS_MAX 32

/* Findings that every program counts; all must stay 0. Shared with all workers. */
struct torture_findings {
	struct counter over;   /* admitted beyond a limit */
	struct counter lost;   /* units that should be there and are not */
	struct counter leaked; /* units that are there and nobody has */
	struct counter mixed;  /* two policies, or two components, seen at once */
	struct counter wrong;  /* answers that must not be */
	struct counter hangs;  /* who did not end when told to */
};

struct torture {
	/* options */
	unsigned seconds, processes;
	uint64_t seed;
	bool as_threads, has_membarrier;
	/* state; what follows `round` is the parent's own */
	char name[NAME_SIZE];
	struct shmq_segment *segment;
	struct torture_findings *findings;
	struct counter *stop, *operations;
	uint64_t round;
	uint64_t kills, stops;
	void *context;
};

/* What a program brings along. `index` of controllers begins where workers end. What is marked so may be NULL. */
struct torture_plan {
	const char *name;
	unsigned controllers;
	struct shmq_options options;
	unsigned slots; /* for each worker and controller, instead of options.threads; 0 leaves that as it is */
	/* Fill the fresh segment. Returns 0, or a negative result that ends the program. */
	int (*begin)(struct torture *torture);
	void (*round_begins)(struct torture *torture); /* or NULL */
	/* Run until torture_stops(). Returns 0, or 1 for an answer that must not be; it was printed. */
	int (*work)(struct torture *torture, unsigned index);
	int (*control)(struct torture *torture, unsigned index);
	/* It stands still and is killed next: from then on anybody may return what it holds. Or NULL: killed as it runs. */
	void (*doom)(struct torture *torture, unsigned index);
	/* Everybody stands still: compare the books. */
	void (*round_ends)(struct torture *torture);
	/* Print figures of one's own, as a part of the line. */
	void (*summary)(struct torture *torture);
	void (*end)(struct torture *torture);
};

static inline bool torture_stops(struct torture *torture)
{
	return counter_get(torture->stop) != 0;
}

/* A segment to control by: the common one for threads, one's own for processes. */
int torture_open_control(struct torture *torture, struct shmq_segment **out);
void torture_close_control(struct torture *torture, struct shmq_segment *segment);

/* Print what is wrong, once per line, and count it. */
void torture_complain(struct counter *finding, uint64_t amount, const char *what, uint64_t actual, uint64_t least,
                      uint64_t most);

/* Units that were found where `least` to `most` should be: fewer are lost, more are leaked. */
void torture_expect(struct torture *torture, const char *what, uint64_t actual, uint64_t least, uint64_t most);

/* The figures of one resource; zeroes and a complaint where there are none. */
struct shmq_resource_status torture_look(struct torture *torture, struct shmq_component *component, int resource);

/* Load a policy from its text. Returns as shmq_policy_load(). */
int torture_load_policy(struct torture *torture, struct shmq_policy **out, const char *text);

int torture_main(int argc, char **argv, const struct torture_plan *plan);

#endif
