/* SPDX-License-Identifier: MIT */
/*
 * Books on what workers have of a component, kept outside of the segment, and right whenever a worker is killed.
 *
 * A *book* says what one life of a worker leaves behind if it is killed now: amounts before and after the call that it
 * is in, announced before the call and settled after it, each by one store. So the truth about the dead is known but
 * for one question, whether that last call took effect, and must be exactly one of the two answers. What a dead worker
 * held and had returned is in no book.
 *
 * A *tally* says how much all have together at this moment, at least. It is added to after taking and taken from before
 * giving back, so that it is above a limit only if the truth is. What somebody's death returns is taken from it before
 * he dies, which is why he has to be stopped first.
 */
#ifndef TESTS_TORTURE_BOOKS_H
#define TESTS_TORTURE_BOOKS_H

#include "torture.h"

enum book_resource { BOOK_STORAGE, BOOK_MEMORY, BOOK_MESSAGES, BOOK_RESOURCES };

/* The largest amount in a book. */
#define BOOK_MAX 1023

/* Written by one thread; begins as zeroes. */
struct book {
	struct counter word;
};

/* What a book says: the amounts if its last call did not take effect, and if it did. */
struct book_page {
	uint64_t before[BOOK_RESOURCES], after[BOOK_RESOURCES];
};

/* What the public interface calls it. */
int book_resource(enum book_resource resource);
const char *book_resource_name(enum book_resource resource);

/* Say by how much the call that follows changes the amounts, then whether it did. */
void book_announce(struct book *book, const int64_t change[BOOK_RESOURCES]);
void book_settle(struct book *book, bool is_done);

/* The same for one resource. */
void book_announce_one(struct book *book, enum book_resource resource, int64_t change);

struct book_page book_read(struct book *book);

/* What a life knows to have, between two calls of its own. */
uint64_t book_has(struct book *book, enum book_resource resource);

/*
 * Compare the book of a dead life with what is there of it: all as before its last call, or all as after it. Only
 * messages may be taken though the levels beside them are not: they come back with their window.
 */
void book_expect(struct torture *torture, struct book *book, const uint64_t actual[BOOK_RESOURCES]);

/* Begins as zeroes. */
struct tally {
	struct counter sum[BOOK_RESOURCES];
	struct counter mortal[TORTURE_WORKERS_MAX][BOOK_RESOURCES]; /* of it, what goes with a worker */
};

/* Somebody took. Returns how much all have now, at least. */
int64_t tally_add(struct tally *tally, enum book_resource resource, uint64_t amount);
/* Somebody is about to give back. */
void tally_drop(struct tally *tally, enum book_resource resource, uint64_t amount);

/* The same of what goes with the worker `index`. */
int64_t tally_add_mortal(struct tally *tally, unsigned index, enum book_resource resource, uint64_t amount);
void tally_drop_mortal(struct tally *tally, unsigned index, enum book_resource resource, uint64_t amount);
/* It does not go with the worker any more: it was committed. */
void tally_keep(struct tally *tally, unsigned index, enum book_resource resource, uint64_t amount);
/* The worker stands still and goes now. */
void tally_bury(struct tally *tally, unsigned index);

#endif
