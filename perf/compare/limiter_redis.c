/* SPDX-License-Identifier: MIT */
/*
 * Redis over a unix socket, by hiredis, in the two ways that its manual describes: INCR, with an expiry set by whoever
 * counted the first one; and a script that does both in one step.
 *
 * The former has a hole that does not show here: who dies between its two requests leaves a key that never expires.
 */
#include "limiter.h"

#include "server.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* KEYS[1]: the key. ARGV: the limit, the window in milliseconds. */
static const char script[] = "local used = redis.call('INCR', KEYS[1])\n"
			     "if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end\n"
			     "if used > tonumber(ARGV[1]) then return 0 end\n"
			     "return 1\n";

static char path[256];

static int start(const struct limiter_site *site)
{
	static bool is_started;
	static const char *const arguments[] = {
	    "redis-server", "--port", "0", "--unixsocket", "redis.socket", "--save", "", "--appendonly", "no", NULL};
	const struct server server = {"redis-server", arguments, NULL};
	int fd;

	if (is_started)
		return 0;
	snprintf(path, sizeof(path), "%s/redis.socket", site->scratch);
	if (server_start(&server, site) < 0)
		return -1;
	fd = server_connect(&server, site, path);
	if (fd < 0)
		return -1;
	close(fd);
	is_started = true;
	return 0;
}

/* Each process has a connection of its own. */
static redisContext *connection(void)
{
	static redisContext *context;
	static pid_t owner;

	if (owner == getpid())
		return context;
	context = redisConnectUnix(path);
	if (context == NULL || context->err != 0) {
		fprintf(stderr, "Redis: cannot connect: %s\n", context == NULL ? "no memory" : context->errstr);
		return NULL;
	}
	owner = getpid();
	return context;
}

/* Returns the number in an answer and frees it, or -1 with a message. */
static long long number(const redisContext *context, void *answer)
{
	redisReply *reply = answer;
	long long value = -1;

	if (reply == NULL)
		fprintf(stderr, "Redis: %s\n", context->errstr);
	else if (reply->type != REDIS_REPLY_INTEGER)
		fprintf(stderr, "Redis: %s\n", reply->str == NULL ? "an answer that is no number" : reply->str);
	else
		value = reply->integer;
	if (reply != NULL)
		freeReplyObject(reply);
	return value;
}

/* ---- INCR -------------------------------------------------------------------------------------------------------- */

static int take(redisContext *context, const struct key_class *class, const char *key)
{
	long long used = number(context, redisCommand(context, "INCR incr:%s", key));

	if (used < 0)
		return -1;
	if (used == 1 && number(context, redisCommand(context, "PEXPIRE incr:%s %llu", key,
	                                              (unsigned long long)class->window_ms)) < 0)
		return -1;
	return (uint64_t)used <= class->limit;
}

static int64_t run(enum key_kind kind, struct walk *walk, uint64_t count)
{
	redisContext *context = connection();
	int64_t admitted = 0;

	for (uint64_t i = 0; i < count; i++) {
		int taken = context == NULL ? -1 : take(context, &key_classes[kind], walk_next(walk)->name);

		if (taken < 0)
			return -1;
		admitted += taken;
	}
	return admitted;
}

/* ---- A script ---------------------------------------------------------------------------------------------------- */

/* Returns the name that the server gives to the script, or NULL with a message. */
static const char *load_script(redisContext *context)
{
	static char sha[41];
	redisReply *reply;

	if (sha[0] != '\0')
		return sha;
	reply = redisCommand(context, "SCRIPT LOAD %s", script);
	if (reply == NULL || reply->type != REDIS_REPLY_STRING || reply->len >= sizeof(sha))
		fprintf(stderr, "Redis: cannot load the script\n");
	else
		memcpy(sha, reply->str, reply->len + 1);
	if (reply != NULL)
		freeReplyObject(reply);
	return sha[0] == '\0' ? NULL : sha;
}

static int64_t run_script(enum key_kind kind, struct walk *walk, uint64_t count)
{
	const struct key_class *class = &key_classes[kind];
	redisContext *context = connection();
	const char *sha = context == NULL ? NULL : load_script(context);
	int64_t admitted = 0;

	for (uint64_t i = 0; i < count; i++) {
		long long taken =
		    sha == NULL ? -1
				: number(context, redisCommand(context, "EVALSHA %s 1 script:%s %llu %llu", sha,
		                                               walk_next(walk)->name, (unsigned long long)class->limit,
		                                               (unsigned long long)class->window_ms));

		if (taken < 0)
			return -1;
		admitted += taken;
	}
	return admitted;
}

const struct limiter limiter_redis = {
    .key = "redis_incr",
    .name = "Redis, INCR",
    .place = LIMITER_SERVER,
    .windows = WINDOWS_EXPIRING,
    .start = start,
    .run = run,
};

const struct limiter limiter_redis_script = {
    .key = "redis_script",
    .name = "Redis, a Lua script",
    .place = LIMITER_SERVER,
    .windows = WINDOWS_EXPIRING,
    .start = start,
    .run = run_script,
};
