/* SPDX-License-Identifier: MIT */
/*
 * What others see while a thread's stores wait in its processor's store buffer: x86 lets loads overtake them, any of
 * them, for any time. Here the reader's side of read sections, and attaching, are compiled once more onto a buffer that
 * is emptied by fences only: the reader's own ones, or those that membarrier makes it pass. So what happens once in a
 * million times on two processors happens each time on one.
 *
 * It shows what a fence is for on x86 (TSO); what other processors reorder besides is for the models.
 */
#include "base/atomic.h"

#include <stddef.h>

#define BUFFER_SIZE 16

/* Stores that only their own thread sees yet, oldest first; of one kind of word or of the other. */
static struct {
	struct shm_u64 *word;
	struct shm_u32 *word32;
	uint64_t value;
} buffer[BUFFER_SIZE];
static unsigned buffered;

/* The oldest ones reach memory: stores are not reordered among themselves. */
static inline void buffer_drain_oldest(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (buffer[i].word != NULL)
			shm_store_release(buffer[i].word, buffer[i].value);
		else
			shm_store32_release(buffer[i].word32, (uint32_t)buffer[i].value);
	}
	for (unsigned i = count; i < buffered; i++)
		buffer[i - count] = buffer[i];
	buffered -= count;
}

static inline void buffer_drain(void)
{
	buffer_drain_oldest(buffered);
}

static inline void buffer_add(struct shm_u64 *word, struct shm_u32 *word32, uint64_t value)
{
	if (buffered == BUFFER_SIZE)
		buffer_drain();
	buffer[buffered].word = word;
	buffer[buffered].word32 = word32;
	buffer[buffered++].value = value;
}

static inline void buffer_store(struct shm_u64 *word, uint64_t value)
{
	buffer_add(word, NULL, value);
}

static inline void buffer_store32(struct shm_u32 *word, uint32_t value)
{
	buffer_add(NULL, word, value);
}

static inline void buffer_store_fence(struct shm_u64 *word, uint64_t value)
{
	buffer_store(word, value);
	buffer_drain();
}

/* A thread sees its own stores at once. */
static inline uint64_t buffer_load(const struct shm_u64 *word)
{
	for (unsigned i = buffered; i > 0; i--)
		if (buffer[i - 1].word == word)
			return buffer[i - 1].value;
	return shm_load_seq_cst(word);
}

/* Atomic changes are made in memory, behind all stores before. */
static inline bool buffer_cas(struct shm_u64 *word, uint64_t *expected, uint64_t desired)
{
	buffer_drain();
	return shm_cas_seq_cst(word, expected, desired);
}

#define shm_load_relaxed buffer_load
#define shm_load_acquire buffer_load
#define shm_store_relaxed buffer_store
#define shm_store_release buffer_store
#define shm_store_fence buffer_store_fence
#define shm_store32_relaxed buffer_store32
#define shm_store32_release buffer_store32
#define shm_cas_acq_rel buffer_cas
#define shm_fence_seq_cst buffer_drain

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, on the buffer; it brings core/rcu.h along */
#include "core/worker.c"
/* NOLINTEND(bugprone-suspicious-include) */

#undef shm_load_relaxed
#undef shm_load_acquire
#undef shm_store_relaxed
#undef shm_store_release
#undef shm_store_fence
#undef shm_store32_relaxed
#undef shm_store32_release
#undef shm_cas_acq_rel
#undef shm_fence_seq_cst

#include "../support/fixture.h"

TestSuite(store_buffer, FIXTURE);

static struct shm_u64 published;
static bool is_refused; /* who scans may not fence others */

/* In place of the library's: this program's one thread stands for the processors of both sides. */
bool buffer_accept_fences(void) __asm__("__wrap_process_accept_fences");
bool buffer_fence_others(void) __asm__("__wrap_process_fence_others");

bool buffer_accept_fences(void)
{
	return true;
}

bool buffer_fence_others(void)
{
	if (is_refused)
		return false;
	buffer_drain();
	return true;
}

static struct shmq_segment *begin(bool has_membarrier)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.membarrier = has_membarrier;
	is_refused = false;
	return fixture_segment(&options);
}

static struct shmq_shm_slot *attach(struct shmq_segment *segment)
{
	struct shmq_component *tenant = fixture_component(segment, "tenant", NULL);

	expect_result(shmq_check(tenant, SHMQ_STORAGE, 0, NULL), SHMQ_OK);
	return worker_self->attachment[segment->ordinal].slot;
}

