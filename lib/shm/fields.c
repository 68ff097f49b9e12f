/* SPDX-License-Identifier: MIT */
/*
 * Seven kinds of structure, each a table of fields. The cursor is [table:8 | element:40 | field:16]; elements that hold
 * nobody (free slots, unregistered entries) are passed over.
 */
#include "shm/fields.h"

#include "base/hash.h"

#include <errno.h>
#include <string.h>

struct field {
	const char *name;
	size_t offset, width;
	unsigned since; /* the layout's minor version that brought it, into reserved bytes */
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define FIELD(structure, member)                                                                                       \
	{                                                                                                              \
#member, offsetof(struct structure, member), sizeof(((struct structure *)0)->member), 0                \
	}

static const struct field header_fields[] = {
    FIELD(shmq_shm_header, magic),           FIELD(shmq_shm_header, major),       FIELD(shmq_shm_header, minor),
    FIELD(shmq_shm_header, signature),       FIELD(shmq_shm_header, byte_order),  FIELD(shmq_shm_header, kind),
    FIELD(shmq_shm_header, page_size),       FIELD(shmq_shm_header, boot_id),     FIELD(shmq_shm_header, pid_namespace),
    FIELD(shmq_shm_header, time_namespace),  FIELD(shmq_shm_header, pair),        FIELD(shmq_shm_header, object_bytes),
    FIELD(shmq_shm_header, components),      FIELD(shmq_shm_header, threads),     FIELD(shmq_shm_header, creator),
    FIELD(shmq_shm_header, created_unix_ns), FIELD(shmq_shm_header, persistent),  FIELD(shmq_shm_header, reservations),
    FIELD(shmq_shm_header, events),          FIELD(shmq_shm_header, rules_bytes), FIELD(shmq_shm_header, features),
    FIELD(shmq_shm_header, huge_bytes),
};

static const struct field control_fields[] = {
    FIELD(shmq_shm_control, generation),   FIELD(shmq_shm_control, epoch),      FIELD(shmq_shm_control, retirements),
    FIELD(shmq_shm_control, done),         FIELD(shmq_shm_control, lock),       FIELD(shmq_shm_control, steals),
    FIELD(shmq_shm_control, table_cookie), FIELD(shmq_shm_control, registered), FIELD(shmq_shm_control, retired),
    FIELD(shmq_shm_control, hint),
};

static const struct field entry_fields[] = {
    FIELD(shmq_shm_entry, genstate), FIELD(shmq_shm_entry, cookie),      FIELD(shmq_shm_entry, hash),
    FIELD(shmq_shm_entry, next),     FIELD(shmq_shm_entry, name_length), FIELD(shmq_shm_entry, home),
    FIELD(shmq_shm_entry, name),
};

#define QUOTA_FIELDS(i)                                                                                                \
	FIELD(shmq_shm_quota, resource[i].limit), FIELD(shmq_shm_quota, resource[i].mode),                             \
	    FIELD(shmq_shm_quota, resource[i].burst)

static const struct field quota_fields[] = {
    QUOTA_FIELDS(0),
    QUOTA_FIELDS(1),
    QUOTA_FIELDS(2),
    QUOTA_FIELDS(3),
    QUOTA_FIELDS(4),
    FIELD(shmq_shm_quota, flags),
    FIELD(shmq_shm_quota, lease[0]),
    FIELD(shmq_shm_quota, lease[1]),
    FIELD(shmq_shm_quota, lease[2]),
    FIELD(shmq_shm_quota, parent),
    FIELD(shmq_shm_quota, grants),
    FIELD(shmq_shm_quota, asked),
};

static const struct field slot_fields[] = {
    FIELD(shmq_shm_slot, ctr),          FIELD(shmq_shm_slot, owner),        FIELD(shmq_shm_slot, attached_ns),
    FIELD(shmq_shm_slot, flags),        FIELD(shmq_shm_slot, refused_name), FIELD(shmq_shm_slot, refused),
    FIELD(shmq_shm_slot, intent.state), FIELD(shmq_shm_slot, intent.word),  FIELD(shmq_shm_slot, intent.before),
    FIELD(shmq_shm_slot, intent.entry), FIELD(shmq_shm_slot, intent.after),
};

static const struct field lease_fields[] = {
    FIELD(shmq_shm_lease, left),         FIELD(shmq_shm_lease, component[0]), FIELD(shmq_shm_lease, component[1]),
    FIELD(shmq_shm_lease, component[2]), FIELD(shmq_shm_lease, component[3]), FIELD(shmq_shm_lease, component[4]),
    FIELD(shmq_shm_lease, window[0]),    FIELD(shmq_shm_lease, window[1]),    FIELD(shmq_shm_lease, window[2]),
    FIELD(shmq_shm_lease, window[3]),    FIELD(shmq_shm_lease, window[4]),
};

static const struct field holding_fields[] = {
    FIELD(shmq_shm_holding, level),       FIELD(shmq_shm_holding, genstate),    FIELD(shmq_shm_holding, held),
    FIELD(shmq_shm_holding, rest),        FIELD(shmq_shm_holding, ancestor[0]), FIELD(shmq_shm_holding, ancestor[1]),
    FIELD(shmq_shm_holding, ancestor[2]), FIELD(shmq_shm_holding, ancestor[3]),
};

#define RATE_FIELDS(i)                                                                                                 \
	FIELD(shmq_shm_tracker, rate[i].total), FIELD(shmq_shm_tracker, rate[i].current),                              \
	    FIELD(shmq_shm_tracker, rate[i].base[0]), FIELD(shmq_shm_tracker, rate[i].base[1]),                        \
	    FIELD(shmq_shm_tracker, rate[i].base[2]), FIELD(shmq_shm_tracker, rate[i].base[3]),                        \
	    FIELD(shmq_shm_tracker, rate[i].peak), FIELD(shmq_shm_tracker, rate[i].tat)
#define LEVEL_FIELDS(i)                                                                                                \
	FIELD(shmq_shm_tracker, level[i].in), FIELD(shmq_shm_tracker, level[i].out),                                   \
	    FIELD(shmq_shm_tracker, level[i].peak)
#define RESOURCE_FIELDS(i)                                                                                             \
	FIELD(shmq_shm_tracker, threshold[i]), FIELD(shmq_shm_tracker, denied[i]),                                     \
	    FIELD(shmq_shm_tracker, would_deny[i]), FIELD(shmq_shm_tracker, reported[i])

static const struct field tracker_fields[] = {
    RATE_FIELDS(0),
    RATE_FIELDS(1),
    RATE_FIELDS(2),
    LEVEL_FIELDS(0),
    LEVEL_FIELDS(1),
    RESOURCE_FIELDS(0),
    RESOURCE_FIELDS(1),
    RESOURCE_FIELDS(2),
    RESOURCE_FIELDS(3),
    RESOURCE_FIELDS(4),
    FIELD(shmq_shm_tracker, birth[0]),
    FIELD(shmq_shm_tracker, birth[1]),
    FIELD(shmq_shm_tracker, leased[0]),
    FIELD(shmq_shm_tracker, leased[1]),
    FIELD(shmq_shm_tracker, leased[2]),
    FIELD(shmq_shm_tracker, forbidden),
    FIELD(shmq_shm_tracker, forbidden_reported),
    FIELD(shmq_shm_tracker, over_released),
    FIELD(shmq_shm_tracker, tallied),
};

static uint64_t signature_of(uint64_t signature, const struct field *fields, size_t count, size_t size)
{
	/* What a minor version brought stays out of it: older libraries of the same major know the bytes as reserved. */
	for (size_t i = 0; i < count && fields[i].since == 0; i++)
		signature = hash_mix(signature ^ hash_bytes(fields[i].name, strlen(fields[i].name)) ^
		                     fields[i].offset << 32 ^ fields[i].width);
	return hash_mix(signature ^ size);
}

uint64_t fields_signature(void)
{
	uint64_t signature = 0;

	signature = signature_of(signature, header_fields, COUNT(header_fields), sizeof(struct shmq_shm_header));
	signature = signature_of(signature, control_fields, COUNT(control_fields), sizeof(struct shmq_shm_control));
	signature = signature_of(signature, entry_fields, COUNT(entry_fields), sizeof(struct shmq_shm_entry));
	signature = signature_of(signature, quota_fields, COUNT(quota_fields), sizeof(struct shmq_shm_quota));
	signature = signature_of(signature, slot_fields, COUNT(slot_fields), sizeof(struct shmq_shm_slot));
	signature = signature_of(signature, lease_fields, COUNT(lease_fields), sizeof(struct shmq_shm_lease));
	signature = signature_of(signature, holding_fields, COUNT(holding_fields), sizeof(struct shmq_shm_holding));
	return signature_of(signature, tracker_fields, COUNT(tracker_fields), sizeof(struct shmq_shm_tracker));
}

/* An array of one kind of structure in one of the objects. */
struct table {
	const char *object, *structure;
	const struct field *fields;
	size_t field_count;
	const void *start; /* of the object */
	size_t at, stride;
	uint64_t elements;
	bool (*is_shown)(const struct shmq_segment *segment, uint64_t element);
};

static bool slot_is_owned(const struct shmq_segment *segment, uint64_t element)
{
	return shm_load_acquire(&segment->slots[element].owner) != 0;
}

static bool lease_is_left(const struct shmq_segment *segment, uint64_t element)
{
	return shm_load32_acquire(&segment->leases[element].left) != 0;
}

static bool holding_is_used(const struct shmq_segment *segment, uint64_t element)
{
	return shm_load_acquire(&segment->ledgers[element].held) != 0;
}

static bool entry_is_live(const struct shmq_segment *segment, uint64_t element)
{
	return (shm_load_acquire(&segment->entries[element].genstate) & ENTRY_STATE_MASK) == ENTRY_LIVE;
}

static bool quota_is_set(const struct shmq_segment *segment, uint64_t element)
{
	return element == segment->layout.components || entry_is_live(segment, element);
}

enum { TABLES = 9 };

static struct table table_at(const struct shmq_segment *segment, unsigned index)
{
	const struct layout *l = &segment->layout;
	const void *policy = segment->policy, *usage = segment->usage;
	size_t active = l->quotas_at[shm_load_acquire(&segment->policy->control.generation) & 1];
	const struct table tables[TABLES] = {
	    {"policy", "header", header_fields, COUNT(header_fields), policy, 0, 0, 1, NULL},
	    {"policy", "control", control_fields, COUNT(control_fields), policy,
	     offsetof(struct shmq_shm_policy, control), 0, 1, NULL},
	    {"policy", "entry", entry_fields, COUNT(entry_fields), policy, l->entries_at, sizeof(struct shmq_shm_entry),
	     l->components, entry_is_live},
	    {"policy", "quota", quota_fields, COUNT(quota_fields), policy, active, sizeof(struct shmq_shm_quota),
	     (uint64_t)l->components + 1, quota_is_set},
	    {"usage", "header", header_fields, COUNT(header_fields), usage, 0, 0, 1, NULL},
	    {"usage", "slot", slot_fields, COUNT(slot_fields), usage, l->slots_at, sizeof(struct shmq_shm_slot),
	     l->threads, slot_is_owned},
	    {"usage", "lease", lease_fields, COUNT(lease_fields), usage, l->leases_at, sizeof(struct shmq_shm_lease),
	     (uint64_t)l->threads * LAYOUT_LEASES, lease_is_left},
	    {"usage", "holding", holding_fields, COUNT(holding_fields), usage, l->ledgers_at,
	     sizeof(struct shmq_shm_holding), (uint64_t)l->threads * l->entries, holding_is_used},
	    {"usage", "tracker", tracker_fields, COUNT(tracker_fields), usage, l->trackers_at,
	     sizeof(struct shmq_shm_tracker), l->components, entry_is_live},
	};

