/* SPDX-License-Identifier: MIT */
/*
 * Six amounts of ten bits are one word, so that a worker is killed before a change of its book or after it. Where two
 * words change, as of a tally, the order is the one that leaves the sum too low.
 *
 * No more ordering than that: books that order what is being tested would hide what ThreadSanitizer is to find.
 */
#include "books.h"

#include <stdio.h>
#include <string.h>

#define AMOUNT_BITS 10

int book_resource(enum book_resource resource)
{
	static const int resources[BOOK_RESOURCES] = {SHMQ_STORAGE, SHMQ_MEMORY, SHMQ_MESSAGES};

	return resources[resource];
}

const char *book_resource_name(enum book_resource resource)
{
	return shmq_resource_name(book_resource(resource));
}

/* ---- Books ---- */

static uint64_t book_pack(const struct book_page *page)
{
	uint64_t word = 0;

	for (int i = 0; i < BOOK_RESOURCES; i++)
		word = word << 2 * AMOUNT_BITS | page->after[i] << AMOUNT_BITS | page->before[i];
	return word;
}

struct book_page book_read(struct book *book)
{
	uint64_t word = atomic_load_explicit(&book->word.value, memory_order_relaxed);
	struct book_page page;

	for (int i = BOOK_RESOURCES - 1; i >= 0; i--) {
		page.before[i] = word & BOOK_MAX;
		page.after[i] = word >> AMOUNT_BITS & BOOK_MAX;
		word >>= 2 * AMOUNT_BITS;
	}
	return page;
}

static void book_write(struct book *book, const struct book_page *page)
{
	atomic_store_explicit(&book->word.value, book_pack(page), memory_order_relaxed);
}

void book_announce(struct book *book, const int64_t change[BOOK_RESOURCES])
{
	struct book_page page = book_read(book);

	for (int i = 0; i < BOOK_RESOURCES; i++)
		page.after[i] = (page.before[i] + (uint64_t)change[i]) & BOOK_MAX;
	book_write(book, &page);
}

void book_announce_one(struct book *book, enum book_resource resource, int64_t change)
{
	int64_t changes[BOOK_RESOURCES] = {0};

	changes[resource] = change;
	book_announce(book, changes);
}

void book_settle(struct book *book, bool is_done)
{
	struct book_page page = book_read(book);

	memcpy(is_done ? page.before : page.after, is_done ? page.after : page.before, sizeof(page.before));
	book_write(book, &page);
}

uint64_t book_has(struct book *book, enum book_resource resource)
{
	return book_read(book).before[resource];
}

static void expect_either(struct torture *torture, const char *what, uint64_t actual, uint64_t before, uint64_t after)
{
	uint64_t least = before < after ? before : after, most = before < after ? after : before;

	if (actual > least && actual < most)
		torture_complain(&torture->findings->lost, most - actual, what, actual, most, most);
	torture_expect(torture, what, actual, least, most);
}

void book_expect(struct torture *torture, struct book *book, const uint64_t actual[BOOK_RESOURCES])
{
	struct book_page page = book_read(book);
	bool undone = true, done = true;
	char what[64];

	for (unsigned i = 0; i < BOOK_RESOURCES; i++) {
		snprintf(what, sizeof(what), "%s that a worker left", book_resource_name(i));
		expect_either(torture, what, actual[i], page.before[i], page.after[i]);
		done = done && actual[i] == page.after[i];
		undone = undone && (actual[i] == page.before[i] || (i == BOOK_MESSAGES && actual[i] == page.after[i]));
	}
	if (!done && !undone)
		torture_complain(&torture->findings->lost, 1, "half of a call: storage", actual[BOOK_STORAGE],
		                 page.before[BOOK_STORAGE], page.after[BOOK_STORAGE]);
}

/* ---- Tallies ---- */

static void counter_take(struct counter *counter, uint64_t amount)
{
	atomic_fetch_sub_explicit(&counter->value, amount, memory_order_relaxed);
}

int64_t tally_add(struct tally *tally, enum book_resource resource, uint64_t amount)
{
	/* release: not before what was taken is. */
	uint64_t before = atomic_fetch_add_explicit(&tally->sum[resource].value, amount, memory_order_release);

	return (int64_t)(before + amount);
}

void tally_drop(struct tally *tally, enum book_resource resource, uint64_t amount)
{
	counter_take(&tally->sum[resource], amount);
}

int64_t tally_add_mortal(struct tally *tally, unsigned index, enum book_resource resource, uint64_t amount)
{
	counter_add(&tally->mortal[index][resource], amount);
	return tally_add(tally, resource, amount);
}

void tally_drop_mortal(struct tally *tally, unsigned index, enum book_resource resource, uint64_t amount)
{
	tally_drop(tally, resource, amount);
	counter_take(&tally->mortal[index][resource], amount);
}

void tally_keep(struct tally *tally, unsigned index, enum book_resource resource, uint64_t amount)
{
	counter_take(&tally->mortal[index][resource], amount);
}

void tally_bury(struct tally *tally, unsigned index)
{
	for (unsigned i = 0; i < BOOK_RESOURCES; i++) {
		tally_drop(tally, i, counter_get(&tally->mortal[index][i]));
		counter_set(&tally->mortal[index][i], 0);
	}
}
