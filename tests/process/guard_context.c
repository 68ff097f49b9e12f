/* SPDX-License-Identifier: MIT */
/*
 * SHMQ_GUARD in every way that leads into its block, past it and out of it. Compiled as C11 and once more as C++17, so it
 * keeps to what both are; a plain program, since the test framework's header is neither.
 */
#include <errno.h>
#include <inttypes.h>
#include <shmquota.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A day: no window ends meanwhile, or one test in many would be wrong. */
static const char policy_text[] = "[component:tenant]\n"
				  "storage = 100\n"
				  "memory = 100\n"
				  "message_rate = 10/d\n"
				  "filesystem.write = [\"/app/data/*\", \"/app/log/**\"]\n"
				  "message.send = orders.*\n"
				  "network.connect = example.org:443\n"
				  "[component:warned]\n"
				  "storage = 100\n"
				  "storage.enforce = warn\n"
				  "filesystem.write = /app/data/*\n"
				  "[component:bare]\n";

static struct shmq_segment *segment;
static struct shmq_component *tenant;
static unsigned failures, runs;

static void expect_at(int line, const char *what, int64_t found, int64_t expected)
{
	if (found == expected)
		return;
	printf("line %d, %s: %" PRIi64 ", expected %" PRIi64 "\n", line, what, found, expected);
	failures++;
}

#define EXPECT(what, found, expected) expect_at(__LINE__, what, (int64_t)(found), (int64_t)(expected))

static uint64_t used_by(struct shmq_component *component, int resource)
{
	struct shmq_status status;

	return shmq_status(component, &status) == 0 ? status.resource[resource].used : UINT64_MAX;
}

static uint64_t used(int resource)
{
	return used_by(tenant, resource);
}

static void empty_storage(void)
{
	shmq_release(tenant, SHMQ_STORAGE, used(SHMQ_STORAGE));
}

/* Events of a kind since the last call, with the last one's text. */
static unsigned events(int kind, char text[SHMQ_EVENT_TEXT_MAX + 1])
{
	static uint64_t cursor[SHMQ_EVENT_KINDS];
	struct shmq_event event;
	unsigned count = 0;

	memset(&event, 0, sizeof(event));
	event.size = sizeof(event);
	while (shmq_event_read(segment, &cursor[kind], &event) == 1) {
		if (event.kind != kind)
			continue;
		count++;
		memcpy(text, event.text, sizeof(event.text));
	}
	return count;
}

/* A host function: what it does ends with `outcome`, and used `actual`. */
static int write_file(struct shmq_security_context *context, const char *path, uint64_t size, int outcome,
                      uint64_t actual)
{
	SHMQ_GUARD (context, "filesystem.write", path, SHMQ_STORAGE, size) {
		runs++;
		EXPECT("result at the beginning", context->result, 0);
		EXPECT("amount at the beginning", context->actual, size);
		context->actual = actual;
		context->result = outcome;
	}
	return context->result;
}

static int leave_by_return(struct shmq_security_context *context)
{
	SHMQ_GUARD (context, "filesystem.write", "/app/data/a", SHMQ_STORAGE, 60) {
		if (used(SHMQ_STORAGE) == 60)
			return 77;
	}
	return context->result;
}

static int leave_by_break(struct shmq_security_context *context)
{
	SHMQ_GUARD (context, "filesystem.write", "/app/data/a", SHMQ_STORAGE, 60) {
		if (used(SHMQ_STORAGE) == 60)
			break;
		EXPECT("behind a break", 1, 0);
	}
	return 78;
}

static int leave_by_goto(struct shmq_security_context *context)
{
	SHMQ_GUARD (context, "filesystem.write", "/app/data/a", SHMQ_STORAGE, 60) {
		if (used(SHMQ_STORAGE) == 60)
			goto out;
	}
	return context->result;
out:
	return 79;
}

static int leave_by_continue(struct shmq_security_context *context)
{
	SHMQ_GUARD (context, "filesystem.write", "/app/data/a", SHMQ_STORAGE, 60) {
		if (used(SHMQ_STORAGE) == 60)
			continue;
		EXPECT("behind a continue", 1, 0);
	}
	return context->result;
}

/* ---- What is tested ---------------------------------------------------------------------------------------------- */