static void lock(struct shmq_segment *segment, struct shmq_shm_slot *slot)
{
	rcu_read_lock(slot, &segment->policy->control.epoch, segment->has_membarrier);
}

/* What an updater on another processor does: it sees memory only. Returns whether what it took away may be reused. */
static bool retire(struct shmq_segment *segment)
{
	shm_store_release(&published, 0);
	return rcu_poll(segment, rcu_cookie(segment));
}

static bool newest_is_over(struct shmq_segment *segment)
{
	return rcu_poll(segment, shm_load_acquire(&segment->policy->control.epoch));
}

static void expect_section_is_seen(struct shmq_segment *segment, struct shmq_shm_slot *slot, bool is_nested)
{
	shm_store_release(&published, 1);
	lock(segment, slot);
	if (is_nested)
		lock(segment, slot);
	expect_figure(buffer_load(&published), 1);
	cr_assert(!retire(segment), "reused while a reader is at it");
	if (is_nested)
		rcu_read_unlock(slot);
	rcu_read_unlock(slot);
	buffer_drain();
}

Test(store_buffer, a_section_is_seen_before_what_it_reads)
{
	struct shmq_segment *segment = begin(false);
	struct shmq_shm_slot *slot = attach(segment);

	for (int is_nested = 0; is_nested <= 1; is_nested++) {
		expect_section_is_seen(segment, slot, is_nested);
		cr_assert(newest_is_over(segment));
	}
}

Test(store_buffer, a_section_without_a_fence_is_seen_by_who_makes_its_thread_pass_one)
{
	struct shmq_segment *segment = begin(true);
	struct shmq_shm_slot *slot = attach(segment);

	for (int is_nested = 0; is_nested <= 1; is_nested++) {
		expect_section_is_seen(segment, slot, is_nested);
		cr_assert(newest_is_over(segment));
	}
}

Test(store_buffer, a_section_without_a_fence_is_assumed_by_who_may_not_ask_for_one)
{
	struct shmq_segment *segment = begin(true);
	struct shmq_shm_slot *slot = attach(segment);

	is_refused = true;
	for (int is_nested = 0; is_nested <= 1; is_nested++) {
		expect_section_is_seen(segment, slot, is_nested);
		cr_assert(!newest_is_over(segment), "it cannot know");
	}
	is_refused = false;
	cr_assert(newest_is_over(segment));
}

/* The one who attaches says first that its sections have no fence: who may not ask for one must not miss that. */
Test(store_buffer, an_announcement_is_seen_before_the_first_section)
{
	struct shmq_segment *segment = begin(true);

	for (unsigned drained = 0, all = 1; drained <= all; drained++) {
		struct shmq_shm_slot *slot;

		is_refused = true;
		expect_result(worker_enter(segment, &slot), 0);
		shm_store_release(&published, 1);
		all = buffered;
		buffer_drain_oldest(drained);
		expect_figure(buffer_load(&published), 1);
		cr_assert(!retire(segment), "reused while a reader is at it; %u of %u stores are seen", drained, all);
		worker_leave(slot);
		buffer_drain();
		worker_detach_all(segment);
		buffer_drain();
		is_refused = false;
		cr_assert(newest_is_over(segment));
	}
}

/* A slot's next owner may be a process that accepts no fences: its sections begin with their own. */
Test(store_buffer, a_slot_of_another_owner_is_judged_by_that_owners_fences)
{
	struct shmq_segment *segment = begin(true);
	struct shmq_shm_slot *slot = attach(segment);

	worker_detach_all(segment);
	segment->has_membarrier = false; /* as where the kernel refuses */
	is_refused = true;
	expect_result(worker_enter(segment, &slot), 0);
	buffer_drain();
	cr_assert(!retire(segment));
	worker_leave(slot);
	buffer_drain();
	cr_assert(retire(segment), "its slot is known to be idle");
	expect_section_is_seen(segment, slot, false);
}

Test(store_buffer, an_end_that_is_late_only_delays_reuse)
{
	struct shmq_segment *segment = begin(false);
	struct shmq_shm_slot *slot = attach(segment);

	lock(segment, slot);
	rcu_read_unlock(slot);
	cr_assert(!retire(segment), "the end is in the buffer still");
	/* The next section of the same thread: its end before is seen first. */
	lock(segment, slot);
	cr_assert(newest_is_over(segment));
	cr_assert(!retire(segment));
	rcu_read_unlock(slot);
	buffer_drain();
	cr_assert(retire(segment));
}
