/* SPDX-License-Identifier: MIT */
/*
 * The invariants of the directory: chains, entries, quotas.
 *
 * An entry is in the chain of its hash exactly if it is LIVE or the active policy declares it, so there are two sides:
 * a walk over each chain finds nothing that does not belong there, and each entry that belongs there is found.
 */
#include "core/valid_look.h"

#include "base/hash.h"
#include "base/text.h"
#include "core/rules.h"
#include "core/tracker.h"

#include <string.h>

static unsigned state_of(uint64_t genstate)
{
	return (unsigned)(genstate & ENTRY_STATE_MASK);
}

/* (D3) acquire: pairs with quota_store(). */
static uint64_t flags_of(const struct valid *valid, uint32_t index)
{
	return shm_load_acquire(&directory_quotas(valid->segment)[index].flags);
}

static bool belongs_in_chain(const struct valid *valid, uint32_t index, uint64_t genstate)
{
	return state_of(genstate) == ENTRY_LIVE || (flags_of(valid, index) & QUOTA_DECLARED) != 0;
}

static uint32_t bucket_of(const struct valid *valid, uint32_t hash)
{
	return hash & (valid->segment->layout.buckets - 1);
}

/* One hop less to go. Chains that are damaged so that they merge would else take the square of the capacity. */
static bool may_hop(struct valid *valid)
{
	if (valid->hops == 0)
		return false;
	valid->hops--;
	return true;
}

/* ---- Chains ---- */

static void examine_link(struct valid *valid, uint32_t bucket, uint32_t link, struct valid_look *look)
{
	const struct shmq_shm_entry *entry = &valid->segment->entries[link - 1];
	uint64_t genstate = shm_load_acquire(&entry->genstate); /* (D2) */
	uint32_t hash = shm_load32_relaxed(&entry->hash);       /* relaxed: the link released it */

	valid_expect(look, belongs_in_chain(valid, link - 1, genstate),
	             "an entry in a chain is registered, or reserved by the policy", link - 1, state_of(genstate));
	valid_expect(look, bucket_of(valid, hash) == bucket, "an entry is in the chain of its hash", link - 1,
	             bucket_of(valid, hash));
}

static bool examine_bucket(struct valid *valid, uint32_t index, struct valid_look *look)
{
	uint32_t components = valid->segment->layout.components;
	struct valid_stamp stamp;
	uint32_t link, hops = 0;

	if (!valid_stamp_take(valid, &stamp))
		return true;
	/* (D4) acquire, here and below: pairs with directory_link(). */
	link = shm_load32_acquire(&valid->segment->buckets[index]);
	while (link != 0 && link <= components && hops < components && may_hop(valid)) {
		examine_link(valid, index, link, look);
		link = shm_load32_acquire(&valid->segment->entries[link - 1].next);
		hops++;
	}
	valid_expect(look, link <= components, "a link names an entry, or ends its chain", link, components);
	valid_expect(look, link == 0 || link > components || hops < components,
	             "a chain ends after as many entries as there are at most", hops, components);
	return valid_stamp_holds(valid, &stamp);
}

/* ---- Entries ---- */

static bool name_is_padded(const struct shmq_shm_entry *entry)
{
	for (uint32_t i = entry->name_length; i <= SHMQ_NAME_MAX; i++)
		if (entry->name[i] != '\0')
			return false;
	return true;
}

static bool names_are_equal(const struct shmq_shm_entry *a, const struct shmq_shm_entry *b)
{
	return shm_load32_relaxed(&a->hash) == shm_load32_relaxed(&b->hash) && a->name_length == b->name_length &&
	       memcmp(a->name, b->name, sizeof(a->name)) == 0;
}

static void examine_name(const struct shmq_segment *segment, const struct shmq_shm_entry *entry,
                         struct valid_look *look)
{
	uint32_t hash = shm_load32_relaxed(&entry->hash); /* relaxed: the state released it */
	uint32_t length = entry->name_length, proper;

	if (length > SHMQ_NAME_MAX || !text_is_component_name(entry->name, length)) {
		valid_expect(look, false, "a name is 1 to 127 bytes of UTF-8 without control characters", length,
		             SHMQ_NAME_MAX);
		return;
	}
	proper = (uint32_t)directory_hash(segment, entry->name, length);
	valid_expect(look, name_is_padded(entry), "a name is followed by zeroes", 1, 0);
	valid_expect(look, hash == proper, "the hash is that of the name", hash, proper);
}

