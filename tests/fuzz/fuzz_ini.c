/* SPDX-License-Identifier: MIT */
/*
 * Policies: any bytes as one to four files, cut at lines "%%". Whatever they are, shmq_policy_load() returns a policy or
 * complaints, never both and never neither; each complaint has a place that exists, and so has each value; and what is a
 * policy can be published, after which every component has the quota, the group and the capabilities that the policy
 * says. The first file is also read as a manifest, and registered if it is one.
 */
#include <shmquota.h>

#include "fuzz.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/names.h"

#define FILES_MAX 4
#define SEPARATOR "\n%%\n"
#define COMPONENTS 128
#define RULES_BYTES (1 << 20)
#define FORMAT_SIZE 65536
#define CANARY 0x5a
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct file {
	char path[32];
	int descriptor;
	const char *text;
	size_t size;
};

static struct file files[FILES_MAX];
static size_t file_count;
static size_t errors, warnings;
static char segment_name[NAME_SIZE];
static struct shmq_segment *segment;

static void remove_segment(void)
{
	shmq_segment_close(segment);
	shmq_segment_remove(segment_name);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	int result;

	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < FILES_MAX; i++) {
		files[i].descriptor = memfd_create("policy", MFD_CLOEXEC);
		if (files[i].descriptor < 0)
			fuzz_fail("memfd_create: %s", strerror(errno));
		snprintf(files[i].path, sizeof(files[i].path), "/proc/self/fd/%d", files[i].descriptor);
	}
	name_sweep();
	name_segment(segment_name, "fuzz-ini");
	options.components = COMPONENTS;
	options.threads = 4;
	options.rules_bytes = RULES_BYTES;
	result = shmq_segment_create(&segment, segment_name, &options);
	if (result != 0)
		fuzz_fail("%s: %s", segment_name, shmq_strerror(result));
	atexit(remove_segment);
	return 0;
}

/* ---- Complaints -------------------------------------------------------------------------------------------------- */

/* Find a line of a file, without what ends it. Returns NULL where the file has not so many. */
static const char *find_line(const struct file *file, unsigned line, size_t *length)
{
	const char *text = file->text, *end = file->text + file->size;

	for (; line > 1 && text < end; line--) {
		const char *next = memchr(text, '\n', (size_t)(end - text));

		text = next == NULL ? end : next + 1;
	}
	if (line != 1 || text > end)
		return NULL;
	*length = (size_t)(end - text);
	if (memchr(text, '\n', *length) != NULL)
		*length = (size_t)((const char *)memchr(text, '\n', *length) - text);
	return text;
}

static void check_place(const struct shmq_complaint *complaint, const struct file *file)
{
	size_t length = 0;
	const char *text;

	if (complaint->line == 0) {
		if (complaint->column != 0)
			fuzz_fail("column %u of no line", complaint->column);
		return;
	}
	text = find_line(file, complaint->line, &length);
	if (text == NULL)
		fuzz_fail("line %u is beyond the end of the file", complaint->line);
	if (complaint->column > length + 1)
		fuzz_fail("line %u has no column %u, it is %zu bytes long", complaint->line, complaint->column, length);
	if (complaint->source == NULL)
		return;
	if (complaint->line == 1 && length >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0) {
		text += 3;
		length -= 3;
	}
	if (strlen(complaint->source) > length || memcmp(complaint->source, text, strlen(complaint->source)) != 0)
		fuzz_fail("line %u does not read \"%s\"", complaint->line, complaint->source);
}

/* Formatting keeps to the room it is given, and cuts what it would have written with more. */
static void check_format(const struct shmq_complaint *complaint)
{
	static char whole[FORMAT_SIZE], cut[FORMAT_SIZE];
	size_t sizes[] = {0, 1, 2, 40, 0, 0};
	int length = shmq_complaint_format(whole, sizeof(whole), complaint);

	if (length < 2 || (size_t)length >= sizeof(whole) || strlen(whole) != (size_t)length ||
	    whole[length - 1] != '\n')
		fuzz_fail("the formatted complaint is not %d bytes of lines", length);
	sizes[4] = (size_t)length;
	sizes[5] = (size_t)length + 1;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i], kept = size == 0 || size > (size_t)length ? (size_t)length : size - 1;

		memset(cut, CANARY, sizeof(cut));
		if (shmq_complaint_format(cut, size, complaint) != length)
			fuzz_fail("with room for %zu bytes the length is another", size);
		if (cut[size] != CANARY || (size > 0 && (memcmp(cut, whole, kept) != 0 || cut[kept] != '\0')))
			fuzz_fail("with room for %zu bytes the text is another", size);
	}
}

