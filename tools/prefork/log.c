/* SPDX-License-Identifier: MIT */
/*
 * Lines look like "2025-11-22 13:07:00.123 prefork[4711] worker 2: stopped". A line that does not fit is cut; logging
 * never fails its caller, and it does not rotate or filter: that is what the process that reads stderr is for.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024

static char own_role[32] = "master";

void log_set_role(const char *role)
{
	snprintf(own_role, sizeof(own_role), "%s", role);
}

/* stderr may be closed or full; there is no better place to say so. */
static void write_all(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t done = write(STDERR_FILENO, text, size);

		if (done <= 0)
			return;
		text += done;
		size -= (size_t)done;
	}
}

static size_t write_prefix(char *line, size_t size)
{
	struct timespec now;
	struct tm local;
	char clock[32];
	int length;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &local);
	length =
	    snprintf(line, size, "%s.%03ld prefork[%d] %s: ", clock, now.tv_nsec / 1000000, (int)getpid(), own_role);
	return length < 0 ? 0 : (size_t)length;
}

void log_event(const char *format, ...)
{
	char line[LINE_BYTES];
	size_t used = write_prefix(line, sizeof(line));
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line + used, sizeof(line) - used, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	used += (size_t)length;
	if (used > sizeof(line) - 1)
		used = sizeof(line) - 1;
	line[used++] = '\n';
	write_all(line, used);
}

void log_text(const char *text)
{
	write_all(text, strlen(text));
}
