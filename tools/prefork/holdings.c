/* SPDX-License-Identifier: MIT */
/*
 * A list under one lock; blocks are few and large. What a worker that is killed held stays counted until the component
 * is reset: the process is gone before it can give anything back.
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

static bool block_is_of(const struct block *block, const char *component)
{
	return component == NULL || strcmp(shmq_component_name(block->component), component) == 0;
}

int holdings_grow(struct holdings *holdings, struct shmq_component *c, uint64_t bytes, uint64_t *held,
                  struct shmq_verdict *verdict)
{
	struct block *block;
	int result = meter_try_consume(c, SHMQ_MEMORY, bytes, verdict);

	if (!meter_admits(result))
		return result;
	block = allocate(bytes);
	if (block == NULL) {
		meter_release(c, SHMQ_MEMORY, bytes);
		return -ENOMEM;
	}
	block->component = c;
	*held = 0;
	pthread_mutex_lock(&holdings->lock);
	block->next = holdings->first;
	holdings->first = block;
	for (; block != NULL; block = block->next)
		*held += block_is_of(block, shmq_component_name(c)) ? block->bytes : 0;
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

		if (!block_is_of(block, component)) {
			link = &block->next;
			continue;
		}
		*link = block->next;
		munmap(block->memory, block->bytes);
		meter_release(block->component, SHMQ_MEMORY, block->bytes);
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
