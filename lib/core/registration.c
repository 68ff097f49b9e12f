/* SPDX-License-Identifier: MIT */
/*
 * Registering and unregistering single components, and under which quota: the caller's own, one that a manifest asked
 * for under the cap of the policy, or what the policy says of the name: by declaration, by pattern, or by default.
 */
#include "core/charge.h"
#include "core/directory_write.h"

#include "base/process.h"

#include <errno.h>
#include <string.h>

/* What a manifest asked for, as it lies in the rules area. */
struct shmq_shm_asked {
	struct shmq_shm_quota quota; /* its `grants` are the manifest's */
	uint32_t grants_bytes, reserved;
};

struct rules directory_rules(const struct directory *directory, uint32_t table)
{
	const struct shmq_segment *segment = directory->segment;
	char *bytes = (char *)segment_writable(segment);

	return (struct rules){(struct shmq_shm_rules *)(void *)(bytes + segment->layout.rules_at[table]),
	                      segment->layout.rules_bytes};
}

/* What a policy says of an entry's name, if it does not declare it. */
static void policy_for(const struct directory *directory, uint32_t table, uint32_t index, struct quota_rule *out)
{
	struct rules rules = directory_rules(directory, table);
	const struct shmq_shm_pattern *pattern;
	char name[SHMQ_NAME_MAX + 1];

	memcpy(name, directory->entries[index].name, sizeof(name));
	name[SHMQ_NAME_MAX] = '\0';
	pattern = rules_pattern_for(rules.area, rules.size, name);
	quota_load(out, pattern != NULL ? &pattern->quota
	                                : &directory->quotas[table][directory->segment->layout.components]);
	out->flags = QUOTA_PRESENT;
}

/* Append what was asked for to a table's rules. Returns its offset, or 0 where there is no room. */
static uint32_t append_asked(const struct rules *rules, const struct quota_rule *asked,
                             const struct directory_request *request)
{
	struct shmq_shm_asked record;
	struct quota_rule rule = *asked;

	rule.grants = request->grants_bytes == 0 ? 0 : rules_append(rules, request->grants, request->grants_bytes);
	if (rule.grants == 0 && request->grants_bytes > 0)
		return 0;
	memset(&record, 0, sizeof(record));
	quota_store(&record.quota, &rule);
	record.grants_bytes = request->grants_bytes;
	return rules_append(rules, &record, sizeof(record));
}

int directory_ask(const struct directory *directory, uint32_t table, const struct directory_request *request,
                  struct quota_rule *rule)
{
	struct rules rules = directory_rules(directory, table);
	struct quota_rule asked = {.quota = *request->quota};
	struct shmq_quota capped = asked.quota;

	quota_cap(&capped, &rule->quota);
	rule->quota = capped;
	rule->asked = append_asked(&rules, &asked, request);
	rule->flags |= QUOTA_ASKED;
	return rule->asked == 0 ? -ENOSPC : 0;
}

/* Carry what a manifest asked for over into another table's rules. */
static int carry_asked(const struct directory *directory, uint32_t table, uint32_t offset, struct quota_rule *rule)
{
	struct rules from = directory_rules(directory, directory->active);
	const struct shmq_shm_asked *record = rules_at(from.area, from.size, offset, sizeof(*record));
	struct directory_request request = {0};
	struct quota_rule asked;

	if (record == NULL)
		return 0; /* damaged: what the policy says holds */
	quota_load(&asked, &record->quota);
	request.quota = &asked.quota;
	if (record->grants_bytes > 0)
		request.grants = rules_at(from.area, from.size, asked.grants, record->grants_bytes);
	request.grants_bytes = request.grants == NULL ? 0 : record->grants_bytes;
	return directory_ask(directory, table, &request, rule);
}

void directory_policy_for(const struct directory *directory, uint32_t table, uint32_t index, struct quota_rule *out)
{
	const struct shmq_shm_quota *declared = &directory->quotas[table][index];

	if ((quota_flags(declared) & QUOTA_DECLARED) == 0) {
		policy_for(directory, table, index, out);
		return;
	}
	quota_load(out, declared);
	out->flags |= QUOTA_PRESENT;
}

int directory_carry(const struct directory *directory, uint32_t table, uint32_t index)
{
	struct quota_rule rule, current;
	int result = 0;

	directory_policy_for(directory, table, index, &rule);
	quota_load(&current, &directory->quotas[directory->active][index]);
	if ((current.flags & QUOTA_OWN) != 0 && (rule.flags & QUOTA_DECLARED) == 0) {
		rule.quota = current.quota;
		memset(rule.place, 0, sizeof(rule.place));
		rule.flags |= QUOTA_OWN;
	}
	if ((current.flags & QUOTA_ASKED) != 0)
		result = carry_asked(directory, table, current.asked, &rule);
	if (result == 0)
		quota_store(&directory->quotas[table][index], &rule);
	return result;
}

