/* SPDX-License-Identifier: MIT */
/*
 * Each kind of damage is a function that writes into a copy of the valid image; each becomes three seeds: damaged before
 * opening, damaged while things are held, and spread over a large segment whose controller has died.
 */
#include "image_seeds.h"

#include <stdio.h>
#include <string.h>

#include "core/ledger.h"
#include "image.h"

#define IMAGE_MAX 16384
#define ANYBODY (UINT64_C(77777) << 42 | 7) /* the token of a thread that is not there */

/* The image that is being damaged. */
struct image {
	const struct layout *layout;
	unsigned char *bytes;
};

static struct shmq_shm_control *control_of(const struct image *image)
{
	return &((struct shmq_shm_policy *)(void *)image->bytes)->control;
}

static struct shmq_shm_entry *entries_of(const struct image *image)
{
	return (void *)(image->bytes + image->layout->entries_at);
}

static struct shm_u32 *buckets_of(const struct image *image)
{
	return (void *)(image->bytes + image->layout->buckets_at);
}

static struct shmq_shm_quota *quotas_of(const struct image *image, int table)
{
	return (void *)(image->bytes + image->layout->quotas_at[table]);
}

static struct shmq_shm_slot *slots_of(const struct image *image)
{
	return (void *)(image->bytes + image->layout->slots_at);
}

static struct shmq_shm_holding *holdings_of(const struct image *image)
{
	return (void *)(image->bytes + image->layout->ledgers_at);
}

static struct shmq_shm_tracker *trackers_of(const struct image *image)
{
	return (void *)(image->bytes + image->layout->trackers_at);
}

static void change_nothing(const struct image *image)
{
	(void)image;
}

/* ---- The policy object ------------------------------------------------------------------------------------------- */

static void link_in_a_circle(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->buckets; i++)
		shm_store32_relaxed(&buckets_of(image)[i], 1);
	for (uint32_t i = 0; i < image->layout->components; i++)
		shm_store32_relaxed(&entries_of(image)[i].next, 2);
}

static void link_beyond_the_end(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->buckets; i++)
		shm_store32_relaxed(&buckets_of(image)[i], image->layout->components + 1 + i);
	for (uint32_t i = 0; i < image->layout->components; i++)
		shm_store32_relaxed(&entries_of(image)[i].next, UINT32_MAX - i);
}

static void make_names_too_long(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++) {
		memset(entries_of(image)[i].name, 'a', sizeof(entries_of(image)[i].name));
		entries_of(image)[i].name_length = i == 0 ? UINT32_MAX : SHMQ_NAME_MAX + i;
	}
}

static void let_all_entries_die(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++) {
		shm_store_relaxed(&entries_of(image)[i].genstate, UINT64_MAX << 8 | ENTRY_DYING);
		shm_store_relaxed(&entries_of(image)[i].cookie, UINT64_MAX - i);
	}
	shm_store32_relaxed(&control_of(image)->retired, 1);
}

static void give_states_that_are_none(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++)
		shm_store_relaxed(&entries_of(image)[i].genstate, 5 << 8 | (3 + i));
}

static void leave_windows_without_length(const struct image *image)
{
	for (int table = 0; table < 2; table++)
		for (uint32_t i = 0; i <= image->layout->components; i++)
			for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
				shm_store_relaxed(&quotas_of(image, table)[i].resource[resource].mode,
				                  i == 1 ? UINT64_MAX : 0);
}

static void set_limits_beyond_the_largest(const struct image *image)
{
	for (int table = 0; table < 2; table++)
		for (uint32_t i = 0; i <= image->layout->components; i++)
			for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
				uint64_t limit = i == 0 ? UINT64_MAX - 1 : UINT64_C(1) << (46 + i);

				shm_store_relaxed(&quotas_of(image, table)[i].resource[resource].limit, limit);
			}
}

static void set_all_flags(const struct image *image)
{
	for (int table = 0; table < 2; table++)
		for (uint32_t i = 0; i <= image->layout->components; i++)
			shm_store_relaxed(&quotas_of(image, table)[i].flags, UINT64_MAX);
}

static void let_numbers_run_out(const struct image *image)
{
	shm_store_relaxed(&control_of(image)->generation, UINT64_MAX);
	shm_store_relaxed(&control_of(image)->epoch, UINT64_MAX);
	shm_store_relaxed(&control_of(image)->retirements, UINT64_MAX);
	shm_store_relaxed(&control_of(image)->table_cookie, UINT64_MAX);
	shm_store32_relaxed(&control_of(image)->hint, UINT32_MAX);
}

static void lock_for_nobody(const struct image *image)
{
	shm_store_relaxed(&control_of(image)->lock, 1);
}

/* ---- The usage object -------------------------------------------------------------------------------------------- */

static void turn_windows_in_circles(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++)
		for (unsigned j = 0; j < LAYOUT_RATES; j++) {
			struct shmq_shm_rate *rate = &trackers_of(image)[i].rate[j];

			shm_store_relaxed(&rate->total, UINT64_MAX - i);
			shm_store_relaxed(&rate->current, UINT64_MAX >> (i * 16));
			for (unsigned k = 0; k < LAYOUT_BASES; k++)
				shm_store_relaxed(&rate->base[k], UINT64_MAX << (8 * k));
		}
}

static void begin_windows_in_the_future(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++)
		for (unsigned j = 0; j < LAYOUT_RATES; j++)
			shm_store_relaxed(&trackers_of(image)[i].rate[j].current, UINT64_C(1) << (62 - i) | i);
}

