/* SPDX-License-Identifier: MIT */
/*
 * Windows of our own in shared memory, each behind a lock of its own: a robust mutex, a plain one, and a read-write lock
 * under which counting is atomic and only a new window is written. The caller keeps the index of each key, so that
 * nothing is looked up.
 *
 * Only the robust mutex tells that its holder died; the other two stay locked for ever then.
 */
#include "limiter.h"

#include "../baseline.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

struct account {
	alignas(128) struct baseline_window window;
};

struct rwlock_account {
	alignas(128) pthread_rwlock_t lock;
	uint64_t limit, window_ms;
	_Atomic uint64_t start_ms, used;
};

static struct account *robust[KINDS], *plain[KINDS];
static struct rwlock_account *rwlocked[KINDS];

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("cannot share memory");
		return NULL;
	}
	return memory;
}

/* ---- A mutex ----------------------------------------------------------------------------------------------------- */

static int make_accounts(struct account *accounts[KINDS], bool is_robust)
{
	for (int kind = 0; kind < KINDS; kind++) {
		const struct key_class *class = &key_classes[kind];

		accounts[kind] = share(class->count * sizeof(*accounts[kind]));
		if (accounts[kind] == NULL)
			return -1;
		for (uint32_t i = 0; i < class->count; i++) {
			struct baseline_window *window = &accounts[kind][i].window;

			if (baseline_window_init(window, is_robust) != 0)
				return -1;
			window->limit = class->limit;
			window->period_ms = class->window_ms;
		}
	}
	return 0;
}

static int start_robust(const struct limiter_site *site)
{
	(void)site;
	return make_accounts(robust, true);
}

static int start_plain(const struct limiter_site *site)
{
	(void)site;
	return make_accounts(plain, false);
}

LIMITER_DEFINE_RUN(run_robust, baseline_take(&robust[kind][key->id].window, 1, CLOCK_MONOTONIC_COARSE))
LIMITER_DEFINE_RUN(run_plain, baseline_take(&plain[kind][key->id].window, 1, CLOCK_MONOTONIC_COARSE))

/* ---- A read-write lock ------------------------------------------------------------------------------------------- */

static int start_rwlock(const struct limiter_site *site)
{
	pthread_rwlockattr_t attributes;

	(void)site;
	if (pthread_rwlockattr_init(&attributes) != 0)
		return -1;
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	for (int kind = 0; kind < KINDS; kind++) {
		const struct key_class *class = &key_classes[kind];

		rwlocked[kind] = share(class->count * sizeof(*rwlocked[kind]));
		if (rwlocked[kind] == NULL)
			return -1;
		for (uint32_t i = 0; i < class->count; i++) {
			struct rwlock_account *account = &rwlocked[kind][i];

			if (pthread_rwlock_init(&account->lock, &attributes) != 0)
				return -1;
			account->limit = class->limit;
			account->window_ms = class->window_ms;
		}
	}
	pthread_rwlockattr_destroy(&attributes);
	return 0;
}

static void begin_window(struct rwlock_account *account, uint64_t now)
{
	pthread_rwlock_wrlock(&account->lock);
	if (now >= account->start_ms + account->window_ms) {
		account->start_ms = now - now % account->window_ms;
		account->used = 0;
	}
	pthread_rwlock_unlock(&account->lock);
}

static int take_rwlock(struct rwlock_account *account)
{
	uint64_t now = baseline_now_ms(CLOCK_MONOTONIC_COARSE), used;
	bool is_taken = false;

	pthread_rwlock_rdlock(&account->lock);
	while (now >= account->start_ms + account->window_ms) {
		pthread_rwlock_unlock(&account->lock);
		begin_window(account, now);
		pthread_rwlock_rdlock(&account->lock);
	}
	used = atomic_load_explicit(&account->used, memory_order_relaxed);
	while (used < account->limit && !is_taken)
		is_taken = atomic_compare_exchange_weak(&account->used, &used, used + 1);
	pthread_rwlock_unlock(&account->lock);
	return is_taken;
}

LIMITER_DEFINE_RUN(run_rwlock, take_rwlock(&rwlocked[kind][key->id]))

const struct limiter limiter_robust = {
    .key = "robust_mutex",
    .name = "robust mutex, window",
    .windows = WINDOWS_ALIGNED,
    .start = start_robust,
    .run = run_robust,
};

const struct limiter limiter_plain = {
    .key = "plain_mutex",
    .name = "plain mutex, window",
    .windows = WINDOWS_ALIGNED,
    .start = start_plain,
    .run = run_plain,
};

const struct limiter limiter_rwlock = {
    .key = "rwlock",
    .name = "rwlock, atomic window",
    .windows = WINDOWS_ALIGNED,
    .start = start_rwlock,
    .run = run_rwlock,
};
