/* SPDX-License-Identifier: MIT */
/*
 * The words of policies and manifests; see keys.h.
 *
 * A wrong word near a known one is taken for a mistake, not for a permission, so that "network.algoritm" is not granted
 * to anybody: both its halves are near those of a setting.
 */
#include "policy/keys.h"

#include "policy/nearest.h"

#include <string.h>

#define WORD_SIZE 128
#define OF(section) (1U << (section))
#define OF_RULES (OF(SECTION_DEFAULT) | OF(SECTION_CLASS) | OF(SECTION_GROUP) | OF(SECTION_COMPONENT))
#define OF_NAMED (OF(SECTION_CLASS) | OF(SECTION_GROUP) | OF(SECTION_COMPONENT))

static const char *const policy_sections[] = {"segment", "default", "class", "group", "component"};
static const char *const manifest_sections[] = {"component", "capabilities", "quota"};

static const struct {
	const char *name;
	unsigned sections; /* that take it */
} keys[KEY_RESOURCES] = {
    [KEY_NAME] = {"name", OF(SECTION_SEGMENT)},
    [KEY_COMPONENTS] = {"components", OF(SECTION_SEGMENT)},
    [KEY_THREADS] = {"threads", OF(SECTION_SEGMENT)},
    [KEY_RESERVATIONS] = {"reservations", OF(SECTION_SEGMENT)},
    [KEY_EVENTS] = {"events", OF(SECTION_SEGMENT)},
    [KEY_RULES] = {"rules", OF(SECTION_SEGMENT)},
    [KEY_MODE] = {"mode", OF(SECTION_SEGMENT)},
    [KEY_PERSISTENT] = {"persistent", OF(SECTION_SEGMENT)},
    [KEY_MEMBARRIER] = {"membarrier", OF(SECTION_SEGMENT)},
    [KEY_HUGEPAGES] = {"hugepages", OF(SECTION_SEGMENT)},
    [KEY_CLASS] = {"class", OF_NAMED},
    [KEY_GROUP] = {"group", OF_RULES},
    [KEY_RESET_PERIOD] = {"reset_period", OF_RULES | OF(SECTION_QUOTA)},
    [KEY_INHERIT] = {"inherit", OF_RULES},
    [KEY_ALGORITHM] = {"algorithm", OF_RULES},
    [KEY_ENFORCE] = {"enforce", OF_RULES},
    [KEY_WARN] = {"warn", OF_RULES},
    [KEY_CRITICAL] = {"critical", OF_RULES},
    [KEY_COMPONENT_NAME] = {"name", OF(SECTION_MANIFEST)},
    [KEY_VERSION] = {"version", OF(SECTION_MANIFEST)},
};

/* A resource's key and its settings, in the order of enum setting. */
#define RESOURCE_KEYS(name)                                                                                            \
	{                                                                                                              \
		name, name ".burst", name ".algorithm", name ".enforce", name ".warn", name ".critical", name ".lease" \
	}

static const char *const resource_keys[SHMQ_RESOURCES][SETTINGS] = {
    RESOURCE_KEYS("storage"), RESOURCE_KEYS("messages"), RESOURCE_KEYS("network"),
    RESOURCE_KEYS("cpu"),     RESOURCE_KEYS("memory"),
};

/* Second spellings, which say what the number is. */
static const char *const other_keys[SHMQ_RESOURCES][SETTINGS] = {
    [SHMQ_MESSAGES] = RESOURCE_KEYS("message_rate"),
    [SHMQ_NETWORK] = RESOURCE_KEYS("network_bandwidth"),
    [SHMQ_CPU] = RESOURCE_KEYS("cpu_time"),
};

static const char *const setting_names[SETTINGS] = {
    NULL, "burst", "algorithm", "enforce", "warn", "critical", "lease",
};

/* What people write behind a resource when they mean its limit. */
static const char *const limit_names[] = {
    "limit", "quota", "max", "maximum", "rate", "bandwidth", "time", "size", "amount", "period", "window",
};

static const char *const known_permissions[] = {
    "filesystem.read",
    "filesystem.write",
    "network.connect",
    "message.send",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Sections ---------------------------------------------------------------------------------------------------- */

enum section keys_find_section(const char *name, bool is_manifest)
{
	const char *const *known = is_manifest ? manifest_sections : policy_sections;
	size_t count = is_manifest ? COUNT(manifest_sections) : COUNT(policy_sections);

	for (size_t i = 0; i < count; i++)
		if (strcmp(known[i], name) == 0)
			return (enum section)(i + (is_manifest ? SECTION_MANIFEST : 0));
	return SECTIONS;
}

enum section keys_nearest_section(const char *name, bool is_manifest)
{
	const char *const *known = is_manifest ? manifest_sections : policy_sections;
	size_t count = is_manifest ? COUNT(manifest_sections) : COUNT(policy_sections);
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, known[i]);
	for (size_t i = 0; i < count && nearest.best == NULL; i++)
		if (nearest_contains_first_word(name, known[i]))
			nearest.best = known[i];
	return nearest.best == NULL ? SECTIONS : keys_find_section(nearest.best, is_manifest);
}

