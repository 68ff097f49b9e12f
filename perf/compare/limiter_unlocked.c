/* SPDX-License-Identifier: MIT */
/*
 * What is written first, and wrong: look whether there is room, then add, both atomic and nothing around them. Two
 * processes may both find the last place free, and counts are lost where a window begins. It shows what exactness costs.
 *
 * And worse: look, then write back one more. Whatever two processes do at the same time counts once. It is not measured
 * but checked, so that the check of bounds is seen to find what is wrong.
 */
#include "limiter.h"

#include "baseline.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

struct account {
	alignas(64) _Atomic uint64_t start_ms;
	_Atomic uint64_t used;
};

static struct account *accounts[KINDS];

static int start(const struct limiter_site *site)
{
	(void)site;
	for (int kind = 0; kind < KINDS; kind++) {
		size_t size = key_classes[kind].count * sizeof(*accounts[kind]);

		accounts[kind] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (accounts[kind] == MAP_FAILED) {
			perror("cannot share memory");
			return -1;
		}
	}
	return 0;
}

static int take(struct account *account, const struct key_class *class)
{
	uint64_t now_ms = baseline_now_ms(CLOCK_MONOTONIC_COARSE);

	if (now_ms >= account->start_ms + class->window_ms) {
		account->start_ms = now_ms - now_ms % class->window_ms;
		account->used = 0;
	}
	if (account->used >= class->limit)
		return 0;
	account->used++;
	return 1;
}

static int take_lossily(struct account *account, const struct key_class *class)
{
	uint64_t used = account->used;

	if (used >= class->limit)
		return 0;
	account->used = used + 1;
	return 1;
}

LIMITER_DEFINE_RUN(run_lossily, take_lossily(&accounts[kind][key->id], &key_classes[kind]))
LIMITER_DEFINE_RUN(run, take(&accounts[kind][key->id], &key_classes[kind]))

const struct limiter limiter_unlocked = {
    .key = "unlocked",
    .name = "atomics without a lock, not exact",
    .windows = WINDOWS_ALIGNED,
    .start = start,
    .run = run,
};

const struct limiter limiter_lossy = {
    .key = "lossy",
    .name = "a counter that is read and written back",
    .windows = WINDOWS_NONE,
    .start = start,
    .run = run_lossily,
};
