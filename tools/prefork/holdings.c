/* SPDX-License-Identifier: MIT */
/*
 * A list under one lock; blocks are few and large. The library knows one share per process and component: what the
 * worker states is the sum of the component's blocks.
 */
#include "holdings.h"

#include "meter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct block {
	struct block *next;
	struct shmq_component *component; /* ours */
	void *memory;
	uint64_t bytes;
};

struct holdings {
	pthread_mutex_t lock;
	struct block *first;
};

struct holdings *holdings_create(void)
{
	struct holdings *holdings = calloc(1, sizeof(*holdings));

	if (holdings != NULL)
		pthread_mutex_init(&holdings->lock, NULL);
	return holdings;
}

static struct block *allocate(uint64_t bytes)
{
	struct block *block = calloc(1, sizeof(*block));

	if (block == NULL)
		return NULL;
	block->bytes = bytes;
	block->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (block->memory != MAP_FAILED)
		return block;
	free(block);
	return NULL;
}

/* A name that was registered again is another component, whose share begins anew. */
static uint64_t held_for(const struct holdings *holdings, const struct shmq_component *c)
{
	uint64_t held = 0;

	for (const struct block *block = holdings->first; block != NULL; block = block->next)
		held += block->component == c ? block->bytes : 0;
	return held;
}

/* Under the lock, while the memory is touched as well: the next statement must include it. */
static int grow(struct holdings *holdings, struct shmq_component *c, uint64_t bytes, uint64_t *held,
                struct shmq_verdict *verdict)
{
	uint64_t before = held_for(holdings, c);
	int result = meter_memory_set(c, before, before + bytes, verdict);
	struct block *block;

	if (!meter_admits(result))
		return result;
	block = allocate(bytes);
	if (block == NULL) {
		meter_memory_set(c, before + bytes, before, NULL);
		return -ENOMEM;
	}
	block->component = c;
	block->next = holdings->first;
	holdings->first = block;
	*held = before + bytes;
	return result;
}

int holdings_grow(struct holdings *holdings, struct shmq_component *c, uint64_t bytes, uint64_t *held,
                  struct shmq_verdict *verdict)
{
	int result;

	pthread_mutex_lock(&holdings->lock);
	result = grow(holdings, c, bytes, held, verdict);
	pthread_mutex_unlock(&holdings->lock);
	return result;
}

uint64_t holdings_drop(struct holdings *holdings, const char *component)
{
	struct block **link = &holdings->first;
	uint64_t dropped = 0;

	pthread_mutex_lock(&holdings->lock);
	while (*link != NULL) {
		struct block *block = *link;
		uint64_t held = held_for(holdings, block->component);

		if (component != NULL && strcmp(shmq_component_name(block->component), component) != 0) {
			link = &block->next;
			continue;
		}
		*link = block->next;
		munmap(block->memory, block->bytes);
		meter_memory_set(block->component, held, held - block->bytes, NULL);
		shmq_component_put(block->component);
		dropped += block->bytes;
		free(block);
	}
	pthread_mutex_unlock(&holdings->lock);
	return dropped;
}

void holdings_free(struct holdings *holdings)
{
	if (holdings == NULL)
		return;
	holdings_drop(holdings, NULL);
	pthread_mutex_destroy(&holdings->lock);
	free(holdings);
}