/* Walk to the entry through the chain of its hash; on the way there must be no other registered one of its name. */
static void examine_place(struct valid *valid, uint32_t index, bool is_live, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	const struct shmq_shm_entry *entry = &segment->entries[index];
	uint32_t components = segment->layout.components;
	uint32_t link = shm_load32_acquire(&segment->buckets[bucket_of(valid, shm_load32_relaxed(&entry->hash))]);

	for (uint32_t hops = 0; link != index + 1; hops++) {
		const struct shmq_shm_entry *other;

		if (link == 0 || link > components || hops == components) {
			valid_expect(look, false, "a registered or reserved entry is in the chain of its hash", 0, 1);
			return;
		}
		if (!may_hop(valid))
			return;
		other = &segment->entries[link - 1];
		if (is_live && state_of(shm_load_acquire(&other->genstate)) == ENTRY_LIVE)
			valid_expect(look, !names_are_equal(entry, other), "a name is registered once", index,
			             link - 1);
		link = shm_load32_acquire(&other->next);
	}
}

static void examine_derived(struct valid *valid, uint32_t index, uint64_t genstate, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	uint64_t flags = flags_of(valid, index);
	bool is_present = (flags & QUOTA_PRESENT) != 0, is_live = state_of(genstate) == ENTRY_LIVE;
	uint64_t cookie = shm_load_acquire(&segment->entries[index].cookie);
	uint64_t epoch = shm_load_acquire(&segment->policy->control.epoch);

	valid_expect(look, !is_live || is_present, "a registered component has a quota", flags, flags | QUOTA_PRESENT);
	valid_expect(look, is_live || !is_present, "only a registered component has a quota in force", flags,
	             flags & ~(uint64_t)QUOTA_PRESENT);
	valid_expect(look, state_of(genstate) != ENTRY_DYING || cookie <= epoch,
	             "a retired entry waits for a grace period that has begun", cookie, epoch);
	if (belongs_in_chain(valid, index, genstate))
		examine_place(valid, index, is_live, look);
}

static bool examine_entry(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_shm_entry *entry = &valid->segment->entries[index];
	uint64_t genstate = shm_load_acquire(&entry->genstate); /* (D2) */
	uint32_t next = shm_load32_acquire(&entry->next);
	struct valid_stamp stamp;
	bool is_quiet = valid_stamp_take(valid, &stamp);

	valid_expect(look, state_of(genstate) <= ENTRY_DYING, "an entry is free, registered or retired",
	             state_of(genstate), ENTRY_DYING);
	valid_expect(look, next <= valid->segment->layout.components, "a link names an entry, or ends its chain", next,
	             valid->segment->layout.components);
	if (state_of(genstate) == ENTRY_LIVE || (is_quiet && belongs_in_chain(valid, index, genstate)))
		examine_name(valid->segment, entry, look);
	if (is_quiet)
		examine_derived(valid, index, genstate, look);
	shm_fence_acquire(); /* the name, before the state once more: as directory_is_current() */
	return shm_load_acquire(&entry->genstate) == genstate && (!is_quiet || valid_stamp_holds(valid, &stamp));
}

/* ---- Quotas ---- */

static bool limit_is_proper(uint64_t limit)
{
	return limit <= SHMQ_AMOUNT_MAX || limit == SHMQ_UNLIMITED;
}

static bool period_is_proper(int resource, uint64_t period_ms)
{
	if (!tracker_is_rate(resource))
		return period_ms == 0;
	return period_ms >= SHMQ_PERIOD_MIN_NS / NS_PER_MS && period_ms <= SHMQ_PERIOD_MAX_NS / NS_PER_MS;
}

#define PER_RESOURCE(text)                                                                                             \
	{                                                                                                              \
		"storage: " text, "messages: " text, "network: " text, "cpu: " text, "memory: " text                   \
	}

static void examine_limits(const struct shmq_shm_quota *quota, struct valid_look *look)
{
	static const char *const limits[SHMQ_RESOURCES] =
	    PER_RESOURCE("a limit is at most SHMQ_AMOUNT_MAX, or unlimited");
	static const char *const periods[SHMQ_RESOURCES] =
	    PER_RESOURCE("a period is 10 ms to 366 days for a rate, 0 for a level");

	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		/* relaxed: the flags released them */
		uint64_t limit = quota_limit(shm_load_relaxed(&quota->resource[i].limit));
		uint64_t period_ms = shm_load_relaxed(&quota->resource[i].mode) >> MODE_PERIOD_AT;

		valid_expect(look, limit_is_proper(limit), limits[i], limit, SHMQ_AMOUNT_MAX);
		valid_expect(look, period_is_proper(i, period_ms), periods[i], period_ms,
		             tracker_is_rate(i) ? SHMQ_PERIOD_MAX_NS / NS_PER_MS : 0);
	}
}

