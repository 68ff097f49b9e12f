/* SPDX-License-Identifier: MIT */
/*
 * Staging, switching and cleaning up. What is LIVE without being PRESENT in the active table is retired: after an abort
 * that is what was staged, after a commit what was dropped, and directory recovery applies the same rule.
 */
#include "core/publication.h"

#include "base/probe.h"
#include "core/carry.h"
#include "core/group.h"
#include "core/ledger.h"
#include "core/tracker.h"

#include <errno.h>
#include <string.h>

int publication_begin(struct publication *out, struct shmq_segment *segment)
{
	struct directory *directory = &out->directory;
	int result = directory_begin(directory, segment);

	if (result < 0)
		return result;
	out->staged = directory->quotas[1 - directory->active];
	out->rules = directory_rules(directory, 1 - directory->active);
	/* relaxed: ours under the lock */
	if (!rcu_wait(segment, shm_load_relaxed(&directory->control->table_cookie), PUBLICATION_PATIENCE_MS)) {
		directory_end(directory);
		return -EAGAIN;
	}
	for (uint32_t i = 0; i <= segment->layout.components; i++)
		shm_store_relaxed(&out->staged[i].flags, 0); /* relaxed: the switch releases the whole table */
	rules_clear(&out->rules);
	return 0;
}

int publication_add_file(struct publication *publication, const char *name)
{
	return rules_add_file(&publication->rules, name);
}

int publication_add_grants(struct publication *publication, const void *set, size_t bytes, uint32_t *offset)
{
	*offset = rules_append(&publication->rules, set, bytes);
	return *offset == 0 ? -ENOSPC : 0;
}

/* As the tables have it. Returns 0, or -ENOENT where its group is not declared. */
static int rule_of(const struct publication *publication, const struct publication_rule *rule, struct quota_rule *out)
{
	*out = (struct quota_rule){
	    .quota = rule->quota, .grants = rule->grants, .flags = rule->is_group ? QUOTA_GROUP : 0};
	memcpy(out->place, rule->place, sizeof(out->place));
	if (rule->group != NULL) {
		uint32_t index = directory_lookup(&publication->directory, rule->group, strlen(rule->group));

		if (index == DIRECTORY_NONE || (quota_flags(&publication->staged[index]) & QUOTA_GROUP) == 0)
			return -ENOENT;
		out->parent = index + 1;
	}
	return 0;
}

int publication_declare(struct publication *publication, const char *name, size_t length,
                        const struct publication_rule *rule)
{
	struct directory *directory = &publication->directory;
	uint32_t index = directory_lookup(directory, name, length);
	unsigned state = index == DIRECTORY_NONE ? ENTRY_DYING : entry_state(&directory->entries[index]);
	struct quota_rule staged;
	int result = rule_of(publication, rule, &staged);

	if (result < 0)
		return result;
	if (state == ENTRY_DYING) {
		index = directory_allocate(directory);
		if (index == DIRECTORY_NONE)
			return -ENOSPC;
		directory_prepare(directory, index, name, length);
		directory_commit(directory, index);
	} else if (state == ENTRY_FREE) {
		directory_revive(directory, index);
	}
	staged.flags |= QUOTA_PRESENT | QUOTA_DECLARED;
	quota_store(&publication->staged[index], &staged);
	return 0;
}

int publication_add_pattern(struct publication *publication, const char *glob, const struct publication_rule *rule)
{
	struct quota_rule staged;
	int result = rule_of(publication, rule, &staged);

	return result < 0 ? result : rules_add_pattern(&publication->rules, glob, &staged);
}

int publication_set_default(struct publication *publication, const struct publication_rule *rule)
{
	uint32_t components = publication->directory.segment->layout.components;
	struct quota_rule staged;
	int result = rule_of(publication, rule, &staged);

	staged.flags |= QUOTA_PRESENT;
	if (result == 0)
		quota_store(&publication->staged[components], &staged);
	return result;
}

/* ---- What programs registered ---- */

static bool exists(const struct directory *directory, uint32_t index)
{
	return entry_state(&directory->entries[index]) == ENTRY_LIVE &&
	       (quota_flags(&directory->quotas[directory->active][index]) & QUOTA_PRESENT) != 0;
}

/*
 * A component that the new policy does not declare stays if no policy declared it, under what holds for its name. What a
 * manifest asked for stays in any case.
 */
static int carry_over(struct publication *publication, uint32_t index)
{
	const struct directory *directory = &publication->directory;
	uint64_t flags = quota_flags(&directory->quotas[directory->active][index]);
	bool is_declared = (quota_flags(&publication->staged[index]) & QUOTA_PRESENT) != 0;

	if (!exists(directory, index) || (is_declared ? (flags & QUOTA_ASKED) == 0 : (flags & QUOTA_DECLARED) != 0))
		return 0;
	return directory_carry(directory, 1 - directory->active, index);
}

