/* SPDX-License-Identifier: MIT */
/*
 * How a target says that it found a fault. libFuzzer and the replayer both take the abort from there.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *format, ...)
{
	va_list arguments;

	fputs("\nFAULT: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}
