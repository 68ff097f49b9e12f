/* SPDX-License-Identifier: MIT */
/*
 * The table lies in the memory of each process for itself: a walk goes on where it was, sample after sample. Before its
 * first sample of a limiter a process visits every key once, which is not measured: handles are made, keys that expire
 * are created.
 */
#include "cases.h"

#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

unsigned limiter_process;

static pid_t first_process;
static struct limiter_case *chosen;

unsigned cases_key_sets(uint32_t out[KEY_SETS_MAX], uint32_t most)
{
	unsigned count = 0;

	out[count++] = 1;
	if (most >= 1000)
		out[count++] = 1000;
	if (most != 1 && most != 1000)
		out[count++] = most;
	return count;
}

static bool run_chosen(void *subject, uint64_t count)
{
	int64_t admitted = chosen->limiter->run(chosen->kind, &chosen->walk, count);

	(void)subject;
	return admitted == (chosen->kind == KIND_OPEN ? (int64_t)count : 0);
}

static void warm(const struct limiter_case *of)
{
	struct walk all = {keys_of(of->kind), key_classes[of->kind].count, 0};

	/* What a server keeps is warm for all its clients. */
	if (of->limiter->place == LIMITER_SERVER && limiter_process > 0)
		return;
	if (of->limiter->run(of->kind, &all, all.count) < 0)
		fprintf(stderr, "%s: cannot visit the keys\n", of->limiter->name);
}

void cases_choose(void *subject, const struct bench_case *bench_case)
{
	const struct case_table *table = subject;

	chosen = &table->details[bench_case - table->cases];
	if (chosen->has_begun)
		return;
	chosen->has_begun = true;
	limiter_process = getpid() == first_process ? 0 : 1;
	chosen->walk.position = limiter_process == 0 ? 0 : chosen->walk.count / 2;
	if (!*chosen->is_warm)
		warm(chosen);
	*chosen->is_warm = true;
}

void cases_correct(void *subject, const struct bench_case *bench_case, struct bench_cost *cost)
{
	(void)subject;
	(void)bench_case;
	if (chosen->limiter->place == LIMITER_PEER && peer_last_cost != NULL)
		*cost = *peer_last_cost;
	/* Who waits for a server sleeps; that the server then runs where its client did is no disturbance. */
	if (chosen->limiter->place == LIMITER_SERVER)
		cost->preemptions = 0;
}

static void add(struct case_table *table, const struct limiter *limiter, enum key_kind kind, uint32_t keys,
                bool *is_warm)
{
	table->cases[table->count] =
	    (struct bench_case){.key = limiter->key, .name = limiter->name, .run = run_chosen, .prepare = NULL};
	table->details[table->count] = (struct limiter_case){
	    .limiter = limiter, .kind = kind, .walk = {keys_of(kind), keys, 0}, .is_warm = is_warm};
	table->count++;
}

int cases_create(struct case_table *out, const struct limiter *const limiters[], size_t count, uint32_t most_keys)
{
	uint32_t sets[KEY_SETS_MAX];
	unsigned set_count = cases_key_sets(sets, most_keys);
	size_t most = count * set_count * 2;
	bool(*are_warm)[2] = calloc(count, sizeof(*are_warm));

	*out = (struct case_table){calloc(most, sizeof(*out->cases)), calloc(most, sizeof(*out->details)), 0};
	if (out->cases == NULL || out->details == NULL || are_warm == NULL) {
		fprintf(stderr, "not enough memory\n");
		free(are_warm);
		return -1;
	}
	first_process = getpid();
	for (unsigned set = 0; set < set_count; set++)
		for (int kind = KIND_OPEN; kind <= KIND_CLOSED; kind++)
			for (size_t i = 0; i < count; i++)
				add(out, limiters[i], (enum key_kind)kind, sets[set], &are_warm[i][kind]);
	return 0;
}