/*
 * Groups are declared before their members, so a chain can neither lead out of the table, nor to what is no group, nor
 * back to itself; it would be told by its length.
 */
static void examine_groups(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas, uint32_t index,
                           uint64_t flags, struct valid_look *look)
{
	uint32_t components = segment->layout.components;
	uint32_t parent = shm_load32_relaxed(&quotas[index].parent); /* relaxed: the flags released it */
	unsigned groups = 0;
	bool is_group = true;

	valid_expect(look, (flags & QUOTA_GROUPED) != 0 ? parent != 0 : parent == 0,
	             "a quota with a parent is marked so, and no other", flags, flags ^ QUOTA_GROUPED);
	while (parent != 0 && parent <= components && groups <= LAYOUT_ANCESTORS) {
		is_group &= (shm_load_acquire(&quotas[parent - 1].flags) & QUOTA_GROUP) != 0; /* (D3) */
		parent = shm_load32_relaxed(&quotas[parent - 1].parent);
		groups++;
	}
	valid_expect(look, parent <= components, "a parent is a component, or none", parent, components);
	valid_expect(look, groups <= LAYOUT_ANCESTORS, "at most four groups are above a component", groups,
	             LAYOUT_ANCESTORS);
	valid_expect(look, is_group, "what stands above a component is a group", index, groups);
}

/* Where the sets stand that it names. */
static void examine_sets(const struct shmq_segment *segment, const struct shmq_shm_rules *area,
                         const struct shmq_shm_quota *quota, struct valid_look *look)
{
	/* relaxed: the flags released them */
	uint32_t grants = shm_load32_relaxed(&quota->grants), asked = shm_load32_relaxed(&quota->asked);
	uint32_t size = segment->layout.rules_bytes;

	valid_expect(look, grants == 0 || rules_at(area, size, grants, 8) != NULL,
	             "a set of capabilities lies in the rules", grants, size);
	valid_expect(look, asked == 0 || rules_at(area, size, asked, sizeof(*quota)) != NULL,
	             "what a manifest asked for lies in the rules", asked, size);
}

/* Of the table in force; nobody reads the other one. */
static bool examine_quota(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	const uint64_t known = QUOTA_PRESENT | QUOTA_DECLARED | QUOTA_OWN | QUOTA_GROUP | QUOTA_ASKED | QUOTA_FROZEN |
	                       QUOTA_GROUPED | (uint64_t)QUOTA_INHERIT_MASK << QUOTA_INHERIT_AT;
	uint64_t generation = shm_load_acquire(&segment->policy->control.generation); /* (D1) */
	const struct shmq_shm_quota *quota = &segment->quotas[generation & 1][index];
	uint64_t flags = shm_load_acquire(&quota->flags); /* (D3) */

	valid_expect(look, (flags & ~known) == 0, "a quota has known flags only", flags, flags & known);
	if (index == segment->layout.components)
		valid_expect(look, (flags & QUOTA_PRESENT) != 0, "the policy has a default quota", flags,
		             flags | QUOTA_PRESENT);
	if ((flags & (QUOTA_PRESENT | QUOTA_DECLARED)) != 0) {
		examine_limits(quota, look);
		examine_groups(segment, segment->quotas[generation & 1], index, flags, look);
		examine_sets(segment, segment->rules[generation & 1], quota, look);
	}
	shm_fence_acquire(); /* the limits, before the words once more */
	return shm_load_acquire(&quota->flags) == flags &&
	       shm_load_acquire(&segment->policy->control.generation) == generation;
}

static const struct valid_structure bucket_structure = {"policy", "bucket", examine_bucket};
static const struct valid_structure entry_structure = {"policy", "entry", examine_entry};
static const struct valid_structure quota_structure = {"policy", "quota", examine_quota};

void valid_directory(struct valid *valid)
{
	const struct layout *layout = &valid->segment->layout;

	for (uint32_t i = 0; i < layout->buckets; i++)
		valid_examine(valid, &bucket_structure, i);
	for (uint32_t i = 0; i < layout->components; i++)
		valid_examine(valid, &entry_structure, i);
	for (uint32_t i = 0; i <= layout->components; i++)
		valid_examine(valid, &quota_structure, i);
}
