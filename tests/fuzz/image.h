/* SPDX-License-Identifier: MIT */
/*
 * Inputs that are the bytes of one of a segment's two objects.
 *
 *     input = [flags] [amount: a power of two] [step: milliseconds, 16 bits] [image ...]
 *
 * The image lies over a valid one of a small segment, so a short input damages little. The rest of an input chooses
 * what happens: see the flags. Identities that no input could guess (boot, namespaces, the pair) are put right unless
 * the input says otherwise, and a living holder of the controller lock is replaced by a dead one: nobody would wait for
 * it to finish.
 */
#ifndef TESTS_FUZZ_IMAGE_H
#define TESTS_FUZZ_IMAGE_H

#include "fuzz.h"

enum {
	IMAGE_HEADER_AS_IS = 1, /* no identity is put right */
	IMAGE_LATE = 2,         /* the damage comes while the segment is open and things are held */
	IMAGE_LOCKED = 4,       /* a controller has died: who takes its lock has to recover */
	IMAGE_LARGE = 56        /* three bits, so it is rare: a segment of many components that repeat the input's */
};
#define IMAGE_HEAD 4

/* `which` is 0 for the policy, 1 for the usage object. */
void image_prepare(unsigned which);
void image_try(const uint8_t *data, size_t size);
void image_each_seed(fuzz_take *take, void *context);

#endif