static void release_more_than_was_taken(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++)
		for (unsigned j = 0; j < LAYOUT_LEVELS; j++) {
			shm_store_relaxed(&trackers_of(image)[i].level[j].in, LEVEL_AMOUNT_MASK - i);
			shm_store_relaxed(&trackers_of(image)[i].level[j].out, i);
			shm_store_relaxed(&trackers_of(image)[i].birth[j], UINT64_MAX);
		}
}

static void let_nobody_have_written(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->components; i++)
		for (unsigned j = 0; j < LAYOUT_LEVELS; j++) {
			uint64_t writer = i == 0 ? image->layout->threads + 1 : UINT64_C(0x1fff) - i;

			shm_store_relaxed(&trackers_of(image)[i].level[j].in, writer << LEVEL_AMOUNT_BITS | 100);
			shm_store_relaxed(&trackers_of(image)[i].level[j].out, writer << LEVEL_AMOUNT_BITS | 50);
		}
}

static void take_all_slots(const struct image *image)
{
	for (uint32_t i = 0; i < image->layout->threads; i++) {
		shm_store_relaxed(&slots_of(image)[i].owner, ANYBODY + i);
		shm_store_relaxed(&slots_of(image)[i].ctr, UINT64_C(1) << 16 | UINT16_MAX);
		shm_store32_relaxed(&slots_of(image)[i].flags, i);
	}
}

static void intend(const struct image *image, uint64_t state, uint64_t word, uint64_t entry, uint64_t after)
{
	for (uint32_t i = 0; i < image->layout->threads; i++) {
		struct shmq_shm_intent *intent = &slots_of(image)[i].intent;

		shm_store_relaxed(&slots_of(image)[i].owner, ANYBODY + i);
		shm_store_relaxed(&intent->state, UINT64_C(9) << INTENT_STATE_BITS | state);
		shm_store_relaxed(&intent->word, word + i);
		shm_store_relaxed(&intent->entry, entry);
		shm_store_relaxed(&intent->after, after);
	}
}

static void intend_what_landed(const struct image *image)
{
	intend(image, INTENT_DONE, 1, 1, 70);
}

static void intend_on_words_that_are_not_there(const struct image *image)
{
	intend(image, INTENT_PENDING, UINT64_MAX - 2, 0, 1);
}

static void intend_entries_that_are_not_there(const struct image *image)
{
	intend(image, INTENT_DONE, 1, UINT32_MAX, UINT64_MAX);
}

static void intend_what_is_no_state(const struct image *image)
{
	intend(image, INTENT_STATE_MASK, 0, 0, UINT64_MAX);
}

static void hold_more_than_there_is(const struct image *image)
{
	take_all_slots(image);
	for (uint32_t i = 0; i < image->layout->threads * image->layout->entries; i++) {
		shm_store_relaxed(&holdings_of(image)[i].held, UINT64_MAX >> i);
		shm_store_relaxed(&holdings_of(image)[i].level, (uint64_t)(i % 5) << 32 | i);
		shm_store_relaxed(&holdings_of(image)[i].genstate, UINT64_C(1) << 8 | ENTRY_LIVE);
	}
}

/* ---- Seeds ------------------------------------------------------------------------------------------------------- */

struct damage {
	const char *name;
	void (*write)(const struct image *image);
};

static const struct damage policy_damage[] = {
    {"valid", change_nothing},
    {"link-circle", link_in_a_circle},
    {"link-beyond", link_beyond_the_end},
    {"name-length", make_names_too_long},
    {"all-dying", let_all_entries_die},
    {"state", give_states_that_are_none},
    {"period", leave_windows_without_length},
    {"limit", set_limits_beyond_the_largest},
    {"flags", set_all_flags},
    {"numbers", let_numbers_run_out},
    {"lock", lock_for_nobody},
    {NULL, NULL},
};

static const struct damage usage_damage[] = {
    {"valid", change_nothing},
    {"window-numbers", turn_windows_in_circles},
    {"window-future", begin_windows_in_the_future},
    {"level-below-zero", release_more_than_was_taken},
    {"level-writer", let_nobody_have_written},
    {"slots-taken", take_all_slots},
    {"intent-landed", intend_what_landed},
    {"intent-word", intend_on_words_that_are_not_there},
    {"intent-entry", intend_entries_that_are_not_there},
    {"intent-state", intend_what_is_no_state},
    {"holdings", hold_more_than_there_is},
    {NULL, NULL},
};

static const struct {
	const char *name;
	uint8_t head[IMAGE_HEAD];
} variants[] = {
    {"before", {0, 3, 0, 4}},
    {"late", {IMAGE_LATE, 20, 0x80, 0}},
    {"large", {IMAGE_LARGE | IMAGE_LOCKED, 0, 1, 0}},
    {"as-is", {IMAGE_HEADER_AS_IS | IMAGE_LOCKED, 46, 0xff, 0xff}},
};

void seeds_each(const struct seed_view *view, fuzz_take *take, void *context)
{
	/* Words of the image must be aligned; its head goes right before it. */
	static _Alignas(LAYOUT_LINE) uint8_t buffer[LAYOUT_LINE + IMAGE_MAX];
	const struct image image = {view->layout, buffer + LAYOUT_LINE};
	uint8_t *start = buffer + LAYOUT_LINE - IMAGE_HEAD;
	const struct damage *damage = view->which == 0 ? policy_damage : usage_damage;

	if (view->size > IMAGE_MAX)
		fuzz_fail("an image of %zu bytes does not fit a seed", view->size);
	for (; damage->name != NULL; damage++) {
		for (unsigned i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
			char name[64];

			memcpy(start, variants[i].head, IMAGE_HEAD);
			memcpy(image.bytes, view->valid, view->size);
			damage->write(&image);
			snprintf(name, sizeof(name), "%s-%s", damage->name, variants[i].name);
			take(context, name, start, IMAGE_HEAD + view->size);
		}
	}
}
