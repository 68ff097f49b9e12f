/* SPDX-License-Identifier: MIT */
/*
 * Huge pages for an object on a tmpfs, as far as the system has them. With small pages, whoever reads at random in a
 * gigabyte misses the TLB each time.
 *
 * The mount decides. With huge=never, the default of /dev/shm, there are none, whatever a program asks for; with
 * huge=advise who asks gets them, with huge=within_size and huge=always everybody does. Kernels without
 * CONFIG_TRANSPARENT_HUGEPAGE have none. shmem_enabled is about other shared memory, but its value "deny" forbids all.
 */
#ifndef SHMQ_SHM_HUGE_H
#define SHMQ_SHM_HUGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Fill a new file of `size` bytes with huge pages, where there are any to be had; what is missing is left to the caller.
 * Returns how many of its bytes lie in them.
 */
uint64_t huge_fill(int fd, size_t size);

/* Ask for huge pages in a mapping. Where that is refused, small ones do. */
void huge_advise(void *map, size_t size);

#endif
