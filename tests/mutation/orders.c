/* SPDX-License-Identifier: MIT */
/*
 * Memory orders that x86 gives for free, and that no test on it can therefore miss, under ThreadSanitizer: it judges by
 * what the program says, not by what the processor did.
 *
 * For each label of docs/concurrency.md one thread writes a plain word and then does the label's store side; another
 * does the load side and reads the plain word. In between they hand over by a relaxed word, which orders nothing, so the
 * label is all that keeps the two accesses apart: without it ThreadSanitizer reports a race, each time.
 *
 *     mutation_orders [LABEL...]
 */
#include "orders.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/names.h"

static int plain; /* what the label protects */

struct shmq_segment *segment;
struct shmq_shm_slot *own, *slot;
struct directory directory;
struct directory_key key;

void must(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, shmq_strerror(result));
	exit(2); /* NOLINT(concurrency-mt-unsafe) */
}

void write_plain(void)
{
	plain++;
}

void read_plain(void)
{
	volatile int seen = plain;

	(void)seen;
}

void nothing(void)
{
}

static _Atomic bool is_handed_over;

static void *second_thread(void *argument)
{
	const struct order *order = argument;

	while (!atomic_load_explicit(&is_handed_over, memory_order_relaxed))
		usleep(100);
	order->load_side();
	return NULL;
}

/* ThreadSanitizer goes by addresses, and the policy is mapped twice: let readers use the writable mapping, too. */
static void use_one_mapping(void)
{
	char *bytes = (char *)segment->private->writable;

	segment->policy = segment->private->writable;
	segment->buckets = (struct shm_u32 *)(void *)(bytes + segment->layout.buckets_at);
	segment->entries = (struct shmq_shm_entry *)(void *)(bytes + segment->layout.entries_at);
	for (int i = 0; i < 2; i++)
		segment->quotas[i] = (struct shmq_shm_quota *)(void *)(bytes + segment->layout.quotas_at[i]);
}

static void run(const struct order *order, const char *name)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	const struct shmq_shm_policy *readable;
	pthread_t thread;

	options.components = 8;
	options.threads = 4;
	options.reservations = 1;
	MUST(shmq_segment_create(&segment, name, &options));
	readable = segment->policy;
	use_one_mapping();
	MUST(worker_enter(segment, &own));
	worker_leave(own);
	slot = own == &segment->slots[0] ? &segment->slots[1] : &segment->slots[0];
	atomic_store_explicit(&is_handed_over, false, memory_order_relaxed);
	order->before();
	must(-pthread_create(&thread, NULL, second_thread, (void *)(uintptr_t)order), "pthread_create");
	order->store_side();
	atomic_store_explicit(&is_handed_over, true, memory_order_relaxed);
	must(-pthread_join(thread, NULL), "pthread_join");
	order->after();
	segment->policy = readable;
	shmq_segment_close(segment);
	MUST(shmq_segment_remove(name));
}

static bool is_wanted(const char *label, int count, char **labels)
{
	for (int i = 0; i < count; i++)
		if (strcmp(labels[i], label) == 0)
			return true;
	return count == 0;
}

static size_t run_all(const struct order *order, const char *name, int count, char **labels)
{
	size_t ran = 0;

	for (; order->label != NULL; order++) {
		if (!is_wanted(order->label, count, labels))
			continue;
		run(order, name);
		printf("%s\n", order->label);
		ran++;
	}
	return ran;
}

int main(int argc, char **argv)
{
	char name[NAME_SIZE];
	size_t ran = 0;

	name_segment(name, "orders");
	ran += run_all(orders_policy, name, argc - 1, argv + 1);
	ran += run_all(orders_handles, name, argc - 1, argv + 1);
	ran += run_all(orders_usage, name, argc - 1, argv + 1);
	return ran > 0 ? 0 : 2;
}
