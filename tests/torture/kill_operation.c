/* SPDX-License-Identifier: MIT */
/*
 * A victim: it gets ready at full speed, then is stepped through its operation.
 */
#include "kill_operation.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "kill_trace.h"

const struct operation_of_victim *operation_find(const char *name)
{
	for (const struct operation_of_victim *operation = operations; operation->name != NULL; operation++)
		if (strcmp(operation->name, name) == 0)
			return operation;
	return NULL;
}

struct performance {
	const struct operation_of_victim *operation;
	struct victim victim;
	int *result;
};

static int perform(struct performance *performance)
{
	if (performance->operation->get_ready(&performance->victim) != 0)
		return 1;
	trace_begin_here();
	*performance->result = performance->operation->operate(&performance->victim);
	if (!performance->operation->ends_thread)
		trace_end_here();
	return 0;
}

static void *perform_in_thread(void *context)
{
	if (perform(context) != 0)
		_exit(1);
	return NULL;
}

int operation_run(const struct operation_of_victim *operation, const struct world *world, int *result)
{
	static struct performance performance;
	pthread_t thread;

	performance = (struct performance){operation, {world, world->segment, world->target, NULL, {0}}, result};
	if (!operation->ends_thread)
		return perform(&performance);
	if (pthread_create(&thread, NULL, perform_in_thread, &performance) != 0)
		return 1;
	for (;;)
		pause();
}
