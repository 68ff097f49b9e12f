/* SPDX-License-Identifier: MIT */
/*
 * Manifests; see manifest.h. The file is read as a policy's is, with sections of its own.
 */
#include "policy/manifest.h"

#include "policy/capabilities.h"
#include "policy/grants.h"
#include "policy/headings.h"
#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const struct shmq_manifest *manifest, enum key key)
{
	const struct draft_value *value = draft_value(&manifest->draft.segment, key);

	return value == NULL ? NULL : value->text;
}

const char *manifest_name(const struct shmq_manifest *manifest)
{
	return text_of(manifest, KEY_COMPONENT_NAME);
}

const char *manifest_version(const struct shmq_manifest *manifest)
{
	return text_of(manifest, KEY_VERSION);
}

static void check_name(const struct shmq_manifest *manifest, struct complaints *complaints)
{
	const struct draft_value *value = draft_value(&manifest->draft.segment, KEY_COMPONENT_NAME);
	const struct place whole = {.file = manifest->draft.files[0]};

	if (value == NULL && complaints->errors == 0)
		complain_error(complaints, &whole, "a manifest says who it is of: name = NAME in [component]");
	else if (value != NULL && strncmp(value->text, HEADINGS_GROUP, strlen(HEADINGS_GROUP)) == 0)
		complain_error(complaints, &value->place,
		               "names that begin with '" HEADINGS_GROUP "' are those of groups");
}

static void resolve_limit(struct shmq_manifest *manifest, int resource, struct complaints *complaints)
{
	const struct draft_section *section = &manifest->draft.fallback;
	const struct draft_value *value = draft_value(section, keys_of_setting(resource, SETTING_LIMIT));
	const struct draft_value *period = draft_value(section, KEY_RESET_PERIOD);
	struct shmq_quota *quota = &manifest->quota;
	int result;

	if (value == NULL) {
		quota->limit[resource] = SHMQ_UNLIMITED;
		return;
	}
	if (shmq_resource_is_rate(resource) && value->limit.period_ns > 0)
		quota->period_ns[resource] = value->limit.period_ns;
	else if (shmq_resource_is_rate(resource) && period != NULL)
		quota->period_ns[resource] = period->number;
	result = units_limit_resolve(&quota->limit[resource], &value->limit, quota->period_ns[resource]);
	if (result == -ERANGE)
		complain_error(complaints, &value->place, "this is less than one microsecond of CPU time per window");
	else if (result < 0)
		complain_error(complaints, &value->place,
		               "this is above the largest limit, %llu microseconds of CPU time per window",
		               (unsigned long long)SHMQ_AMOUNT_MAX);
	if (value->limit.burst > 0)
		complain_error(complaints, &value->place,
		               "how a rate is kept is up to the host's policy; leave the burst out");
}

/* Encode what is asked for. Nothing is there to find it by, so the places of grants stay empty. */
static int encode_grants(struct shmq_manifest *manifest)
{
	struct grants grants = GRANTS_EMPTY;
	struct capability_walk walk;
	struct capability capability;
	int result = 0;

	capability_begin(&walk, &manifest->draft, &manifest->draft.fallback);
	while (result == 0 && capability_step(&walk, &capability))
		result = grants_add(&grants, capability.permission, capability.grant->pattern, 0, NULL);
	if (result == 0) {
		manifest->grants_bytes = (size_t)grants_encode(&grants, NULL, 0);
		manifest->grants = calloc(1, manifest->grants_bytes);
		if (manifest->grants == NULL)
			result = -ENOMEM;
		else
			grants_encode(&grants, manifest->grants, manifest->grants_bytes);
	}
	grants_free(&grants);
	return result;
}

static int build(struct shmq_manifest *manifest, struct complaints *complaints)
{
	const struct place whole = {.file = manifest->draft.files[0]};
	int result = 0;

	manifest->quota = (struct shmq_quota)SHMQ_QUOTA_DEFAULT;
	check_name(manifest, complaints);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		resolve_limit(manifest, resource, complaints);
	if (complaints->errors == 0 && manifest->draft.section_line[SECTION_CAPABILITIES] > 0)
		result = encode_grants(manifest);
	if (result == -E2BIG) {
		complain_error(complaints, &whole, "a component has at most %d patterns", CAPABILITY_GRANTS_MAX);
		result = 0;
	}
	return result < 0 ? result : manifest->draft.failure;
}

int manifest_load(struct shmq_manifest **out, const char *path, struct shmq_report *report)
{
	struct complaints complaints = {.report = report};
	struct shmq_manifest *manifest = calloc(1, sizeof(*manifest));
	int result;

	if (manifest == NULL)
		return -ENOMEM;
	draft_init(&manifest->draft, &complaints, true);
	result = parse_file(&manifest->draft, path);
	if (result == 0)
		result = build(manifest, &complaints);
	if (result == 0 && complaints.errors > 0)
		result = -EINVAL;
	manifest->draft.complaints = NULL;
	if (result == 0)
		*out = manifest;
	else
		manifest_free(manifest);
	return result;
}

void manifest_free(struct shmq_manifest *manifest)
{
	if (manifest == NULL)
		return;
	free(manifest->grants);
	draft_free(&manifest->draft);
	free(manifest);
}
