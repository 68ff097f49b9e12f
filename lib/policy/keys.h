/* SPDX-License-Identifier: MIT */
/*
 * The words of policies and manifests: their sections, and the keys each of them takes.
 *
 * This is the only list of them. A resource is a key of its own, "messages", and has settings behind a point,
 * "messages.algorithm"; three resources have a second spelling. A word with a point in it that is no setting, nor looks
 * as if it was meant to be one, is a permission. What a key's value means is the business of values.c.
 */
#ifndef SHMQ_POLICY_KEYS_H
#define SHMQ_POLICY_KEYS_H

#include <shmquota.h>

enum section {
	SECTION_SEGMENT,
	SECTION_DEFAULT,
	SECTION_CLASS, /* one for each name, as are the next two */
	SECTION_GROUP,
	SECTION_COMPONENT,

	/* Of a manifest. */
	SECTION_MANIFEST, /* [component] */
	SECTION_CAPABILITIES,
	SECTION_QUOTA,

	SECTIONS,
	SECTION_NONE = SECTIONS /* before the first section, or in one that was refused */
};

/* What is said of one resource. */
enum setting {
	SETTING_LIMIT,
	SETTING_BURST,
	SETTING_ALGORITHM,
	SETTING_ENFORCE,
	SETTING_WARN,
	SETTING_CRITICAL,
	SETTING_LEASE,
	SETTINGS
};

enum key {
	KEY_NAME,
	KEY_COMPONENTS,
	KEY_THREADS,
	KEY_RESERVATIONS,
	KEY_EVENTS,
	KEY_RULES,
	KEY_MODE,
	KEY_PERSISTENT,
	KEY_MEMBARRIER,
	KEY_HUGEPAGES,
	KEY_CLASS,
	KEY_GROUP,
	KEY_RESET_PERIOD,
	KEY_INHERIT,
	KEY_ALGORITHM, /* of all rates; from here on the names of settings */
	KEY_ENFORCE,   /* of all resources */
	KEY_WARN,
	KEY_CRITICAL,
	KEY_COMPONENT_NAME, /* of a manifest */
	KEY_VERSION,
	KEY_RESOURCES, /* from here one key for each setting of each resource */
	KEYS = KEY_RESOURCES + SHMQ_RESOURCES * SETTINGS,
	KEY_PERMISSION = KEYS, /* any other dotted word */
	KEY_NONE
};

/* The key that is one setting of one resource; a resource's limit is the resource's own key. */
static inline enum key keys_of_setting(int resource, enum setting setting)
{
	return (enum key)(KEY_RESOURCES + resource * SETTINGS + (int)setting);
}

/* The key that gives a setting for all resources, or KEY_NONE. */
enum key keys_of_all(enum setting setting);

/* Whether a key is about one resource; sets which setting of which. */
bool keys_is_setting(enum key key, int *resource, enum setting *setting);

/* Whether a kind of resource has a setting: bursts, algorithms and leases are for rates. */
bool keys_has_setting(int resource, enum setting setting);

/* The section of this name, or SECTIONS where there is none. */
enum section keys_find_section(const char *name, bool is_manifest);

/*
 * What a word means in a section. Returns a key that the section takes, if there is one of that name; else the key of
 * other sections; else KEY_PERMISSION for a word with a point, or KEY_NONE.
 */
enum key keys_find(const char *word, enum section section);

/* The key's name as manuals spell it. */
const char *keys_name(enum key key);

/* Whether a section takes a key. */
bool keys_belongs(enum key key, enum section section);

/* The headings of the sections that take a key: "[default] and [component:NAME]". */
const char *keys_sections_of(enum key key, bool is_manifest);

/* Whether a word is what stands behind the point of a setting: "burst". */
bool keys_is_setting_name(const char *word);

/* Whether a section has a name of its own: [class:NAME]. */
static inline bool keys_is_named(enum section section)
{
	return section >= SECTION_CLASS && section <= SECTION_COMPONENT;
}

/* The section's heading with its brackets, and its keys in one line. */
const char *keys_section_title(enum section section);
const char *keys_section_list(enum section section);

/* All sections of a policy or a manifest, in one line. */
const char *keys_all_sections(bool is_manifest);

/* What was probably meant by a wrong name, or SECTIONS or NULL where nothing is near enough. */
enum section keys_nearest_section(const char *name, bool is_manifest);
const char *keys_nearest(const char *word, enum section section);

/* The well-known permission that a permission looks like without being it, or NULL. */
const char *keys_nearest_permission(const char *permission);

#endif