	return tables[index];
}

static uint64_t field_value(const char *at, size_t width)
{
	uint64_t value = 0;

	/* Atomic words are aligned and read whole. */
	if (width == 8)
		return shm_load_relaxed((const struct shm_u64 *)(const void *)at);
	if (width == 4)
		return shm_load32_relaxed((const struct shm_u32 *)(const void *)at);
	if (width < 8)
		memcpy(&value, at, width);
	return value;
}

#define FIELD_BITS 16
#define ELEMENT_BITS 40

int fields_next(const struct shmq_segment *segment, uint64_t *cursor, struct shmq_field *out)
{
	uint64_t table_index = *cursor >> (FIELD_BITS + ELEMENT_BITS);
	uint64_t element = *cursor >> FIELD_BITS & ((UINT64_C(1) << ELEMENT_BITS) - 1);
	uint64_t field = *cursor & ((1 << FIELD_BITS) - 1);

	for (; table_index < TABLES; table_index++, element = 0, field = 0) {
		struct table table = table_at(segment, (unsigned)table_index);

		for (; element < table.elements; element++, field = 0) {
			size_t at = table.at + element * table.stride;

			if (field >= table.field_count || (table.is_shown != NULL && !table.is_shown(segment, element)))
				continue;
			at += table.fields[field].offset;
			*out = (struct shmq_field){
			    .object = table.object,
			    .structure = table.structure,
			    .index = (uint32_t)element,
			    .name = table.fields[field].name,
			    .offset = at,
			    .width = (uint32_t)table.fields[field].width,
			    .value = field_value((const char *)table.start + at, table.fields[field].width),
			};
			*cursor = table_index << (FIELD_BITS + ELEMENT_BITS) | element << FIELD_BITS | (field + 1);
			return 1;
		}
	}
	return *cursor >> (FIELD_BITS + ELEMENT_BITS) < TABLES ? 0 : -EINVAL;
}