const char *keys_section_title(enum section section)
{
	static const char *const titles[SECTIONS] = {
	    "[segment]",        "[default]",   "[class:NAME]",   "[group:NAME]",
	    "[component:NAME]", "[component]", "[capabilities]", "[quota]",
	};

	return titles[section];
}

const char *keys_all_sections(bool is_manifest)
{
	return is_manifest ? "[component], [capabilities] and [quota]"
	                   : "[segment], [default], [class:NAME], [group:NAME] and [component:NAME]";
}

const char *keys_section_list(enum section section)
{
	switch (section) {
	case SECTION_SEGMENT:
		return "name, components, threads, reservations, events, rules, mode, persistent, membarrier and "
		       "hugepages";
	case SECTION_DEFAULT:
		return "storage, messages, network, cpu and memory, their settings (messages.algorithm), reset_period, "
		       "inherit, algorithm, enforce, warn, critical, group, and permissions (filesystem.read)";
	case SECTION_MANIFEST:
		return "name and version";
	case SECTION_CAPABILITIES:
		return "permissions such as filesystem.read";
	case SECTION_QUOTA:
		return "storage, messages, network, cpu, memory and reset_period";
	default:
		return "storage, messages, network, cpu and memory, their settings (messages.algorithm), reset_period, "
		       "inherit, algorithm, enforce, warn, critical, class, group, and permissions (filesystem.read)";
	}
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

enum key keys_of_all(enum setting setting)
{
	static const enum key all[SETTINGS] = {
	    KEY_NONE, KEY_NONE, KEY_ALGORITHM, KEY_ENFORCE, KEY_WARN, KEY_CRITICAL, KEY_NONE,
	};

	return all[setting];
}

bool keys_is_setting(enum key key, int *resource, enum setting *setting)
{
	if (key < KEY_RESOURCES || key >= KEYS)
		return false;
	*resource = ((int)key - KEY_RESOURCES) / SETTINGS;
	*setting = (enum setting)(((int)key - KEY_RESOURCES) % SETTINGS);
	return true;
}

bool keys_has_setting(int resource, enum setting setting)
{
	bool is_level = resource == SHMQ_STORAGE || resource == SHMQ_MEMORY;

	return !is_level || (setting != SETTING_BURST && setting != SETTING_ALGORITHM && setting != SETTING_LEASE);
}

const char *keys_name(enum key key)
{
	enum setting setting;
	int resource;

	return keys_is_setting(key, &resource, &setting) ? resource_keys[resource][setting] : keys[key].name;
}

bool keys_belongs(enum key key, enum section section)
{
	enum setting setting;
	int resource;

	if (key == KEY_PERMISSION)
		return (OF(section) & (OF_RULES | OF(SECTION_CAPABILITIES))) != 0;
	if (key == KEY_NONE)
		return false;
	if (!keys_is_setting(key, &resource, &setting))
		return (OF(section) & keys[key].sections) != 0;
	if (section == SECTION_QUOTA)
		return setting == SETTING_LIMIT;
	return (OF(section) & OF_RULES) != 0;
}

bool keys_is_setting_name(const char *word)
{
	for (unsigned setting = SETTING_LIMIT + 1; setting < SETTINGS; setting++)
		if (strcmp(word, setting_names[setting]) == 0)
			return true;
	return false;
}

const char *keys_sections_of(enum key key, bool is_manifest)
{
	if (is_manifest && keys_belongs(key, SECTION_QUOTA))
		return "[quota]";
	if (is_manifest && keys_belongs(key, SECTION_MANIFEST))
		return "[component]";
	if (keys_belongs(key, SECTION_SEGMENT))
		return "[segment]";
	if (keys_belongs(key, SECTION_DEFAULT))
		return "[default], [class:NAME], [group:NAME] and [component:NAME]";
	if (keys_belongs(key, SECTION_CLASS))
		return "[class:NAME], [group:NAME] and [component:NAME]";
	return "[component] in a manifest";
}

/* Whether the first `length` bytes of a word are a name, which may be NULL. */
static bool is_name(const char *word, size_t length, const char *name)
{
	return name != NULL && strlen(name) == length && memcmp(word, name, length) == 0;
}

/* The key of a resource, or of what stands behind its point, wherever it may stand. */
static enum key find_resource_key(const char *word)
{
	size_t length = strcspn(word, ".");
	int resource = 0;

	while (resource < SHMQ_RESOURCES && !is_name(word, length, resource_keys[resource][SETTING_LIMIT]) &&
	       !is_name(word, length, other_keys[resource][SETTING_LIMIT]))
		resource++;
	if (resource == SHMQ_RESOURCES)
		return KEY_NONE;
	if (word[length] == '\0')
		return keys_of_setting(resource, SETTING_LIMIT);
	for (unsigned setting = SETTING_LIMIT + 1; setting < SETTINGS; setting++)
		if (strcmp(word + length + 1, setting_names[setting]) == 0)
			return keys_of_setting(resource, (enum setting)setting);
	return KEY_NONE;
}

/* Cut a dotted word in two. Returns false where it is not dotted, or too long to be compared with anything. */
static bool split(char head[WORD_SIZE], const char **tail, const char *word)
{
	const char *dot = strchr(word, '.');

	if (dot == NULL || (size_t)(dot - word) >= WORD_SIZE)
		return false;
	memcpy(head, word, (size_t)(dot - word));
	head[dot - word] = '\0';
	*tail = dot + 1;
	return true;
}

/* The resource whose name a word probably is, as an index, or SHMQ_RESOURCES; `*is_other` tells which spelling. */
static int nearest_resource(const char *word, bool *is_other)
{
	struct nearest nearest = nearest_to(word);

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		nearest_offer(&nearest, resource_keys[resource][0]);
		if (other_keys[resource][0] != NULL)
			nearest_offer(&nearest, other_keys[resource][0]);
	}
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		*is_other = nearest.best != NULL && nearest.best == other_keys[resource][0];
		if (nearest.best != NULL && (*is_other || nearest.best == resource_keys[resource][0]))
			return resource;
	}
	return SHMQ_RESOURCES;
}

