/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: what a check may cost, and what it makes of a set that is damaged.
 *
 * Patterns and targets are chosen to be dear to those who match by trying again; damage is every bit, every length, and
 * bytes at random.
 */
#include "capability_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "../support/process.h"

TestSuite(capability_bounds, .fini = drop_set, .timeout = 60);

/* ---- Time and system calls --------------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
#define SLOWER 16
#else
#define SLOWER 2
#endif
#define LIMIT_NS (SLOWER * 1000000L)

static long cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* The best of some tries: what is slow every time is a loop, not the machine. */
static void expect_quick_refusal(const char *what, const char *target)
{
	long best = LIMIT_NS + 1;

	finish_set();
	for (int i = 0; i < 20 && best > LIMIT_NS; i++) {
		long began = cpu_ns();
		int result = check(READ, target);

		best = cpu_ns() - began < best ? cpu_ns() - began : best;
		cr_assert_eq(result, SHMQ_FORBIDDEN, "%s gives %d", what, result);
	}
	cr_expect_leq(best, LIMIT_NS, "%s takes %ld ns", what, best);
	drop_set();
}

/* The same piece so often that the text has `length` bytes. */
static char *repeat(const char *piece, size_t length)
{
	static char out[TARGET_MAX + 2];

	for (size_t i = 0; i < length; i++)
		out[i] = piece[i % strlen(piece)];
	out[length] = '\0';
	return out;
}

static void grant_repeated(const char *piece, unsigned times, const char *end)
{
	char pattern[CAPABILITY_PATTERN_MAX + 1] = "/";

	for (unsigned i = 0; i < times; i++)
		strcat(pattern, piece);
	strcat(pattern, end);
	grant(READ, pattern);
}

Test(capability_bounds, of_the_longest_target_end_in_no_time)
{
	char *part = strdup(repeat("a", TARGET_MAX)), *parts = strdup(repeat("/a", TARGET_MAX));

	part[0] = '/';
	grant_repeated("*a", 50, "b");
	expect_quick_refusal("50 stars in one part", part);
	grant_repeated("*aaaaaaaaaaaaaaa", 50, "b*");
	expect_quick_refusal("50 stars and long pieces", part);
	grant_repeated("**/a/", 50, "b");
	expect_quick_refusal("50 double stars", parts);
	grant_repeated("*a*/", 50, "b");
	expect_quick_refusal("50 parts of two stars", parts);
	grant_repeated("**/*a*/", 500, "b");
	expect_quick_refusal("500 double stars, each with two stars behind it", parts);
	grant_repeated("a/", 1500, "**/b");
	expect_quick_refusal("a long way to a double star", parts);
	for (unsigned i = 0; i < 50; i++)
		grant_repeated("**/", 1, repeat("a", 4000));
	expect_quick_refusal("double stars and long parts", parts);
	for (unsigned i = 0; i < CAPABILITY_GRANTS_MAX; i++)
		grant(READ, "/*b*c");
	expect_quick_refusal("4096 patterns for one long part", part);
	free(part);
	free(parts);
}

Test(capability_bounds, of_a_set_that_is_all_double_stars_end_in_no_time)
{
	char pattern[64], *parts = strdup(repeat("/a", TARGET_MAX));

	for (unsigned i = 0; i < CAPABILITY_GRANTS_MAX; i++) {
		snprintf(pattern, sizeof(pattern), "/**/*a*/**/a/**/%u", i);
		grant(READ, pattern);
	}
	expect_quick_refusal("4096 patterns of three double stars", parts);
	for (unsigned i = 0; i < CAPABILITY_GRANTS_MAX / 16; i++)
		grant_repeated("a/", 2000, "*b");
	expect_quick_refusal("256 patterns that differ at their end", parts);
	free(parts);
}

static void expect_too_dear(const char *target)
{
	grant(READ, "/**");
	finish_set();
	cr_expect_eq(check(READ, target), SHMQ_FORBIDDEN);
	cr_expect_eq(check(READ, "/srv/tenant/data"), SHMQ_OK, "an ordinary target is not too dear");
	drop_set();
}

