/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: any text as patterns and a target, and any bytes as a set. The first byte chooses: 0, 1, 2 the class of
 * the target, which is the next line, and the lines after it are patterns; 3 a set.
 *
 * Whatever they are, a pattern is added or refused at a byte that it has, and what was added means the same when it is
 * shown and read again; a check ends in time with one of its answers; a path is granted in its normal form if it is
 * granted at all; and of several grants one suffices.
 */
#include "policy/grants.h"

#include "fuzz.h"
#include "guard.h"

#include <errno.h>
#include <shmquota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERNS_MAX 16
#define SET_OFFSET 8
#define ORDINARY 300 /* so long a target, and so long patterns, are never too dear */

static const char *const permissions[3] = {"filesystem.read", "network.connect", "message.send"};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* ---- Patterns and a target --------------------------------------------------------------------------------------- */

struct set {
	unsigned char *area; /* of exactly so many bytes */
	size_t bytes;
};

static struct set encode(const struct grants *grants)
{
	int bytes = grants_encode(grants, NULL, 0);
	struct set set = {malloc(SET_OFFSET + (size_t)bytes), SET_OFFSET + (size_t)bytes};

	if (set.area == NULL)
		abort();
	memset(set.area, 0, SET_OFFSET);
	if (grants_encode(grants, set.area + SET_OFFSET, (size_t)bytes) != bytes)
		fuzz_fail("a set is not as long as it was said to be");
	return set;
}

/* Show the one grant of a set and read what was shown: the same set has to come out. */
static void check_shown(const struct set *set, const char *permission)
{
	static char text[GRANTS_FORMAT_SIZE];
	struct grants again = GRANTS_EMPTY;
	struct grant_walk walk;
	struct grant grant;
	struct set other;
	int length;

	if (capability_walk(&walk, set->area, set->bytes, SET_OFFSET) != 0 || capability_next(&walk, &grant) != 1)
		fuzz_fail("a set cannot be read");
	length = grants_format(text, sizeof(text), &grant);
	if (length < 0 || (size_t)length >= sizeof(text) || grants_add(&again, permission, text, 0, NULL) != 0)
		fuzz_fail("'%s' is no pattern although it was shown as one", text);
	other = encode(&again);
	if (other.bytes != set->bytes || memcmp(other.area, set->area, set->bytes) != 0)
		fuzz_fail("'%s' is not the pattern that was shown so", text);
	free(other.area);
	grants_free(&again);
}

static void check_error(const struct grants_error *error, const char *pattern)
{
	if (error->is_permission || error->at > strlen(pattern) || error->text[0] == '\0' ||
	    strpbrk(error->text, "\n\r\033") != NULL)
		fuzz_fail("'%s' is refused at byte %zu: '%s'", pattern, error->at, error->text);
}

static int ask(const struct set *set, const char *permission, const char *target)
{
	int result = -1;

	GUARDED(result = capability_check(set->area, set->bytes, SET_OFFSET, permission, target, NULL));
	if (result != SHMQ_OK && result != SHMQ_FORBIDDEN)
		fuzz_fail("a sound set gives %d", result);
	return result;
}

/* Returns what this pattern alone answers, or -1 where it is none. */
static int try_pattern(struct grants *grants, const char *permission, const char *pattern, const char *target)
{
	struct grants_error error = {.text = ""};
	struct grants alone = GRANTS_EMPTY;
	int result = grants_add(grants, permission, pattern, 0, &error);
	struct set set;

	if (result == -EINVAL) {
		check_error(&error, pattern);
		return -1;
	}
	if (result != 0 || grants_add(&alone, permission, pattern, 0, NULL) != 0)
		fuzz_fail("'%s' gives %d", pattern, result);
	set = encode(&alone);
	check_shown(&set, permission);
	result = ask(&set, permission, target);
	free(set.area);
	grants_free(&alone);
	return result;
}

/* What is granted is granted in its normal form, too. */
static void check_normal(const struct set *set, const char *permission, const char *target)
{
	static struct target normal;
	static char text[TARGET_MAX + 2];

	if (target_read(&normal, TARGET_PATH, target) != 0)
		fuzz_fail("'%s' is granted and no path", target);
	snprintf(text, sizeof(text), "/%.*s", (int)normal.length, normal.text);
	if (ask(set, permission, text) != SHMQ_OK)
		fuzz_fail("'%s' is granted and '%s' is not", target, text);
}