static void complain(void *context, const struct shmq_complaint *complaint)
{
	const struct file *file = NULL;

	(void)context;
	if (complaint->fatal)
		errors++;
	else
		warnings++;
	for (size_t i = 0; i < file_count; i++)
		if (complaint->file != NULL && strcmp(complaint->file, files[i].path) == 0)
			file = &files[i];
	if (file == NULL)
		fuzz_fail("a complaint about '%s', which is no file of this policy",
		          complaint->file == NULL ? "(none)" : complaint->file);
	if (complaint->text == NULL || complaint->text[0] == '\0' || strpbrk(complaint->text, "\n\r") != NULL)
		fuzz_fail("a complaint that is not one line");
	check_place(complaint, file);
	check_format(complaint);
}

/* ---- Policies ---------------------------------------------------------------------------------------------------- */

static void check_settings(const char *name, const struct shmq_quota *quota, int i)
{
	bool is_rate = shmq_resource_is_rate(i);

	if (quota->burst[i] > SHMQ_AMOUNT_MAX || quota->lease[i] > UINT32_MAX ||
	    (quota->burst[i] > 0 && quota->algorithm[i] != SHMQ_BUCKET) ||
	    (quota->burst[i] > 0 && (quota->limit[i] == 0 || quota->limit[i] == SHMQ_UNLIMITED)))
		fuzz_fail("[%s] %s: burst %llu, lease %llu", name, shmq_resource_name(i),
		          (unsigned long long)quota->burst[i], (unsigned long long)quota->lease[i]);
	if (shmq_algorithm_name(quota->algorithm[i]) == NULL || shmq_enforcement_name(quota->enforcement[i]) == NULL ||
	    (!is_rate && (quota->algorithm[i] != SHMQ_WINDOW || quota->lease[i] > 0)))
		fuzz_fail("[%s] %s: algorithm %u, enforcement %u", name, shmq_resource_name(i), quota->algorithm[i],
		          quota->enforcement[i]);
	if (quota->warning[i] < 1 || quota->warning[i] > quota->critical[i] || quota->critical[i] > 100)
		fuzz_fail("[%s] %s: warning %u, critical %u", name, shmq_resource_name(i), quota->warning[i],
		          quota->critical[i]);
}

static void check_limits(const char *name, const struct shmq_quota *quota)
{
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		uint64_t period_ns = quota->period_ns[i];
		bool is_whole = period_ns % 1000000 == 0;

		if (quota->limit[i] > SHMQ_AMOUNT_MAX && quota->limit[i] != SHMQ_UNLIMITED)
			fuzz_fail("[%s] %s: limit %llu", name, shmq_resource_name(i),
			          (unsigned long long)quota->limit[i]);
		if (shmq_resource_is_rate(i)
		        ? period_ns < SHMQ_PERIOD_MIN_NS || period_ns > SHMQ_PERIOD_MAX_NS || !is_whole
		        : period_ns != 0)
			fuzz_fail("[%s] %s: period %llu ns", name, shmq_resource_name(i),
			          (unsigned long long)period_ns);
	}
}

/* A place that is none, or one of a line that there is. */
static void check_origin(const struct shmq_origin *origin)
{
	size_t length;

	for (size_t i = 0; origin->file != NULL && i < file_count; i++)
		if (strcmp(origin->file, files[i].path) == 0 && find_line(&files[i], origin->line, &length) != NULL)
			return;
	if (origin->file != NULL)
		fuzz_fail("a value stands in '%s', line %u", origin->file, origin->line);
}

