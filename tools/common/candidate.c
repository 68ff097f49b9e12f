/* SPDX-License-Identifier: MIT */
/*
 * A table of places, and for each who knows what may stand there: the library, the table of counters, the segment.
 */
#include "candidate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "column.h"
#include "segments.h"

/* Somebody waits with a finger on the key, and nobody reads more. */
#define COMPONENTS_OFFERED_MAX 1000
#define LOOKING_MAX_NS 300000000

void candidate_offer(const struct typing *typing, const char *candidate, const char *description)
{
	const char *begun = typing->word + typing->kept;

	if (strncmp(candidate, begun, strlen(begun)) != 0)
		return;
	for (size_t i = 0; i < typing->taken_count; i++) {
		if (strcmp(typing->taken[i], candidate) == 0)
			return;
	}
	printf("%.*s%s\t%s\n", (int)typing->kept, typing->word, candidate, description ? description : "");
}

/* ---- Places ------------------------------------------------------------------------------------------------------ */

static void offer_files(const struct typing *typing)
{
	(void)typing;
	puts("\tfiles");
}

static void offer_folders(const struct typing *typing)
{
	(void)typing;
	puts("\tfolders");
}

/* With or without the slash, as it was begun. A path is the shell's to complete: it ends in one of the two objects. */
static void offer_segments(const struct typing *typing)
{
	const char *begun = typing->word + typing->kept;
	struct segment_names names;

	segment_names_find(&names);
	for (size_t i = 0; i < names.count; i++)
		candidate_offer(typing, names.name[i] + (*begun != '/'), "segment");
	segment_names_free(&names);
	if (*begun == '.' || (*begun && strchr(begun + 1, '/')))
		offer_files(typing);
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void offer_components_of(const struct typing *typing, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};
	long long end_ns = now_ns() + LOOKING_MAX_NS;
	uint32_t seen = 0;

	if (shmq_segment_info(segment, &info) != 0)
		return;
	for (uint32_t id = 0; id < info.components && seen < info.components_used; id++) {
		struct shmq_component *component;

		if (seen >= COMPONENTS_OFFERED_MAX || (id % 1024 == 1023 && now_ns() > end_ns))
			return;
		if (shmq_component_at(&component, segment, id) != 0)
			continue;
		candidate_offer(typing, shmq_component_name(component),
		                shmq_component_is_group(component) ? "group" : "component");
		shmq_component_put(component);
		seen++;
	}
}

/* Of the segment that was named before, or of the only one of this machine. */
static void offer_components(const struct typing *typing)
{
	struct segment_names names = {0};
	char name[SEGMENT_PATH_MAX] = "";
	struct shmq_segment *segment;

	if (typing->segment) {
		if (!segment_name_typed(name, sizeof(name), typing->segment))
			return;
	} else {
		segment_names_find(&names);
		if (names.count == 1)
			snprintf(name, sizeof(name), "%s", names.name[0]);
		segment_names_free(&names);
	}
	if (*name == '\0' || shmq_segment_open(&segment, name, SHMQ_OBSERVE) != 0)
		return;
	offer_components_of(typing, segment);
	shmq_segment_close(segment);
}

static void offer_resources(const struct typing *typing)
{
	for (int r = 0; r < SHMQ_RESOURCES; r++)
		candidate_offer(typing, shmq_resource_name(r), resource_unit_name(r));
}

static void offer_inheritances(const struct typing *typing)
{
	const char *name;

	for (int i = 0; (name = shmq_inheritance_name(i)); i++)
		candidate_offer(typing, name, NULL);
}

static void offer_kinds(const struct typing *typing)
{
	for (int kind = 1; kind < SHMQ_EVENT_KINDS; kind++)
		candidate_offer(typing, shmq_event_kind_name(kind), NULL);
}

static void offer_columns(const struct typing *typing)
{
	size_t count;
	const struct counter *counters = counters_of(SCOPE_RESOURCE, &count);

	for (size_t i = 0; i < count; i++) {
		if (counters[i].title)
			candidate_offer(typing, counters[i].name, counters[i].brief);
	}
}

static const struct {
	const char *name;
	void (*offer)(const struct typing *typing);
} places[] = {
    {"NAME", offer_segments},      {"COMPONENT", offer_components}, {"GLOB", offer_components},
    {"RESOURCE", offer_resources}, {"FILE", offer_files},           {"POLICY.ini", offer_files},
    {"FOLDER", offer_folders},     {"HOW", offer_inheritances},     {"KIND", offer_kinds},
    {"COLUMN", offer_columns},
};

/* ---- Finding the place ------------------------------------------------------------------------------------------- */

#define MINUS "[-]"
#define LIST ",..."

/* "[-]COLUMN" is a column with or without a minus, "KIND,..." a list of kinds: what was typed of them already is kept. */
void candidates_of_place(const struct typing *typing)
{
	struct typing inner = *typing;
	const char *place = typing->place, *comma;
	size_t length;

	if (strncmp(place, MINUS, strlen(MINUS)) == 0) {
		place += strlen(MINUS);
		inner.kept += inner.word[inner.kept] == '-';
	}
	length = strcspn(place, ",");
	if (strcmp(place + length, LIST) == 0) {
		comma = strrchr(inner.word + inner.kept, ',');
		inner.kept = comma ? (size_t)(comma + 1 - inner.word) : inner.kept;
		puts("\tnospace");
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strlen(places[i].name) == length && strncmp(places[i].name, place, length) == 0)
			places[i].offer(&inner);
	}
}