static void try_text(const char *permission, char *text)
{
	const char *target = text;
	struct grants grants = GRANTS_EMPTY;
	bool is_granted = false, is_ordinary = true;
	struct set set;
	int result;

	text = strchr(text, '\n');
	for (unsigned i = 0; text != NULL && i < PATTERNS_MAX; i++) {
		char *pattern = text + 1;

		*text = '\0';
		text = strchr(pattern, '\n');
		if (text != NULL)
			*text = '\0';
		is_ordinary &= strlen(pattern) <= ORDINARY && strlen(target) <= ORDINARY;
		is_granted |= try_pattern(&grants, permission, pattern, target) == SHMQ_OK;
	}
	set = encode(&grants);
	result = ask(&set, permission, target);
	if (is_ordinary && (result == SHMQ_OK) != is_granted)
		fuzz_fail("'%s': the grants one by one answer otherwise than together", target);
	if (result == SHMQ_OK && permission == permissions[0])
		check_normal(&set, permission, target);
	free(set.area);
	grants_free(&grants);
}

/* ---- A set ------------------------------------------------------------------------------------------------------- */

/* Walk it as tools do: every grant that is read can be shown, in as little room as there is. */
static void show_all(const unsigned char *area, size_t bytes)
{
	static char text[GRANTS_FORMAT_SIZE];
	struct grant_walk walk;
	struct grant grant;

	if (capability_walk(&walk, area, bytes, SET_OFFSET) != 0)
		return;
	while (capability_next(&walk, &grant) == 1) {
		if (grants_format(text, sizeof(text), &grant) < 0 || grants_format(text, 3, &grant) < 0)
			fuzz_fail("a grant cannot be shown");
	}
}

static void try_set(const unsigned char *bytes, size_t size)
{
	static const char *const targets[3] = {"/app/data/a/b/c/aaaa", "a.example.org:443", "orders.a.b"};
	unsigned char *area = malloc(SET_OFFSET + size);
	int result = -1;

	if (area == NULL)
		abort();
	memset(area, 0, SET_OFFSET);
	memcpy(area + SET_OFFSET, bytes, size);
	for (unsigned i = 0; i < 3; i++) {
		GUARDED(result =
		            capability_check(area, SET_OFFSET + size, SET_OFFSET, permissions[i], targets[i], NULL));
		if (result != SHMQ_OK && result != SHMQ_FORBIDDEN && result != -EBADMSG)
			fuzz_fail("a set gives %d", result);
	}
	show_all(area, SET_OFFSET + size);
	free(area);
}

/* ---- Inputs ------------------------------------------------------------------------------------------------------ */

static void try_input(const uint8_t *data, size_t size)
{
	char *text;

	guard_reset(1000000000);
	if (size == 0)
		return;
	if ((data[0] & 3) == 3) {
		try_set(data + 1, size - 1);
		return;
	}
	/* Not strndup(): under ASan's strict string checks it wants a terminator in the input itself. */
	text = calloc(1, size);
	if (text == NULL)
		abort();
	memcpy(text, data + 1, size - 1);
	try_text(permissions[data[0] & 3], text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guard_run(try_input, data, size);
	return 0;
}

/* A sound set, for what damages it. */
static void take_set(fuzz_take *take, void *context)
{
	static const char *const patterns[][2] = {{"filesystem.read", "/app/data/**"},
	                                          {"filesystem.read", "/**/*a*/c"},
	                                          {"network.connect", "*.example.org:443"},
	                                          {"network.connect", "[2001:db8::/32]:*"},
	                                          {"message.send", "orders.**"},
	                                          {"message.send", "topic/*"}};
	struct grants grants = GRANTS_EMPTY;
	struct set set;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (grants_add(&grants, patterns[i][0], patterns[i][1], (uint32_t)i, NULL) != 0)
			fuzz_fail("'%s' is no pattern", patterns[i][1]);
	set = encode(&grants);
	set.area[SET_OFFSET - 1] = 3;
	take(context, "own-set", set.area + SET_OFFSET - 1, set.bytes - SET_OFFSET + 1);
	free(set.area);
	grants_free(&grants);
}

void fuzz_each_seed(fuzz_take *take, void *context)
{
	static const char *const seeds[] = {
	    "\x04",
	    "\x04/app/data/x\n/app/data/*\n/app/**\n/a*/*t*/x",
	    "\x04/app/./x/..//data/\xc3\xbc\n/**/\xc3\xbc\n/app/../x\n/a/\n/a**\n",
	    "\x01www.Example.org.:443\n*.example.org:443\n**:1-1000\n10.0.0.0/8:*",
	    "\x01[::ffff:10.1.2.3]:80\n10.0.0.0/8:80\n[2001:db8::/32]:*\n[::1]:80\n[::1/129]:0",
	    "\001127.1:80\n127.0.0.1:80\n*:*\n0x7f.1:80\n10.0.0.*:80\nhttps://a:80",
	    "\x02orders.created\norders.*\n*\n**\norders/**",
	    "\x02/api/v1/x.y\n/api/*/*.y\n**\n/**/x.y\na//b\n.\\",
	};

	for (unsigned i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "own-%u", i);
		take(context, name, (const uint8_t *)seeds[i], strlen(seeds[i]));
	}
	take_set(take, context);
}
