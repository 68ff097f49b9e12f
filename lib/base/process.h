/* SPDX-License-Identifier: MIT */
/*
 * Who a thread is, across processes, and whether it is dead.
 *
 * A token is [tid:22 | start time:42]: a thread's id together with the clock tick it started in, so that a reused id is
 * somebody else. Dead means positive proof; whoever cannot be judged (no permission, no /proc) counts as alive, since a
 * false death would let two threads own one slot.
 *
 * The process lock serialises what is slow and private to the process: opening, closing, attaching, detaching. It
 * lies in memory that the kernel wipes in a forked child, so a child never inherits it held.
 */
#ifndef SHMQ_BASE_PROCESS_H
#define SHMQ_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESS_START_BITS 42

/* The calling thread's token, or 0 where /proc cannot be read. Makes system calls. */
uint64_t process_token(void);

/* True only with proof that the thread behind this token is gone, a zombie or exiting. Makes system calls. */
bool process_is_dead(uint64_t token);

/* The token of the calling process's first thread, which carries the process's id, or 0. Makes system calls. */
uint64_t process_leader_token(void);

/* As process_is_dead() for a leader's token, but a leader that ended before its other threads does not count. */
bool process_is_gone(uint64_t token);

static inline uint32_t process_tid(uint64_t token)
{
	return (uint32_t)(token >> PROCESS_START_BITS);
}

/* Where this process lives: tokens mean something only within one boot and one pair of namespaces. */
struct process_world {
	unsigned char boot_id[16];
	uint64_t pid_namespace;
	uint64_t time_namespace;
	bool is_seen; /* /proc shows the processes of this namespace; another's would show the living as dead */
};

/* Returns 0, -ENOSYS where there is no /proc, or another -errno where it cannot be read. Look at is_seen, too. */
int process_world(struct process_world *out);

/* Map `size` bytes of zeroes that become zeroes again in a forked child. Returns NULL without memory. */
void *process_private_map(size_t size);

/* Returns 0, or -ENOMEM where the lock's page could not be mapped. */
int process_lock(void);
void process_unlock(void);

/*
 * Let other processes fence this one's threads (membarrier), for good until exec(); children inherit it. True where the
 * kernel does. The first call of a process that has several threads takes some milliseconds.
 */
bool process_accept_fences(void);

/* Make every running thread of every process that accepts fences pass one. False where the kernel refuses. */
bool process_fence_others(void);

#endif
