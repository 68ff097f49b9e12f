/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic wider than 64 bits, for products of amounts and times. gcc and clang have it on every 64-bit platform;
 * -Wpedantic asks for the word `__extension__`, once, here.
 */
#ifndef SHMQ_BASE_WIDE_H
#define SHMQ_BASE_WIDE_H

__extension__ typedef unsigned __int128 uint128;

#endif
