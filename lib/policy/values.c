/* SPDX-License-Identifier: MIT */
/*
 * What the values of keys mean; see values.h.
 */
#include "policy/values.h"

#include "policy/scan.h"
#include "policy/settings.h"

#include <errno.h>
#include <string.h>

#define LEASE_MAX UINT32_MAX

static const char *const algorithms[] = {"window", "sliding", "bucket", NULL};
static const char *const enforcements[] = {"deny", "warn", "off", NULL};
static const char *const inheritances[] = {"keep", "proportional", "reset", NULL};

static const char *word_at(const char *const *words, int index)
{
	for (int i = 0; words[i] != NULL; i++)
		if (i == index)
			return words[i];
	return NULL;
}

const char *values_algorithm(int algorithm)
{
	return word_at(algorithms, algorithm);
}

const char *values_enforcement(int enforcement)
{
	return word_at(enforcements, enforcement);
}

const char *values_inheritance(int inheritance)
{
	return word_at(inheritances, inheritance);
}

/* One of three words. */
static int read_word(uint64_t *out, const char *const *words, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	char quote[COMPLAIN_QUOTE_SIZE];

	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strlen(words[i]) == strlen(text) && scan_is_word(&scan, words[i])) {
			*out = i;
			return 0;
		}
	}
	complain_quote(quote, text, strlen(text));
	return scan_fail(&scan, 0, "expected %s, %s or %s, not '%s'", words[0], words[1], words[2], quote);
}

static int read_count(uint64_t *out, uint32_t most, const char *text, struct units_fault *fault)
{
	uint32_t count;
	int result = settings_read_count(&count, most, text, fault);

	if (result == 0)
		*out = count;
	return result;
}

static int read_mode(uint64_t *out, const char *text, struct units_fault *fault)
{
	uint32_t mode;
	int result = settings_read_mode(&mode, text, fault);

	if (result == 0)
		*out = mode;
	return result;
}

static int read_switch(uint64_t *out, const char *text, struct units_fault *fault)
{
	bool is_on;
	int result = settings_read_switch(&is_on, text, fault);

	if (result == 0)
		*out = is_on;
	return result;
}

/* Room in bytes. */
static int read_room(uint64_t *out, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	struct units_limit room;
	int result = units_read_limit(&room, SHMQ_STORAGE, text, fault);

	if (result == 0 && (room.amount == 0 || room.amount > SHMQ_RULES_MAX))
		return scan_fail(&scan, 0, "room for rules is from 1 byte to 1 GB");
	if (result == 0)
		*out = room.amount;
	return result;
}

/* A name or any other text, to be kept. */
static int read_text(char **out, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	size_t length = strlen(text);

	while (scan.at < length) {
		size_t bytes = complain_character(text + scan.at, length - scan.at);

		if (bytes == 0)
			return scan_fail(&scan, scan.at,
			                 "a name is UTF-8 without control characters; this byte is not");
		scan.at += bytes;
	}
	if (length > SHMQ_NAME_MAX)
		return scan_fail(&scan, 0, "this name has %zu bytes; it has %d at most", length, SHMQ_NAME_MAX);
	*out = strdup(text);
	return *out == NULL ? -ENOMEM : 0;
}

static int read_segment_name(char **out, const char *text, struct units_fault *fault)
{
	int result = settings_check_name(text, fault);

	if (result < 0)
		return result;
	*out = strdup(text);
	return *out == NULL ? -ENOMEM : 0;
}

static int read_lease(uint64_t *out, enum shmq_resource resource, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	uint64_t amount = 0;
	int result = units_read_amount(&amount, resource, text, fault);

	if (result == 0 && amount > LEASE_MAX)
		return scan_fail(&scan, 0, "a lease is at most %u", LEASE_MAX);
	if (result == 0)
		*out = amount;
	return result;
}

static int read_burst(uint64_t *out, enum shmq_resource resource, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	uint64_t amount = 0;
	int result = units_read_amount(&amount, resource, text, fault);

	if (result == 0 && amount == 0)
		return scan_fail(&scan, 0, "a burst of nothing would deny everything");
	if (result == 0)
		*out = amount;
	return result;
}

static int read_setting(struct draft_value *out, enum shmq_resource resource, enum setting setting, const char *text,
                        struct units_fault *fault)
{
	switch (setting) {
	case SETTING_BURST:
		return read_burst(&out->number, resource, text, fault);
	case SETTING_ALGORITHM:
		return read_word(&out->number, algorithms, text, fault);
	case SETTING_ENFORCE:
		return read_word(&out->number, enforcements, text, fault);
	case SETTING_WARN:
	case SETTING_CRITICAL:
		return units_read_percent(&out->number, text, fault);
	case SETTING_LEASE:
		return read_lease(&out->number, resource, text, fault);
	default:
		return units_read_limit(&out->limit, resource, text, fault);
	}
}

int values_read(struct draft_value *out, enum key key, const char *text, struct units_fault *fault)
{
	enum setting setting;
	int resource;

	if (keys_is_setting(key, &resource, &setting))
		return read_setting(out, (enum shmq_resource)resource, setting, text, fault);
	switch (key) {
	case KEY_NAME:
		return read_segment_name(&out->text, text, fault);
	case KEY_COMPONENTS:
		return read_count(&out->number, SHMQ_COMPONENTS_MAX, text, fault);
	case KEY_THREADS:
		return read_count(&out->number, SHMQ_THREADS_MAX, text, fault);
	case KEY_RESERVATIONS:
		return read_count(&out->number, SHMQ_RESERVATIONS_MAX, text, fault);
	case KEY_EVENTS:
		return read_count(&out->number, SHMQ_EVENTS_MAX, text, fault);
	case KEY_RULES:
		return read_room(&out->number, text, fault);
	case KEY_MODE:
		return read_mode(&out->number, text, fault);
	case KEY_PERSISTENT:
	case KEY_MEMBARRIER:
	case KEY_HUGEPAGES:
		return read_switch(&out->number, text, fault);
	case KEY_RESET_PERIOD:
		return units_read_period(&out->number, text, fault);
	case KEY_INHERIT:
		return read_word(&out->number, inheritances, text, fault);
	case KEY_ALGORITHM:
	case KEY_ENFORCE:
	case KEY_WARN:
	case KEY_CRITICAL:
		/* What it says for all resources is written as it is for one. */
		return read_setting(out, SHMQ_MESSAGES,
		                    key == KEY_ALGORITHM ? SETTING_ALGORITHM
		                    : key == KEY_ENFORCE ? SETTING_ENFORCE
		                                         : SETTING_WARN,
		                    text, fault);
	default:
		return read_text(&out->text, text, fault);
	}
}
