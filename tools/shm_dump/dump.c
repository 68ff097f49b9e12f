/* SPDX-License-Identifier: MIT */
/*
 * What all views of a dump need: the walk over the components and how close to a limit is too close.
 */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum alarm alarm_of(const struct shmq_resource_status *status)
{
	if (status->limit == SHMQ_UNLIMITED)
		return ALARM_NONE;
	/* The same two thresholds as shmq_is_warning() and shmq_is_critical(). */
	if (status->percentage >= 95)
		return ALARM_CRITICAL;
	return status->percentage >= 80 ? ALARM_WARNING : ALARM_NONE;
}

const char *alarm_name(enum alarm alarm)
{
	static const char *const names[] = {"ok", "warning", "critical"};

	return names[alarm];
}

struct shmq_component *dump_next(const struct dump *dump, uint32_t *cursor)
{
	struct shmq_component *component;

	while (*cursor < (dump->wanted_count ? dump->wanted_count : dump->info.components)) {
		uint32_t at = (*cursor)++;
		int result = dump->wanted_count ? shmq_component_find(&component, dump->segment, dump->wanted[at])
		                                : shmq_component_at(&component, dump->segment, at);

		if (result == 0)
			return component;
	}
	return NULL;
}

bool dump_read(struct shmq_component *component, struct shmq_status *status, struct shmq_quota *quota)
{
	quota->size = sizeof(*quota);
	return shmq_component_quota(component, quota) == 0 && shmq_status(component, status) == 0;
}

char *thread_command(char out[TEXT_PRINTABLE_MAX], uint32_t tid)
{
	char path[64], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", tid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(line, sizeof(line), file))
			line[strcspn(line, "\n")] = '\0';
		fclose(file);
	}
	return text_printable(out, TEXT_PRINTABLE_MAX, line);
}