static void check_capabilities(void)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(tenant);
	char text[SHMQ_EVENT_TEXT_MAX + 1] = "";

	runs = 0;
	EXPECT("no grant", write_file(&context, "/etc/passwd", 10, 0, 10), SHMQ_FORBIDDEN);
	EXPECT("an escape", write_file(&context, "/app/data/../../etc/passwd", 10, 0, 10), SHMQ_FORBIDDEN);
	EXPECT("a deeper path", write_file(&context, "/app/data/a/b", 10, 0, 10), SHMQ_FORBIDDEN);
	EXPECT("blocks that ran", runs, 0);
	EXPECT("storage of what was forbidden", used(SHMQ_STORAGE), 0);
	EXPECT("forbidden before it is denied", write_file(&context, "/etc/passwd", 101, 0, 10), SHMQ_FORBIDDEN);
	EXPECT("an event", events(SHMQ_EVENT_CAPABILITY_VIOLATION, text), 1);
	EXPECT("its text", strcmp(text, "filesystem.write /etc/passwd"), 0);
	EXPECT("granted", write_file(&context, "/app/data/a", 10, 0, 10), 0);
	EXPECT("granted deeper", write_file(&context, "/app/log/x//y/../z", 10, 0, 10), 0);
	EXPECT("blocks that ran", runs, 2);
	EXPECT("storage", used(SHMQ_STORAGE), 20);
	EXPECT("no event", events(SHMQ_EVENT_CAPABILITY_VIOLATION, text), 0);
	empty_storage();
}

static void check_quota(void)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(tenant);
	char text[SHMQ_EVENT_TEXT_MAX + 1] = "";

	runs = 0;
	EXPECT("refused", write_file(&context, "/app/data/a", 101, 0, 101), SHMQ_DENIED);
	EXPECT("it did not run", runs, 0);
	EXPECT("verdict's resource", context.verdict.resource, SHMQ_STORAGE);
	EXPECT("verdict's amount", context.verdict.requested, 101);
	EXPECT("verdict's limit", context.verdict.limit, 100);
	EXPECT("nothing is used", used(SHMQ_STORAGE), 0);
	EXPECT("an event", events(SHMQ_EVENT_QUOTA_VIOLATION, text), 1);
	EXPECT("the same context again", write_file(&context, "/app/data/a", 100, 0, 100), 0);
	EXPECT("committed", used(SHMQ_STORAGE), 100);
	empty_storage();
	EXPECT("fails", write_file(&context, "/app/data/a", 60, -EIO, 60), -EIO);
	EXPECT("given back", used(SHMQ_STORAGE), 0);
	EXPECT("needs less", write_file(&context, "/app/data/a", 60, 0, 25), 0);
	EXPECT("only that counts", used(SHMQ_STORAGE), 25);
	empty_storage();
	EXPECT("needs nothing", write_file(&context, "/app/data/a", 60, 0, 0), 0);
	EXPECT("nothing counts", used(SHMQ_STORAGE), 0);
	EXPECT("raised above what was reserved", write_file(&context, "/app/data/a", 60, 0, 61), -EINVAL);
	EXPECT("is given back", used(SHMQ_STORAGE), 0);
}

static void check_ways_out(void)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(tenant);

	EXPECT("return", leave_by_return(&context), 77);
	EXPECT("given back by return", used(SHMQ_STORAGE), 0);
	EXPECT("break", leave_by_break(&context), 78);
	EXPECT("given back by break", used(SHMQ_STORAGE), 0);
	EXPECT("goto", leave_by_goto(&context), 79);
	EXPECT("given back by goto", used(SHMQ_STORAGE), 0);
	EXPECT("continue", leave_by_continue(&context), 0);
	EXPECT("committed by continue", used(SHMQ_STORAGE), 60);
	empty_storage();
	/* More often than a ledger has entries: each one is given back. */
	for (unsigned i = 0; i < 1000; i++)
		leave_by_return(&context);
	EXPECT("after a thousand", used(SHMQ_STORAGE), 0);
}