static void check_origins(const struct shmq_policy *policy, size_t index)
{
	static const char *const keys[] = {
	    "storage",   "messages",    "network",         "cpu",   "memory",  "messages.burst", "network.algorithm",
	    "cpu.lease", "memory.warn", "storage.enforce", "group", "inherit", "reset_period",
	};
	struct shmq_policy_grant grant;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct shmq_origin origin = {0};
		int result = shmq_policy_origin(policy, index, keys[i], &origin);

		if (result != 0 && result != -ENOENT)
			fuzz_fail("the origin of '%s': %d", keys[i], result);
		check_origin(&origin);
	}
	for (size_t i = 0; shmq_policy_grant(policy, index, i, &grant) == 0; i++)
		check_origin(&grant.origin);
}

/* A group is a rule of the policy, and stands before what counts against it. */
static void check_group(const struct shmq_policy *policy, const struct shmq_rule *rule, size_t index)
{
	size_t group = rule->group == NULL ? 0 : shmq_policy_find(policy, rule->group);
	struct shmq_rule found = {.size = sizeof(found)};

	if (rule->group == NULL)
		return;
	if (shmq_policy_rule(policy, group, &found) != 0 || found.kind != SHMQ_RULE_GROUP ||
	    strcmp(found.name, rule->group) != 0 || (rule->kind == SHMQ_RULE_GROUP && group >= index))
		fuzz_fail("'%s' counts against '%s', which is no group before it", rule->name, rule->group);
}

/* Returns how many components and groups the rules are about. */
static size_t check_rules(const struct shmq_policy *policy)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	size_t count = 0;

	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++) {
		if (rule.name == NULL || strlen(rule.name) > SHMQ_NAME_MAX ||
		    (rule.name[0] == '\0') != (rule.kind == SHMQ_RULE_DEFAULT))
			fuzz_fail("rule %zu has the name '%s'", i, rule.name == NULL ? "(none)" : rule.name);
		check_limits(rule.name, &rule.quota);
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
			check_settings(rule.name, &rule.quota, resource);
		check_origin(&rule.origin);
		check_origins(policy, i);
		check_group(policy, &rule, i);
		count += rule.kind == SHMQ_RULE_COMPONENT || rule.kind == SHMQ_RULE_GROUP;
	}
	return count;
}

static void check_policy(const struct shmq_policy *policy)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	const char *name = shmq_policy_segment(policy, &options);
	struct shmq_segment *other = NULL;

	if (name != NULL && shmq_segment_open(&other, name, SHMQ_OBSERVE) == -EINVAL)
		fuzz_fail("'%s' cannot be the name of a segment", name);
	shmq_segment_close(other);
	if (options.components == 0 || options.components > SHMQ_COMPONENTS_MAX || options.threads == 0 ||
	    options.threads > SHMQ_THREADS_MAX || options.reservations > SHMQ_RESERVATIONS_MAX ||
	    (options.mode & ~0777U) != 0)
		fuzz_fail("options out of range");
	for (size_t i = 0; i <= shmq_policy_count(policy); i++) {
		struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

		name = shmq_policy_component(policy, i, &quota);
		if (name == NULL || strlen(name) > SHMQ_NAME_MAX ||
		    (name[0] == '\0') != (i == shmq_policy_count(policy)))
			fuzz_fail("component %zu has the name '%s'", i, name == NULL ? "(none)" : name);
	}
}

static bool is_same_quota(const struct shmq_quota *a, const struct shmq_quota *b)
{
	return memcmp(a->limit, b->limit, sizeof(a->limit)) == 0 &&
	       memcmp(a->period_ns, b->period_ns, sizeof(a->period_ns)) == 0 &&
	       memcmp(a->burst, b->burst, sizeof(a->burst)) == 0 && memcmp(a->lease, b->lease, sizeof(a->lease)) == 0 &&
	       memcmp(a->algorithm, b->algorithm, sizeof(a->algorithm)) == 0 &&
	       memcmp(a->enforcement, b->enforcement, sizeof(a->enforcement)) == 0 &&
	       memcmp(a->warning, b->warning, sizeof(a->warning)) == 0 &&
	       memcmp(a->critical, b->critical, sizeof(a->critical)) == 0 && a->inheritance == b->inheritance;
}