Test(capability_bounds, end_a_check_before_it_comes_to_what_would_grant_it)
{
	char *parts = strdup(repeat("/a", TARGET_MAX));

	set_path("/**");
	cr_assert_eq(check(READ, parts), SHMQ_OK);
	drop_set();
	for (unsigned i = 0; i < 1000; i++)
		grant(READ, "/**/*a*/**/b");
	expect_too_dear(parts);
	for (unsigned i = 0; i < 1000; i++)
		grant("network.connect", "**.*a*.**.b:80");
	grant("network.connect", "**:80");
	finish_set();
	cr_expect_eq(check("network.connect", repeat("a.", 250)), SHMQ_FORBIDDEN, "a port is missing");
	cr_expect_eq(check("network.connect", strcat(repeat("a.", 249), ":80")), SHMQ_FORBIDDEN);
	cr_expect_eq(check("network.connect", "www.example.org:80"), SHMQ_OK);
	drop_set();
	for (unsigned i = 0; i < 1000; i++)
		grant_repeated("a/", 2000, "b");
	expect_too_dear(parts);
	free(parts);
}

static int check_confined(unsigned index, void *context)
{
	static const char *const targets[] = {"/app/data/x", "/app/./data//x", "/app/data/ü", "/app/x/../data/x"};

	(void)index;
	(void)context;
	CHILD_RESULT(check(READ, "/app/data/x"), SHMQ_OK);
	CHILD_RESULT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
	for (unsigned i = 0; i < 10000; i++) {
		bool is_right = capability_check(area, area_bytes, SET_OFFSET, READ, targets[i % 4], NULL) == SHMQ_OK &&
		                capability_check(area, area_bytes, SET_OFFSET, "network.connect",
		                                 "[::ffff:10.1.2.3]:80", NULL) == SHMQ_OK;

		if (!is_right)
			syscall(SYS_exit, 1);
	}
	syscall(SYS_exit, 0);
	return 2;
}

Test(capability_bounds, are_kept_without_a_system_call)
{
	grant(READ, "/app/*a*/*");
	grant("network.connect", "10.0.0.0/8:*");
	finish_set();
	cr_assert_eq(process_run(check_confined, NULL, 20000), 0);
}

/* ---- Damage ------------------------------------------------------------------------------------------------------ */

static void make_mixed_set(void)
{
	drop_set();
	grant(READ, "/app/data/*");
	grant(READ, "/**/x*y");
	grant("network.connect", "*.example.org:443");
	grant("network.connect", "10.0.0.0/8:*");
	grant("message.send", "orders.**");
	grant("message.send", "topic/*");
	finish_set();
}

/* Whatever the area holds: an answer, and none of them out of the ordinary. */
static void try_all(size_t bytes)
{
	static const char *const asked[][2] = {{READ, "/app/data/x"},
	                                       {READ, "/no"},
	                                       {"network.connect", "a.example.org:443"},
	                                       {"network.connect", "10.0.0.1:80"},
	                                       {"network.connect", "[::1]:80"},
	                                       {"message.send", "orders.x"},
	                                       {"message.send", "none"}};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		int result = capability_check(area, bytes, SET_OFFSET, asked[i][0], asked[i][1], NULL);

		cr_assert(result == SHMQ_OK || result == SHMQ_FORBIDDEN || result == -EBADMSG, "%d", result);
	}
}

Test(capability_bounds, of_a_set_that_is_cut_off_are_damage)
{
	make_mixed_set();
	for (size_t bytes = 0; bytes < area_bytes; bytes++) {
		/* A copy that ends there, so that the sanitizer sees who reads on. */
		unsigned char *whole = area;

		area = malloc(bytes + 1);
		memcpy(area, whole, bytes);
		cr_assert_eq(capability_check(area, bytes, SET_OFFSET, READ, "/app/data/x", NULL), -EBADMSG, "%zu",
		             bytes);
		free(area);
		area = whole;
	}
}