static void check_parts(void)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(tenant);
	struct shmq_security_context inner = SHMQ_SECURITY_CONTEXT(tenant);
	unsigned before;

	runs = 0;
	SHMQ_GUARD (&context, "network.connect", "EXAMPLE.org.:443", SHMQ_NONE, 0)
		runs++;
	EXPECT("a capability alone", context.result, 0);
	SHMQ_GUARD (&context, "network.connect", "example.org:80", SHMQ_NONE, 0)
		runs += 100;
	EXPECT("another port", context.result, SHMQ_FORBIDDEN);
	SHMQ_GUARD (&context, NULL, NULL, SHMQ_MESSAGES, 4)
		runs++;
	EXPECT("a quota alone", context.result, 0);
	SHMQ_GUARD (&context, NULL, NULL, SHMQ_NONE, 0)
		runs++;
	EXPECT("neither", context.result, 0);
	EXPECT("blocks that ran", runs, 3);
	EXPECT("messages", used(SHMQ_MESSAGES), 4);
	before = runs;
	SHMQ_GUARD (&context, "message.send", "orders.created", SHMQ_MESSAGES, 1) {
		SHMQ_GUARD (&inner, "filesystem.write", "/app/data/a", SHMQ_STORAGE, 101)
			runs++;
		context.result = inner.result;
	}
	EXPECT("the inner one is refused", context.result, SHMQ_DENIED);
	EXPECT("the inner block", runs, before);
	EXPECT("messages as before", used(SHMQ_MESSAGES), 4);
}

/* A component that is only warned, one that has no grants, and none. */
static void check_others(void)
{
	struct shmq_component *warned = NULL, *bare = NULL;

	if (shmq_component_find(&warned, segment, "warned") != 0 || shmq_component_find(&bare, segment, "bare") != 0) {
		EXPECT("components", 0, 1);
	} else {
		struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(warned);
		struct shmq_security_context poor = SHMQ_SECURITY_CONTEXT(bare);
		struct shmq_security_context none = SHMQ_SECURITY_CONTEXT(NULL);
		char text[SHMQ_EVENT_TEXT_MAX + 1] = "";

		runs = 0;
		EXPECT("over quota", write_file(&context, "/app/data/a", 150, 0, 150), 0);
		EXPECT("it ran", runs, 1);
		EXPECT("it counts", used_by(warned, SHMQ_STORAGE), 150);
		EXPECT("an event", events(SHMQ_EVENT_WOULD_DENY, text), 1);
		EXPECT("capabilities are not just warned of", write_file(&context, "/etc/x", 1, 0, 1), SHMQ_FORBIDDEN);
		EXPECT("nothing is granted", write_file(&poor, "/app/data/a", 1, 0, 1), SHMQ_FORBIDDEN);
		EXPECT("no component", write_file(&none, "/app/data/a", 1, 0, 1), -EINVAL);
		EXPECT("blocks that ran", runs, 1);
	}
	shmq_component_put(warned);
	shmq_component_put(bare);
}

/* ---- The segment ------------------------------------------------------------------------------------------------- */

static int publish(const char *path)
{
	const char *paths[] = {path};
	struct shmq_policy *policy = NULL;
	FILE *file = fopen(path, "w");
	int result;

	if (file == NULL || fputs(policy_text, file) < 0 || fclose(file) != 0)
		return -EIO;
	result = shmq_policy_load(&policy, paths, 1, NULL);
	if (result == 0)
		result = shmq_policy_publish(segment, policy);
	shmq_policy_free(policy);
	unlink(path);
	return result;
}

int main(void)
{
	char name[64], path[64];

	snprintf(name, sizeof(name), "/shmq-test-%d-guard-context", (int)getpid());
	snprintf(path, sizeof(path), "guard-context-%d.ini", (int)getpid());
	if (shmq_segment_create(&segment, name, NULL) != 0)
		return 1;
	EXPECT("publish", publish(path), 0);
	EXPECT("find", shmq_component_find(&tenant, segment, "tenant"), 0);
	if (failures == 0) {
		check_capabilities();
		check_quota();
		check_ways_out();
		check_parts();
		check_others();
		EXPECT("defects", shmq_segment_verify(segment, NULL, NULL), 0);
		shmq_component_put(tenant);
	}
	shmq_segment_close(segment);
	shmq_segment_remove(name);
	printf("%u failed\n", failures);
	return failures > 0;
}
