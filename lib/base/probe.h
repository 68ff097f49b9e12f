/* SPDX-License-Identifier: MIT */
/*
 * Static probes for bpftrace, perf, SystemTap and gdb: a nop each, and a note in the library that says where it stands
 * and where its arguments are. Who traces a process puts a breakpoint there; to all others it is a nop.
 *
 * Without <sys/sdt.h> (systemtap-sdt-dev), or with SHMQUOTA_PROBES off, they are nothing at all. None stands where an
 * amount is admitted. tools/bpftrace/shmquota.bt.in says what each has to tell, and shows how it is used.
 */
#ifndef SHMQ_BASE_PROBE_H
#define SHMQ_BASE_PROBE_H

#ifdef SHMQUOTA_PROBES

#include <sys/sdt.h>

#ifdef __clang__
/* The macros of <sys/sdt.h> count their arguments by a variadic macro, where there may be none for the dots. */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#define PROBE2(name, a, b) STAP_PROBE2(shmquota, name, a, b)
#define PROBE3(name, a, b, c) STAP_PROBE3(shmquota, name, a, b, c)
#define PROBE4(name, a, b, c, d) STAP_PROBE4(shmquota, name, a, b, c, d)
#define PROBE5(name, a, b, c, d, e) STAP_PROBE5(shmquota, name, a, b, c, d, e)

#else

#define PROBE2(name, a, b) ((void)sizeof(a), (void)sizeof(b))
#define PROBE3(name, a, b, c) ((void)sizeof(a), (void)sizeof(b), (void)sizeof(c))
#define PROBE4(name, a, b, c, d) ((void)sizeof(a), (void)sizeof(b), (void)sizeof(c), (void)sizeof(d))
#define PROBE5(name, a, b, c, d, e) (PROBE4(name, a, b, c, d), (void)sizeof(e))

#endif

#endif