/* What a component is granted is what the policy grants, in the same order. */
static void check_published_grants(const struct shmq_policy *policy, size_t index, struct shmq_component *component)
{
	static struct shmq_grant grant = {.size = sizeof(grant)};
	struct shmq_policy_grant wanted;
	size_t count = 0;

	for (; shmq_policy_grant(policy, index, count, &wanted) == 0; count++)
		if (shmq_component_grant(component, count, &grant) != 0 ||
		    strcmp(grant.permission, wanted.permission) != 0 ||
		    strncmp(grant.pattern, wanted.pattern, sizeof(grant.pattern) - 1) != 0)
			fuzz_fail("'%s' is not granted %s %s", shmq_component_name(component), wanted.permission,
			          wanted.pattern);
	if (shmq_component_grant(component, count, &grant) != -ENOENT)
		fuzz_fail("'%s' is granted more than %zu patterns", shmq_component_name(component), count);
}

/* Every component and group of the policy is there, under the policy's quota. */
static void check_published(const struct shmq_policy *policy)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++) {
		struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
		struct shmq_component *component = NULL;
		uint32_t group;
		int result;

		if (rule.kind != SHMQ_RULE_COMPONENT && rule.kind != SHMQ_RULE_GROUP)
			continue;
		result = shmq_component_find(&component, segment, rule.name);
		if (result != 0)
			fuzz_fail("'%s' was published and cannot be found: %s", rule.name, shmq_strerror(result));
		result = shmq_component_quota(component, &quota);
		if (result != 0 || !is_same_quota(&quota, &rule.quota))
			fuzz_fail("'%s' has another quota than was published", rule.name);
		if ((shmq_component_group(component, &group) == 0) != (rule.group != NULL))
			fuzz_fail("'%s' has another group than was published", rule.name);
		if (rule.kind == SHMQ_RULE_COMPONENT)
			check_published_grants(policy, i, component);
		shmq_component_put(component);
	}
}

static void publish(const struct shmq_policy *policy, size_t count)
{
	int result = 0;

	if (count > COMPONENTS / 2)
		return;
	guard_advance(1000000);
	GUARDED(result = shmq_policy_publish(segment, policy));
	/* Entries of policies before this one may still wait for their grace period. */
	if (result == -ENOSPC) {
		GUARDED(shmq_housekeep(segment));
		GUARDED(result = shmq_policy_publish(segment, policy));
	}
	if (result != 0)
		fuzz_fail("publishing: %s", shmq_strerror(result));
	check_published(policy);
}

/* ---- Inputs ------------------------------------------------------------------------------------------------------ */

static void set_file(size_t index, const uint8_t *text, size_t size)
{
	files[index].text = (const char *)text;
	files[index].size = size;
	if (ftruncate(files[index].descriptor, 0) < 0 ||
	    pwrite(files[index].descriptor, text, size, 0) != (ssize_t)size)
		fuzz_fail("memfd: %s", strerror(errno));
}

static void cut_into_files(const uint8_t *data, size_t size)
{
	const size_t separator = strlen(SEPARATOR);

	for (file_count = 0;;) {
		const uint8_t *next = file_count + 1 < FILES_MAX ? memmem(data, size, SEPARATOR, separator) : NULL;
		size_t length = next == NULL ? size : (size_t)(next - data) + 1;

		set_file(file_count++, data, length);
		if (next == NULL)
			return;
		data += length + separator - 1;
		size -= length + separator - 1;
	}
}

static void load(const uint8_t *data, size_t size)
{
	static const uint8_t nothing[1];
	const char *paths[FILES_MAX];
	struct shmq_report report = {.complain = complain};
	struct shmq_policy *policy = NULL;
	int result = 0;

	guard_reset(1000000000);
	errors = warnings = 0;
	cut_into_files(size == 0 ? nothing : data, size);
	for (size_t i = 0; i < FILES_MAX; i++)
		paths[i] = files[i].path;
	/* Without anybody to complain to, under the limit: formatting in many ways is not what is measured. */
	GUARDED(result = shmq_policy_load(&policy, paths, file_count, NULL));
	if ((result == 0) != (policy != NULL) || (result != 0 && result != -EINVAL))
		fuzz_fail("result %d and %s policy", result, policy == NULL ? "no" : "a");
	shmq_policy_free(policy);
	policy = NULL;
	if (shmq_policy_load(&policy, paths, file_count, &report) != result)
		fuzz_fail("loaded again the result is another");
	if (report.errors != errors || report.warnings != warnings || (errors > 0) != (result == -EINVAL))
		fuzz_fail("result %d, %zu errors reported, %zu counted", result, errors, report.errors);
	if (policy != NULL) {
		check_policy(policy);
		publish(policy, check_rules(policy));
	}
	shmq_policy_free(policy);
}

