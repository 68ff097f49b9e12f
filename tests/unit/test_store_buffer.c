/* SPDX-License-Identifier: MIT */
/*
 * What others see while a thread's stores wait in its processor's store buffer: x86 lets loads overtake them, any of
 * them, for any time. Here the reader's side of read sections is compiled once more onto a buffer that is emptied by
 * fences only, so what happens once in a million times on two processors happens each time on one.
 *
 * It shows what a fence is for on x86 (TSO); what other processors reorder besides is for the models.
 */
#include "base/atomic.h"

#define BUFFER_SIZE 16

/* Stores that only their own thread sees yet, oldest first. */
static struct {
	struct shm_u64 *word;
	uint64_t value;
} buffer[BUFFER_SIZE];
static unsigned buffered;

static inline void buffer_drain(void)
{
	for (unsigned i = 0; i < buffered; i++)
		shm_store_release(buffer[i].word, buffer[i].value);
	buffered = 0;
}

static inline void buffer_store(struct shm_u64 *word, uint64_t value)
{
	if (buffered == BUFFER_SIZE)
		buffer_drain();
	buffer[buffered].word = word;
	buffer[buffered++].value = value;
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

#define shm_load_relaxed buffer_load
#define shm_load_acquire buffer_load
#define shm_store_relaxed buffer_store
#define shm_store_release buffer_store
#define shm_store_fence buffer_store_fence

#include "core/rcu.h"

#undef shm_load_relaxed
#undef shm_load_acquire
#undef shm_store_relaxed
#undef shm_store_release
#undef shm_store_fence

#include "core/worker.h"

#include "../support/fixture.h"

TestSuite(store_buffer, FIXTURE);

static struct shm_u64 published;

static struct shmq_shm_slot *attach(struct shmq_segment *segment)
{
	struct shmq_component *tenant = fixture_component(segment, "tenant", NULL);

	expect_result(shmq_check(tenant, SHMQ_STORAGE, 0, NULL), SHMQ_OK);
	return worker_self->attachment[segment->ordinal].slot;
}

/* What an updater on another processor does: it sees memory only. Returns whether what it took away may be reused. */
static bool retire(struct shmq_segment *segment)
{
	shm_store_release(&published, 0);
	return rcu_poll(segment, rcu_cookie(segment));
}

Test(store_buffer, a_section_is_seen_before_what_it_reads)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_shm_slot *slot = attach(segment);

	for (int is_nested = 0; is_nested <= 1; is_nested++) {
		shm_store_release(&published, 1);
		rcu_read_lock(slot, &segment->policy->control.epoch);
		if (is_nested)
			rcu_read_lock(slot, &segment->policy->control.epoch);
		expect_figure(buffer_load(&published), 1);
		cr_assert(!retire(segment), "reused while a reader is at it");
		if (is_nested)
			rcu_read_unlock(slot);
		rcu_read_unlock(slot);
		buffer_drain();
		cr_assert(rcu_poll(segment, shm_load_acquire(&segment->policy->control.epoch)));
	}
}

Test(store_buffer, an_end_that_is_late_only_delays_reuse)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_shm_slot *slot = attach(segment);

	rcu_read_lock(slot, &segment->policy->control.epoch);
	rcu_read_unlock(slot);
	cr_assert(!retire(segment), "the end is in the buffer still");
	/* The next section of the same thread: its end before is seen first. */
	rcu_read_lock(slot, &segment->policy->control.epoch);
	cr_assert(rcu_poll(segment, shm_load_acquire(&segment->policy->control.epoch)));
	cr_assert(!retire(segment));
	rcu_read_unlock(slot);
	buffer_drain();
	cr_assert(retire(segment));
}
