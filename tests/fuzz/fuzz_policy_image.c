/* SPDX-License-Identifier: MIT */
/*
 * Damaged policy objects: directory, names, quotas, epoch, controller lock. Only controllers can write them, so this is
 * about a file that went bad and about a controller that is not what it should be.
 */
#include "image.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	image_prepare(0);
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