void directory_revive(struct directory *directory, uint32_t index)
{
	tracker_restart(directory->segment, index);
	directory_commit(directory, index);
}

/* Register under the policy's quota for a name that it reserves an entry for. */
static int register_reserved(struct directory *directory, uint32_t reserved, const char *name, size_t length)
{
	struct shmq_shm_quota *quota = &directory->quotas[directory->active][reserved];
	uint32_t index;

	if (entry_state(&directory->entries[reserved]) == ENTRY_FREE || directory_reclaim(directory, reserved)) {
		quota_copy(quota, quota, QUOTA_PRESENT | QUOTA_DECLARED);
		directory_revive(directory, reserved);
		return 0;
	}
	/* Unregistered a moment ago: its grace period must not keep us, another entry takes its place. */
	index = directory_allocate(directory);
	if (index == DIRECTORY_NONE)
		return -ENOSPC;
	/* The name first: killed in between, no entry must be reserved under the name of its former life. */
	directory_prepare(directory, index, name, length);
	quota_copy(&directory->quotas[directory->active][index], quota, QUOTA_PRESENT | QUOTA_DECLARED);
	directory_commit(directory, index);
	shm_store_relaxed(&quota->flags, 0); /* relaxed: nobody reads the quota of a DYING entry */
	directory_retire(directory, reserved);
	return 0;
}

/* The quota of a new entry, whose name stands. */
static void store_new_quota(struct directory *directory, uint32_t index, const struct shmq_quota *quota)
{
	struct quota_rule rule;

	policy_for(directory, directory->active, index, &rule);
	if (quota != NULL) {
		rule.quota = *quota;
		memset(rule.place, 0, sizeof(rule.place));
		rule.flags |= QUOTA_OWN;
	}
	quota_store(&directory->quotas[directory->active][index], &rule);
}

/*
 * Order: name and tracker, link, quota, commit. Killed before the commit, recovery finds a FREE entry in a chain and
 * retires it. A quota of the caller's leaves what the policy reserves as it is.
 */
static int register_locked(struct directory *directory, const char *name, size_t length, const struct shmq_quota *quota)
{
	uint32_t index = directory_lookup(directory, name, length);

	if (index != DIRECTORY_NONE && entry_state(&directory->entries[index]) == ENTRY_LIVE)
		return -EEXIST;
	if (index != DIRECTORY_NONE && quota == NULL)
		return register_reserved(directory, index, name, length);
	index = directory_allocate(directory);
	if (index == DIRECTORY_NONE)
		return -ENOSPC;
	directory_prepare(directory, index, name, length);
	store_new_quota(directory, index, quota);
	directory_commit(directory, index);
	return 0;
}

int directory_register(struct shmq_segment *segment, const char *name, size_t length, const struct shmq_quota *quota)
{
	struct directory directory;
	int result = directory_begin(&directory, segment);

	if (result < 0)
		return result;
	result = register_locked(&directory, name, length, quota);
	directory_end(&directory);
	return result;
}

int directory_unregister(struct shmq_segment *segment, const char *name, size_t length)
{
	struct directory directory;
	int result = directory_begin(&directory, segment);
	uint32_t index;

	if (result < 0)
		return result;
	index = directory_lookup(&directory, name, length);
	if (index == DIRECTORY_NONE || entry_state(&directory.entries[index]) != ENTRY_LIVE)
		result = -ENOENT;
	else if ((quota_flags(&directory.quotas[directory.active][index]) & QUOTA_GROUP) != 0)
		result = -EBUSY; /* its members would be free of its limits */
	else
		directory_retire(&directory, index);
	directory_end(&directory);
	return result;
}

int directory_housekeep(struct shmq_segment *segment)
{
	struct directory directory;
	int result;
	uint64_t holder = shm_load_relaxed(&segment->policy->control.lock); /* relaxed: the lock itself decides */

	if (holder != 0 ? !process_is_dead(holder) : shm_load32_relaxed(&segment->policy->control.retired) == 0)
		return 0; /* a live controller is at it, or there is nothing to do */
	result = directory_begin(&directory, segment);
	if (result < 0)
		return result;
	for (uint32_t i = 0; i < segment->layout.components; i++)
		if (entry_state(&directory.entries[i]) == ENTRY_DYING)
			directory_reclaim(&directory, i);
	directory_end(&directory);
	return 0;
}
