/* SPDX-License-Identifier: MIT */
/*
 * Damaged usage objects: trackers, thread slots, ledgers. Any worker can write them, so this is what a hostile worker can
 * do to the others.
 */
#include "image.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	image_prepare(1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	image_try(data, size);
	return 0;
}

void fuzz_each_seed(fuzz_take *take, void *context)
{
	image_each_seed(take, context);
}