/* The setting that a dotted word was meant to be, or NULL: then it may be a permission. */
static const char *nearest_setting(const char *word)
{
	char head[WORD_SIZE];
	const char *tail;
	bool is_other;
	int resource;
	struct nearest nearest;

	if (!split(head, &tail, word))
		return NULL;
	resource = nearest_resource(head, &is_other);
	if (resource == SHMQ_RESOURCES)
		return NULL;
	for (size_t i = 0; i < COUNT(limit_names); i++)
		if (strcmp(tail, limit_names[i]) == 0)
			return resource_keys[resource][SETTING_LIMIT];
	nearest = nearest_to(tail);
	for (unsigned setting = SETTING_LIMIT + 1; setting < SETTINGS; setting++)
		nearest_offer(&nearest, setting_names[setting]);
	for (unsigned setting = SETTING_LIMIT + 1; setting < SETTINGS; setting++)
		if (nearest.best == setting_names[setting])
			return (is_other ? other_keys : resource_keys)[resource][setting];
	return NULL;
}

enum key keys_find(const char *word, enum section section)
{
	enum key found = KEY_NONE;

	for (unsigned key = 0; key < KEY_RESOURCES; key++) {
		if (strcmp(word, keys[key].name) != 0)
			continue;
		if (keys_belongs((enum key)key, section))
			return (enum key)key;
		if (found == KEY_NONE)
			found = (enum key)key;
	}
	if (found == KEY_NONE)
		found = find_resource_key(word);
	if (found == KEY_NONE && strchr(word, '.') != NULL && nearest_setting(word) == NULL)
		found = KEY_PERMISSION;
	return found;
}

const char *keys_nearest(const char *word, enum section section)
{
	struct nearest nearest = nearest_to(word);
	const char *setting = nearest_setting(word);

	if (setting != NULL)
		return setting;
	for (unsigned key = 0; key < KEY_RESOURCES; key++)
		if (keys_belongs((enum key)key, section))
			nearest_offer(&nearest, keys[key].name);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		if (!keys_belongs(keys_of_setting(resource, SETTING_LIMIT), section))
			continue;
		nearest_offer(&nearest, resource_keys[resource][0]);
		if (other_keys[resource][0] != NULL)
			nearest_offer(&nearest, other_keys[resource][0]);
	}
	for (int resource = 0; resource < SHMQ_RESOURCES && nearest.best == NULL; resource++)
		if (keys_belongs(keys_of_setting(resource, SETTING_LIMIT), section) &&
		    (nearest_contains_first_word(word, resource_keys[resource][0]) ||
		     (other_keys[resource][0] != NULL && nearest_contains_first_word(word, other_keys[resource][0]))))
			nearest.best = resource_keys[resource][0];
	return nearest.best;
}

const char *keys_nearest_permission(const char *permission)
{
	char head[WORD_SIZE], known_head[WORD_SIZE];
	const char *tail, *known_tail = NULL;

	for (size_t i = 0; i < COUNT(known_permissions); i++)
		if (strcmp(permission, known_permissions[i]) == 0)
			return NULL;
	if (!split(head, &tail, permission))
		return NULL;
	for (size_t i = 0; i < COUNT(known_permissions); i++) {
		struct nearest of_head = nearest_to(head), of_tail = nearest_to(tail);

		split(known_head, &known_tail, known_permissions[i]);
		nearest_offer(&of_head, known_head);
		nearest_offer(&of_tail, known_tail);
		if (of_head.best != NULL && of_tail.best != NULL)
			return known_permissions[i];
	}
	return NULL;
}
