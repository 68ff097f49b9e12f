/* SPDX-License-Identifier: MIT */
/*
 * LMDB: one write transaction per count, on a file of a tmpfs, mapped writable and never synchronised: as quick as it
 * can be made. What is refused aborts its transaction.
 */
#include "limiter.h"

#include "../baseline.h"

#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MAP_BYTES (UINT64_C(1) << 30)
#define FLAGS (MDB_NOSUBDIR | MDB_WRITEMAP | MDB_NOSYNC | MDB_NOMETASYNC)

struct account {
	uint64_t start_ms, used;
};

static char path[256];

static int complain(const char *what, int result)
{
	fprintf(stderr, "LMDB: %s: %s\n", what, mdb_strerror(result));
	return -1;
}

static int start(const struct limiter_site *site)
{
	snprintf(path, sizeof(path), "%s/lmdb", site->scratch);
	return 0;
}

/* An environment is not to be carried over a fork, so each process opens its own when it first needs it. */
static MDB_env *environment(MDB_dbi *database)
{
	static MDB_env *env;
	static MDB_dbi dbi;
	static pid_t owner;
	MDB_txn *transaction;
	int result;

	*database = dbi;
	if (owner == getpid())
		return env;
	result = mdb_env_create(&env);
	if (result == 0)
		result = mdb_env_set_mapsize(env, MAP_BYTES);
	if (result == 0)
		result = mdb_env_open(env, path, FLAGS, 0600);
	if (result == 0)
		result = mdb_txn_begin(env, NULL, 0, &transaction);
	if (result == 0)
		result = mdb_dbi_open(transaction, NULL, 0, &dbi);
	if (result == 0)
		result = mdb_txn_commit(transaction);
	if (result != 0) {
		complain("cannot open the database", result);
		return NULL;
	}
	owner = getpid();
	*database = dbi;
	return env;
}

/* Returns whether it is taken: what is refused need not be written. */
static bool count_one(struct account *account, const struct key_class *class, uint64_t now_ms)
{
	if (now_ms >= account->start_ms + class->window_ms) {
		account->start_ms = now_ms - now_ms % class->window_ms;
		account->used = 0;
	}
	if (account->used >= class->limit)
		return false;
	account->used++;
	return true;
}

static int take(MDB_env *env, MDB_dbi dbi, const struct key_class *class, const char *name)
{
	MDB_val key = {strlen(name), (void *)(uintptr_t)name}, value;
	struct account account = {0, 0};
	uint64_t now_ms = baseline_now_ms(CLOCK_MONOTONIC_COARSE);
	MDB_txn *transaction;
	int result = mdb_txn_begin(env, NULL, 0, &transaction);

	if (result != 0)
		return complain("cannot begin a transaction", result);
	result = mdb_get(transaction, dbi, &key, &value);
	if (result == 0)
		memcpy(&account, value.mv_data, sizeof(account));
	if ((result == 0 || result == MDB_NOTFOUND) && !count_one(&account, class, now_ms)) {
		mdb_txn_abort(transaction);
		return 0;
	}
	value = (MDB_val){sizeof(account), &account};
	result = mdb_put(transaction, dbi, &key, &value, 0);
	if (result != 0) {
		mdb_txn_abort(transaction);
		return complain("cannot write", result);
	}
	result = mdb_txn_commit(transaction);
	return result == 0 ? 1 : complain("cannot commit", result);
}

static int64_t run(enum key_kind kind, struct walk *walk, uint64_t count)
{
	const struct key_class *class = &key_classes[kind];
	int64_t admitted = 0;
	MDB_dbi dbi;
	MDB_env *env = environment(&dbi);

	for (uint64_t i = 0; i < count; i++) {
		int taken = env == NULL ? -1 : take(env, dbi, class, walk_next(walk)->name);

		if (taken < 0)
			return -1;
		admitted += taken;
	}
	return admitted;
}

const struct limiter limiter_lmdb = {
    .key = "lmdb",
    .name = "LMDB, a transaction",
    .windows = WINDOWS_ALIGNED,
    .start = start,
    .run = run,
};
