/* SPDX-License-Identifier: MIT */
/*
 * Packing and unpacking. Stores and loads are relaxed: the flags release a quota, and the policy's generation its table.
 */
#include "core/quota.h"

#include "base/wide.h"

/* What a quota is of itself, not whose it is. */
#define KEPT_FLAGS (QUOTA_GROUP | QUOTA_GROUPED | (uint64_t)QUOTA_INHERIT_MASK << QUOTA_INHERIT_AT)

static uint64_t pack_amount(uint64_t amount, uint64_t place)
{
	return place << QUOTA_AMOUNT_BITS | (amount == SHMQ_UNLIMITED ? QUOTA_AMOUNT_MASK : amount);
}

/* Of a quota that only warns, and of what is no window, nothing is taken ahead: there each amount is judged by itself. */
static bool is_leased(const struct shmq_quota *quota, int i)
{
	return quota->lease[i] > 0 && quota->algorithm[i] == SHMQ_WINDOW && quota->enforcement[i] == SHMQ_ENFORCE_DENY;
}

static uint64_t pack_mode(const struct shmq_quota *quota, int i)
{
	uint64_t warning = quota->warning[i] > 0 ? quota->warning[i] : SHMQ_WARNING_PERCENT;
	uint64_t critical = quota->critical[i] > 0 ? quota->critical[i] : SHMQ_CRITICAL_PERCENT;

	return quota->period_ns[i] / NS_PER_MS << MODE_PERIOD_AT | critical << MODE_CRITICAL_AT |
	       warning << MODE_WARNING_AT | (uint64_t)quota->enforcement[i] << MODE_ENFORCE_AT | quota->algorithm[i] |
	       (is_leased(quota, i) ? MODE_LEASED : 0);
}

static uint8_t mode_part(uint64_t mode, unsigned at, unsigned bits)
{
	return (uint8_t)(mode >> at & ((1U << bits) - 1));
}

void quota_store(struct shmq_shm_quota *out, const struct quota_rule *rule)
{
	const struct shmq_quota *quota = &rule->quota;
	uint64_t own = rule->flags | (uint64_t)quota->inheritance << QUOTA_INHERIT_AT;

	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		shm_store_relaxed(&out->resource[i].limit, pack_amount(quota->limit[i], rule->place[i] >> 16));
		shm_store_relaxed(&out->resource[i].mode, pack_mode(quota, i));
		shm_store_relaxed(&out->resource[i].burst, pack_amount(quota->burst[i], rule->place[i] & 0xffff));
	}
	for (int i = 0; i < LAYOUT_RATES; i++)
		shm_store32_relaxed(&out->lease[i], (uint32_t)quota->lease[SHMQ_MESSAGES + i]);
	shm_store32_relaxed(&out->parent, rule->parent);
	shm_store32_relaxed(&out->grants, rule->grants);
	shm_store32_relaxed(&out->asked, rule->asked);
	/* (D3) release: the limits before the flag that they are there. Pairs with directory_quota(). */
	shm_store_release(&out->flags, own | (rule->parent != 0 ? QUOTA_GROUPED : 0));
}

void quota_load(struct quota_rule *out, const struct shmq_shm_quota *quota)
{
	*out = (struct quota_rule){.quota.size = sizeof(out->quota)};
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		uint64_t limit = shm_load_relaxed(&quota->resource[i].limit);
		uint64_t mode = shm_load_relaxed(&quota->resource[i].mode);
		uint64_t burst = shm_load_relaxed(&quota->resource[i].burst);

		out->quota.limit[i] = quota_limit(limit);
		out->quota.period_ns[i] = (mode >> MODE_PERIOD_AT) * NS_PER_MS;
		out->quota.burst[i] = burst & QUOTA_AMOUNT_MASK;
		out->quota.algorithm[i] = mode_part(mode & ~MODE_LEASED, 0, MODE_ALGORITHM_BITS);
		out->quota.enforcement[i] = mode_part(mode, MODE_ENFORCE_AT, MODE_ENFORCE_BITS);
		out->quota.warning[i] = mode_part(mode, MODE_WARNING_AT, MODE_PERCENT_BITS);
		out->quota.critical[i] = mode_part(mode, MODE_CRITICAL_AT, MODE_PERCENT_BITS);
		out->place[i] = (uint32_t)(limit >> QUOTA_AMOUNT_BITS << 16 | burst >> QUOTA_AMOUNT_BITS);
	}
	for (int i = 0; i < LAYOUT_RATES; i++)
		out->quota.lease[SHMQ_MESSAGES + i] = shm_load32_relaxed(&quota->lease[i]);
	out->parent = shm_load32_relaxed(&quota->parent);
	out->grants = shm_load32_relaxed(&quota->grants);
	out->asked = shm_load32_relaxed(&quota->asked);
	out->flags = quota_flags(quota);
	out->quota.inheritance = (uint8_t)(out->flags >> QUOTA_INHERIT_AT & QUOTA_INHERIT_MASK);
}

void quota_copy(struct shmq_shm_quota *out, const struct shmq_shm_quota *from, uint64_t flags)
{
	struct quota_rule rule;

	quota_load(&rule, from);
	rule.flags = flags | (rule.flags & KEPT_FLAGS);
	quota_store(out, &rule);
}

void quota_cap(struct shmq_quota *asked, const struct shmq_quota *cap)
{
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		/* Per time, not per window: a longer window must not let more through. */
		uint128 asked_rate = (uint128)asked->limit[i] * (cap->period_ns[i] + !cap->period_ns[i]);
		uint128 cap_rate = (uint128)cap->limit[i] * (asked->period_ns[i] + !asked->period_ns[i]);

		if (cap->limit[i] != SHMQ_UNLIMITED && (asked->limit[i] == SHMQ_UNLIMITED || asked_rate > cap_rate)) {
			asked->limit[i] = cap->limit[i];
			asked->period_ns[i] = cap->period_ns[i];
		} else if (asked->period_ns[i] > cap->period_ns[i] && asked->limit[i] > cap->limit[i]) {
			asked->limit[i] = cap->limit[i]; /* all of it may come in one moment */
		}
		/* How it is judged is the host's matter. */
		asked->algorithm[i] = cap->algorithm[i];
		asked->enforcement[i] = cap->enforcement[i];
		asked->warning[i] = cap->warning[i];
		asked->critical[i] = cap->critical[i];
		asked->lease[i] = cap->lease[i];
		asked->burst[i] = cap->burst[i] == 0 || cap->burst[i] > asked->limit[i] ? 0 : cap->burst[i];
	}
	asked->inheritance = cap->inheritance;
}