static int carry_all(struct publication *publication)
{
	int result = 0;

	for (uint32_t i = 0; i < publication->directory.segment->layout.components && result == 0; i++)
		result = carry_over(publication, i);
	return result;
}

/* ---- Changing groups ---- */

/*
 * What a component uses of levels counts against its group as well, so it cannot simply go to another one. It may while
 * it uses nothing: its levels are frozen, and when nobody can be in the middle of taking any more they must be empty. Of a
 * group that goes to another one those of all that count against it are frozen.
 */
static bool changes_group(const struct publication *publication, uint32_t index)
{
	const struct directory *directory = &publication->directory;
	const struct shmq_shm_quota *staged = &publication->staged[index];

	return exists(directory, index) && (quota_flags(staged) & QUOTA_PRESENT) != 0 &&
	       group_parent(&directory->quotas[directory->active][index]) != group_parent(staged);
}

static bool uses_levels(const struct directory *directory, uint32_t index)
{
	for (uint32_t i = 0; i < LAYOUT_LEVELS; i++) {
		struct level_place place = {directory->segment, index, i};

		if (level_read(level_at(&place)) > 0 || ledger_sum(&place) > 0)
			return true;
	}
	return false;
}

/* Returns how many there are, or -EBUSY where one of them uses levels. */
static int count_movers(const struct publication *publication)
{
	int movers = 0;

	for (uint32_t i = 0; i < publication->directory.segment->layout.components; i++) {
		if (!changes_group(publication, i))
			continue;
		if (uses_levels(&publication->directory, i))
			return -EBUSY;
		movers++;
	}
	return movers;
}

/* Who counts against a group that goes to another one goes along with it. */
static bool is_moved(const struct publication *publication, uint32_t index)
{
	const struct directory *directory = &publication->directory;
	struct group_chain chain;
	bool moves = false;

	group_chain_of(directory->segment, directory->quotas[directory->active], index, &chain);
	for (unsigned i = 0; i < chain.count && !moves; i++)
		moves = changes_group(publication, chain.component[i]);
	return moves;
}

static void set_frozen(const struct publication *publication, bool is_frozen)
{
	const struct directory *directory = &publication->directory;

	for (uint32_t i = 0; i < directory->segment->layout.components; i++) {
		struct shmq_shm_quota *active = &directory->quotas[directory->active][i];
		uint64_t flags = quota_flags(active) & ~(uint64_t)QUOTA_FROZEN;

		if (exists(directory, i) && is_moved(publication, i))
			shm_store_release(&active->flags, is_frozen ? flags | QUOTA_FROZEN : flags); /* (D3) */
	}
}

/* Returns 0 with all movers frozen and empty; otherwise nothing is frozen. */
static int freeze_movers(const struct publication *publication)
{
	struct shmq_segment *segment = publication->directory.segment;
	int result = count_movers(publication);

	if (result <= 0)
		return result;
	set_frozen(publication, true);
	result = rcu_wait(segment, rcu_cookie(segment), PUBLICATION_PATIENCE_MS) ? count_movers(publication) : -EAGAIN;
	if (result < 0)
		set_frozen(publication, false);
	return result < 0 ? result : 0;
}

/* ---- The switch ---- */

/* Retire what exists without a quota, and unlink what is no longer reserved. */
static void sweep(struct directory *directory, bool was_declared_before)
{
	const struct shmq_shm_quota *active = directory->quotas[directory->active];
	const struct shmq_shm_quota *before = directory->quotas[1 - directory->active];

	for (uint32_t i = 0; i < directory->segment->layout.components; i++) {
		unsigned state = entry_state(&directory->entries[i]);
		bool is_dropped = state == ENTRY_LIVE && (quota_flags(&active[i]) & QUOTA_PRESENT) == 0;
		bool is_unreserved = was_declared_before && state != ENTRY_LIVE &&
		                     (quota_flags(&before[i]) & ~quota_flags(&active[i]) & QUOTA_DECLARED) != 0;

		if (is_dropped || is_unreserved)
			directory_retire(directory, i);
	}
}

static void carry_usage(const struct directory *directory)
{
	const struct shmq_shm_quota *active = directory->quotas[directory->active];
	const struct shmq_shm_quota *before = directory->quotas[1 - directory->active];

	for (uint32_t i = 0; i < directory->segment->layout.components; i++)
		if (entry_state(&directory->entries[i]) == ENTRY_LIVE)
			carry_component(directory->segment, i, &before[i], &active[i]);
}