/* ---- Manifests --------------------------------------------------------------------------------------------------- */

/* Under whatever policy is in force: what is asked for is never more than that allows. */
static void register_manifest(const struct shmq_manifest *manifest)
{
	struct shmq_quota asked = {.size = sizeof(asked)}, quota = {.size = sizeof(quota)};
	const char *name = shmq_manifest_name(manifest);
	struct shmq_component *component = NULL;
	int result = 0;

	shmq_manifest_quota(manifest, &asked);
	check_limits(name, &asked);
	GUARDED(result = shmq_component_register_manifest(segment, manifest));
	if (result == -EEXIST || result == -ENOSPC)
		return;
	if (result != 0)
		fuzz_fail("registering the manifest of '%s': %s", name, shmq_strerror(result));
	if (shmq_component_find(&component, segment, name) != 0 || shmq_component_quota(component, &quota) != 0)
		fuzz_fail("'%s' was registered and cannot be found", name);
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		if (quota.limit[i] > asked.limit[i] && quota.period_ns[i] == asked.period_ns[i])
			fuzz_fail("'%s' has more %s than it asked for", name, shmq_resource_name(i));
	check_limits(name, &quota);
	shmq_component_put(component);
	result = shmq_component_unregister(segment, name);
	if (result != 0)
		fuzz_fail("unregistering '%s': %s", name, shmq_strerror(result));
}

static void load_manifest(void)
{
	struct shmq_report report = {.complain = complain};
	struct shmq_manifest *manifest = NULL;
	int result = 0;

	errors = warnings = 0;
	GUARDED(result = shmq_manifest_load(&manifest, files[0].path, NULL));
	if ((result == 0) != (manifest != NULL) || (result != 0 && result != -EINVAL))
		fuzz_fail("result %d and %s manifest", result, manifest == NULL ? "no" : "a");
	shmq_manifest_free(manifest);
	manifest = NULL;
	if (shmq_manifest_load(&manifest, files[0].path, &report) != result || (errors > 0) != (result == -EINVAL))
		fuzz_fail("loaded again the manifest is another, with %zu errors", errors);
	if (manifest != NULL)
		register_manifest(manifest);
	shmq_manifest_free(manifest);
}

static void load_all(const uint8_t *data, size_t size)
{
	load(data, size);
	load_manifest();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guard_run(load_all, data, size);
	return 0;
}

void fuzz_each_seed(fuzz_take *take, void *context)
{
	static const char *const seeds[] = {
	    "",
	    "[default]\nmessage_rate = 100/s\n",
	    "[component:a]\nstorage = 1GB\nmemory = unlimited\n\n%%\n[component:a]\nstorage = 2GB\n",
	    "[segment]\nname = /a\ncomponents = 3\nthreads = 9\n\n%%\n[component:\"b]\"]\ncpu_time = 50%\n%%\n\n%%\n",
	    "[group:g]\ngroup = h\n[group:h]\n[class:c]\ngroup = g\nnetwork = 1MB/s burst 2MB\n[component:a-*]\nclass "
	    "= c\n",
	    "[default]\nfilesystem.read = [/a/*, \"/b\"]\n[component:a]\nfilesystem.read += /c\nnetwork.connect = "
	    "*:80\n",
	    "[component]\nname = a\nversion = 1\n[capabilities]\nfilesystem.read = [\"/a\"]\n[quota]\nstorage = "
	    "\"5\"\n",
	};

	for (unsigned i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "own-%u", i);
		take(context, name, (const uint8_t *)seeds[i], strlen(seeds[i]));
	}
}
