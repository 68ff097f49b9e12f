/* SPDX-License-Identifier: MIT */
/*
 * Prints every kind of field that a segment has, for tests/api/manual_layout.sh: a line for each field of each structure,
 * "STRUCTURE<tab>FIELD<tab>OFFSET<tab>BYTES", with the offset from where its structure begins; and at last how many bytes
 * a default segment has. It works with the segment before, so that there is one of each structure.
 *
 *     manual_fields NAME
 */
#include <inttypes.h>
#include <shmquota.h>
#include <stdio.h>
#include <string.h>

#define LEASE 64

/* A held level is a holding, an amount ahead is a lease. */
static int use_everything(struct shmq_segment *segment, struct shmq_reservation *reservation)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_component *component = NULL;
	int result;

	quota.limit[SHMQ_MESSAGES] = UINT64_C(1) << 30;
	quota.period_ns[SHMQ_MESSAGES] = SHMQ_PERIOD_MAX_NS;
	quota.lease[SHMQ_MESSAGES] = LEASE;
	result = shmq_component_register(segment, "manual", &quota);
	if (result == 0)
		result = shmq_component_find(&component, segment, "manual");
	if (result == 0)
		result = shmq_reserve(reservation, component, SHMQ_STORAGE, 1, NULL);
	for (int i = 0; i < LEASE / 2 && result == 0; i++)
		result = shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL);
	return result;
}

/* A walk shows each element from its field at offset 0 on. */
static void print_fields(struct shmq_segment *segment)
{
	struct shmq_field field, first = {.structure = ""};
	uint64_t cursor = 0;

	while (shmq_field_next(segment, &cursor, &field) == 1) {
		if (strcmp(field.structure, first.structure) != 0 || strcmp(field.object, first.object) != 0 ||
		    field.index != first.index)
			first = field;
		printf("%s\t%s\t%" PRIu64 "\t%" PRIu32 "\n", field.structure, field.name, field.offset - first.offset,
		       field.width);
	}
}

int main(int argc, char **argv)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_reservation reservation;
	struct shmq_segment *segment;
	int result = argc == 2 ? shmq_segment_create(&segment, argv[1], NULL) : 1;

	if (result != 0) {
		fprintf(stderr, "manual_fields NAME: %s\n", shmq_strerror(result));
		return 2;
	}
	result = use_everything(segment, &reservation);
	if (result == 0) {
		print_fields(segment);
		shmq_segment_info(segment, &info);
		printf("segment\tsize\t%" PRIu64 "\t\n", info.policy_bytes + info.usage_bytes);
	}
	fprintf(stderr, "%s", result == 0 ? "" : shmq_strerror(result));
	shmq_segment_remove(argv[1]);
	shmq_segment_close(segment);
	return result != 0;
}