/* Change groups, switch, and end; everything is staged. Returns as publication_commit(). */
static int publication_switch(struct publication *publication)
{
	struct directory *directory = &publication->directory;
	struct shm_u64 *generation = &directory->control->generation;
	int result = freeze_movers(publication);

	if (result < 0) {
		publication_abort(publication);
		return result;
	}
	rules_seal(&publication->rules, shm_load_relaxed(generation) + 1); /* relaxed: ours */
	/*
	 * (D1) release: the whole staged table and all staged entries before the generation that names them.
	 * Pairs with directory_quotas(). Without it a worker could judge by a half-filled table.
	 */
	shm_store_release(generation, shm_load_relaxed(generation) + 1);
	directory->active = 1 - directory->active;
	/* relaxed: ours. Killed before this, recovery takes a new cookie. */
	shm_store_relaxed(&directory->control->table_cookie, rcu_cookie(directory->segment));
	sweep(directory, true);
	carry_usage(directory);
	PROBE2(publish, directory->segment->name, shm_load_relaxed(generation)); /* relaxed: ours */
	directory_end(directory);
	return 0;
}

int publication_commit(struct publication *publication)
{
	int result = carry_all(publication);

	if (result < 0) {
		publication_abort(publication);
		return result;
	}
	return publication_switch(publication);
}

void publication_abort(struct publication *publication)
{
	sweep(&publication->directory, false);
	directory_end(&publication->directory);
}

/* ---- One component ---- */

/* Begin with the policy in force. */
static int begin_copy(struct publication *publication, struct shmq_segment *segment)
{
	const struct directory *directory = &publication->directory;
	int result = publication_begin(publication, segment);

	if (result < 0)
		return result;
	for (uint32_t i = 0; i <= segment->layout.components; i++) {
		const struct shmq_shm_quota *quota = &directory->quotas[directory->active][i];

		quota_copy(&publication->staged[i], quota, quota_flags(quota));
	}
	memcpy(publication->rules.area, directory_rules(directory, directory->active).area, publication->rules.size);
	return 0;
}

static int give_up(struct publication *publication, int result)
{
	publication_abort(publication);
	return result;
}

int publication_change(struct shmq_segment *segment, const char *name, size_t length, const struct shmq_quota *quota)
{
	struct publication publication;
	struct quota_rule rule;
	uint32_t index;
	int result = begin_copy(&publication, segment);

	if (result < 0)
		return result;
	index = directory_lookup(&publication.directory, name, length);
	if (index == DIRECTORY_NONE || !exists(&publication.directory, index))
		return give_up(&publication, -ENOENT);
	quota_load(&rule, &publication.staged[index]);
	rule.flags &= ~((uint64_t)QUOTA_INHERIT_MASK << QUOTA_INHERIT_AT | QUOTA_ASKED);
	rule.flags |= (rule.flags & QUOTA_DECLARED) != 0 ? 0 : QUOTA_OWN;
	rule.quota = *quota;
	rule.asked = 0;
	memset(rule.place, 0, sizeof(rule.place));
	quota_store(&publication.staged[index], &rule);
	return publication_switch(&publication);
}

/* Find or make the entry that a manifest is for. Returns DIRECTORY_NONE where the directory is full. */
static uint32_t entry_for(struct publication *publication, const char *name, size_t length)
{
	struct directory *directory = &publication->directory;
	uint32_t index = directory_lookup(directory, name, length);
	unsigned state = index == DIRECTORY_NONE ? ENTRY_DYING : entry_state(&directory->entries[index]);

	if (state == ENTRY_FREE) {
		directory_revive(directory, index);
	} else if (state == ENTRY_DYING) {
		uint32_t reserved = index;

		index = directory_allocate(directory);
		if (index == DIRECTORY_NONE)
			return index;
		directory_prepare(directory, index, name, length);
		if (reserved != DIRECTORY_NONE) /* unregistered a moment ago: another entry takes its place */
			quota_copy(&publication->staged[index], &publication->staged[reserved],
			           quota_flags(&publication->staged[reserved]));
		if (reserved != DIRECTORY_NONE)
			shm_store_relaxed(&publication->staged[reserved].flags, 0); /* relaxed: staged */
		directory_commit(directory, index);
	}
	return index;
}

int publication_register(struct shmq_segment *segment, const char *name, size_t length,
                         const struct directory_request *request)
{
	struct publication publication;
	struct quota_rule rule;
	uint32_t index;
	int result = begin_copy(&publication, segment);

	if (result < 0)
		return result;
	index = directory_lookup(&publication.directory, name, length);
	if (index != DIRECTORY_NONE && exists(&publication.directory, index) &&
	    (quota_flags(&publication.staged[index]) & (QUOTA_DECLARED | QUOTA_ASKED | QUOTA_GROUP)) != QUOTA_DECLARED)
		return give_up(&publication, -EEXIST);
	index = entry_for(&publication, name, length);
	if (index == DIRECTORY_NONE)
		return give_up(&publication, -ENOSPC);
	directory_policy_for(&publication.directory, 1 - publication.directory.active, index, &rule);
	result = directory_ask(&publication.directory, 1 - publication.directory.active, request, &rule);
	if (result < 0)
		return give_up(&publication, result);
	quota_store(&publication.staged[index], &rule);
	return publication_switch(&publication);
}
