/* SPDX-License-Identifier: MIT */
/*
 * Names of segments that no other test and no real host uses: they carry the pid and the story.
 *
 * Everything a test may leave in shared memory has its pid in its name, so what a crashed test left is found and
 * removed by the next one, and a test can count what is there under its own name.
 */
#ifndef TESTS_SUPPORT_NAMES_H
#define TESTS_SUPPORT_NAMES_H

#define NAME_SIZE 160
#define NAME_SHM_DIRECTORY "/dev/shm"

/* "/shmq-test-PID-STORY": the first form of a segment's name. */
void name_segment(char out[NAME_SIZE], const char *story);

/* Make a directory on a tmpfs for names of the second form, "/dev/shm/shmq-test-PID-STORY.d". */
void name_directory(char out[NAME_SIZE], const char *story);

/* The path of one of a segment's two objects ("policy" or "usage"), for either form of name. */
void name_object(char out[NAME_SIZE], const char *segment, const char *object);

/* How many entries of a directory contain `part` in their name. -1 where it cannot be read. */
int name_count(const char *directory, const char *part);

/* How many entries of shared memory carry this process's pid: what a test would leave behind. */
int name_leftovers(void);

/* Remove everything of this process, and of tests that are dead. */
void name_sweep(void);

#endif