Test(capability_bounds, of_a_set_with_any_bit_wrong_still_have_an_answer)
{
	make_mixed_set();
	for (size_t bit = 0; bit < area_bytes * 8; bit++) {
		area[bit / 8] ^= (unsigned char)(1 << bit % 8);
		try_all(area_bytes);
		area[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

Test(capability_bounds, of_bytes_that_are_no_set_still_have_an_answer)
{
	make_mixed_set();
	for (unsigned i = 0; i < 200000; i++) {
		if (i % 16 == 0)
			make_mixed_set();
		for (unsigned k = 0; k <= i % 5; k++)
			area[draw((unsigned)area_bytes)] = (unsigned char)(draw(4) == 0 ? 0xff : draw(256));
		try_all(area_bytes);
	}
}

static void store(size_t at, uint32_t value)
{
	memcpy(area + SET_OFFSET + at, &value, sizeof(value));
}

static int check_at(uint32_t offset)
{
	return capability_check(area, area_bytes, offset, READ, "/abc/d", NULL);
}

Test(capability_bounds, of_a_set_that_is_not_where_it_should_be_are_damage)
{
	area_bytes = 64;
	area = calloc(1, area_bytes);
	for (uint32_t offset = 1; offset < 128; offset++)
		cr_assert_eq(check_at(offset), offset % 8 == 0 && offset <= 56 ? SHMQ_FORBIDDEN : -EBADMSG, "%u",
		             offset);
	cr_assert_eq(check_at(UINT32_MAX), -EBADMSG);
	cr_assert_eq(check_at(UINT32_MAX & ~7U), -EBADMSG);
	cr_assert_eq(capability_check(NULL, 0, SET_OFFSET, READ, "/abc/d", NULL), -EBADMSG);
}

Test(capability_bounds, of_a_set_that_does_not_add_up_are_damage)
{
	unsigned char *larger;
	uint32_t bytes;

	set_path("/abc/*");
	cr_assert_eq(check_at(SET_OFFSET), SHMQ_OK);
	bytes = (uint32_t)area_bytes - SET_OFFSET - (uint32_t)sizeof(struct shmq_shm_grants);
	store(0, CAPABILITY_GRANTS_MAX + 1);
	cr_assert_eq(check_at(SET_OFFSET), -EBADMSG);
	store(0, 2); /* a grant more than there are */
	cr_assert_eq(check(READ, "/no"), -EBADMSG);
	store(0, 0); /* none, and bytes left */
	cr_assert_eq(check(READ, "/no"), -EBADMSG);
	store(0, 1);
	store(4, bytes + 8); /* beyond the end */
	cr_assert_eq(check_at(SET_OFFSET), -EBADMSG);
	larger = realloc(area, area_bytes + 8);
	cr_assert_not_null(larger);
	area = larger;
	area_bytes += 8;
	store(4, bytes + 4); /* no multiple of 8 */
	cr_assert_eq(check_at(SET_OFFSET), -EBADMSG);
	store(4, bytes);
	cr_assert_eq(check_at(SET_OFFSET), SHMQ_OK);
}

/* Put other lengths and another kind into the first grant, and walk. */
static int next_of(unsigned permission, unsigned pattern, unsigned literal, unsigned kind, uint32_t prefix)
{
	uint64_t words[2] = {(uint64_t)permission << 48 | (uint64_t)pattern << 32 | (uint64_t)literal << 16 | kind,
	                     prefix};
	struct grant_walk walk;
	struct grant out;

	memcpy(area + SET_OFFSET + sizeof(struct shmq_shm_grants), words, sizeof(words));
	cr_assert_eq(capability_walk(&walk, area, area_bytes, SET_OFFSET), 0);
	return capability_next(&walk, &out);
}

Test(capability_bounds, of_a_grant_that_does_not_add_up_are_damage)
{
	const unsigned length = 80;

	grant_repeated("a", length, "");
	finish_set();
	cr_expect_eq(next_of(15, length, length, GRANT_PATH, 0), 1);
	cr_expect_eq(next_of(63, length - 48, 3, GRANT_DOTTED, 0), 1);
	cr_expect_eq(next_of(64, length - 49, 3, GRANT_DOTTED, 0), -EBADMSG);
	cr_expect_eq(next_of(0, length + 15, 3, GRANT_PATH, 0), -EBADMSG, "the first grant has no permission");
	cr_expect_eq(next_of(15, length, length + 1, GRANT_PATH, 0), -EBADMSG);
	cr_expect_eq(next_of(15, length + 8, 3, GRANT_PATH, 0), -EBADMSG);
	cr_expect_eq(next_of(15, 0xffff, 3, GRANT_PATH, 0), -EBADMSG);
	cr_expect_eq(next_of(15, length, 3, GRANT_KINDS, 0), -EBADMSG);
	cr_expect_eq(next_of(15, length, 3, 0xffff, 0), -EBADMSG);
	cr_expect_eq(next_of(15, length, 3, GRANT_ADDRESS, 0), -EBADMSG);
	cr_expect_eq(next_of(15, 15, 3, GRANT_ADDRESS, 0), -EBADMSG);
	cr_expect_eq(next_of(15, 16, 3, GRANT_ADDRESS, 128), 1);
	cr_expect_eq(next_of(15, 16, 3, GRANT_ADDRESS, 129), -EBADMSG);
}

Test(capability_bounds, of_a_grant_that_is_not_of_its_permission_are_damage)
{
	set_path("/abc/*");
	for (unsigned kind = 0; kind < GRANT_KINDS; kind++) {
		next_of(15, 5, 3, kind, 0);
		cr_expect_eq(check_at(SET_OFFSET), kind == GRANT_PATH ? SHMQ_OK : -EBADMSG, "kind %u", kind);
	}
}
