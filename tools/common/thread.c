/* SPDX-License-Identifier: MIT */
/*
 * Reading /proc/TID/stat: "TID (COMMAND) STATE ...", where the command may itself contain parentheses and spaces.
 */
#include "thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct thread_look thread_look(const struct shmq_worker *worker)
{
	struct thread_look look = {.state = 0};
	char path[64], line[256] = "";
	char *begin, *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", worker->tid);
	file = worker->alive ? fopen(path, "re") : NULL;
	if (!file)
		return look;
	line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
	fclose(file);
	begin = strchr(line, '(');
	end = strrchr(line, ')');
	if (!begin || !end || end < begin || end[1] != ' ')
		return look;
	look.state = end[2];
	*end = '\0';
	text_printable(look.command, sizeof(look.command), begin + 1);
	return look;
}

const char *thread_state_name(const struct shmq_worker *worker, const struct thread_look *look)
{
	if (!worker->alive)
		return "dead";
	switch (look->state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "sleeping";
	case 'D':
		return "waiting"; /* for a disk, mostly; not to be interrupted */
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie"; /* of a process whose other threads go on */
	default:
		return "hidden";
	}
}
