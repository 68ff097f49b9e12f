/* SPDX-License-Identifier: MIT */
/*
 * The words of a policy: its sections and the keys each of them takes, and which known word somebody may have meant.
 *
 * This is the only list of them. What a key's value means is the business of draft.c.
 */
#ifndef SHMQ_POLICY_KEYS_H
#define SHMQ_POLICY_KEYS_H

#include <shmquota.h>

enum section {
	SECTION_SEGMENT,
	SECTION_DEFAULT,
	SECTION_COMPONENT, /* one for each component */
	SECTIONS,
	SECTION_NONE = SECTIONS /* before the first section, or in one that was refused */
};

enum key {
	KEY_NAME,
	KEY_COMPONENTS,
	KEY_THREADS,
	KEY_RESERVATIONS,
	KEY_MODE,
	KEY_PERSISTENT,
	KEY_LIMITS, /* from here one key for each resource, in the order of enum shmq_resource */
	KEY_RESET_PERIOD = KEY_LIMITS + SHMQ_RESOURCES,
	KEYS
};

/* The section or key of this name, or SECTIONS or KEYS where there is none. */
enum section keys_find_section(const char *name);
enum key keys_find(const char *name);

const char *keys_name(enum key key);

/* Tell whether a section takes a key. */
bool keys_belongs(enum key key, enum section section);

/* The section's heading with its brackets, and its keys in one line. */
const char *keys_section_title(enum section section);
const char *keys_section_list(enum section section);

/* What was probably meant by a wrong name, or SECTIONS or KEYS where nothing is near enough. */
enum section keys_nearest_section(const char *name);
enum key keys_nearest(const char *name, enum section section);

#endif
