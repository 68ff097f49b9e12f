/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target is: two functions by the names that libFuzzer calls, and its own seeds. Built without libFuzzer, a
 * target is a plain program that replays seeds and files (replay.c); the inputs mean the same in both.
 *
 * A target that finds a fault says what it is and aborts. The input is then in a file that libFuzzer wrote.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Prepare what all inputs share: once per process, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Try one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Call `take` with each input that the target knows to be interesting, named so that a file can be called so. */
typedef void fuzz_take(void *context, const char *name, const uint8_t *data, size_t size);
void fuzz_each_seed(fuzz_take *take, void *context);

/* Print what is wrong and abort. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
