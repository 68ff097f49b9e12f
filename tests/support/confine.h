/* SPDX-License-Identifier: MIT */
/*
 * Taking one system call away from this process, by a seccomp filter: what a sandbox does to a host or to its workers.
 * It cannot be taken back and is inherited, so children do it. The filter knows no architecture but the one it runs on.
 */
#ifndef TESTS_SUPPORT_CONFINE_H
#define TESTS_SUPPORT_CONFINE_H

/* From here on the system call fails with EPERM. Returns 0, or -1. */
int confine_refuse(int number);

/* From here on the system call ends the process by SIGSYS. Returns 0, or -1. */
int confine_kill(int number);

#endif
