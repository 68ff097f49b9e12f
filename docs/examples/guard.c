/* SPDX-License-Identifier: MIT */
/*
 * Three host functions under SHMQ_GUARD: a file write, a message and a network transfer.
 *
 *     guard POLICY.ini
 *
 * What they would really do (write, send) is left to three small functions at the top; all else is what a host writes.
 * docs/embedding.md shows what stands between the marks; tests/api/snippets.sh sees to it that it is the same.
 */
#include <errno.h>
#include <shmquota.h>
#include <stdio.h>
#include <string.h>

static int store(const char *path, const void *data, size_t size)
{
	(void)data;
	return strcmp(path, "/app/data/broken") == 0 && size > 0 ? -EIO : 0;
}

static int deliver(const char *topic, const char *text)
{
	return topic[0] != '\0' && text[0] != '\0' ? 0 : -EINVAL;
}

/* A peer that takes half of what it is sent. Returns how much that was. */
static long transmit(const char *peer, const void *data, size_t size)
{
	(void)peer;
	(void)data;
	return (long)(size / 2);
}

/* [write] */
static int host_write_file(struct shmq_security_context *context, const char *path, const void *data, size_t size)
{
	SHMQ_GUARD (context, "filesystem.write", path, SHMQ_STORAGE, size) {
		context->result = store(path, data, size); /* 0: committed; anything else: given back */
	}
	return context->result;
}
/* [/write] */

/* [message] */
static int host_send_message(struct shmq_security_context *context, const char *topic, const char *text)
{
	SHMQ_GUARD (context, "message.send", topic, SHMQ_MESSAGES, 1)
		context->result = deliver(topic, text);
	return context->result;
}
/* [/message] */

/* [transfer] */
static int host_transfer(struct shmq_security_context *context, const char *peer, const void *data, size_t size)
{
	SHMQ_GUARD (context, "network.connect", peer, SHMQ_NETWORK, size) {
		long sent = transmit(peer, data, size);

		if (sent < 0)
			context->result = (int)sent;
		else
			context->actual = (uint64_t)sent; /* what was not sent does not count */
	}
	return context->result;
}
/* [/transfer] */

/* [refusal] */
static void explain(const struct shmq_security_context *context, const char *what)
{
	char text[256];

	if (context->result == SHMQ_DENIED && shmq_verdict_format(text, sizeof(text), &context->verdict) > 0)
		printf("%s: %s\n", what, text);
	else
		printf("%s: %s\n", what, shmq_strerror(context->result));
}
/* [/refusal] */

static void work(struct shmq_component *component)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(component);
	struct shmq_status status;
	char data[1500] = {0};

	host_write_file(&context, "/app/data/report", data, 1000);
	explain(&context, "write a report");
	host_write_file(&context, "/app/data/report", data, 1000);
	explain(&context, "write another one");
	host_write_file(&context, "/app/data/../../etc/passwd", data, 1);
	explain(&context, "write elsewhere");
	host_write_file(&context, "/app/data/broken", data, 24);
	explain(&context, "write to a broken disk");
	host_send_message(&context, "orders.created", "order 7");
	explain(&context, "send a message");
	host_transfer(&context, "api.example.org:443", data, 1000);
	explain(&context, "transfer");
	host_transfer(&context, "api.example.org:80", data, 1000);
	explain(&context, "transfer to another port");
	if (shmq_status(component, &status) == 0)
		printf("used: %d bytes stored, %d message, %d bytes transferred\n",
		       (int)status.resource[SHMQ_STORAGE].used, (int)status.resource[SHMQ_MESSAGES].used,
		       (int)status.resource[SHMQ_NETWORK].used);
}

int main(int count, char **words)
{
	const char *paths[] = {count > 1 ? words[1] : "guard.ini"};
	struct shmq_component *component;
	struct shmq_segment *segment;
	struct shmq_policy *policy;
	int result = shmq_segment_create(&segment, "/shmquota-example-guard", NULL);

	if (result < 0) {
		fprintf(stderr, "/shmquota-example-guard: %s\n", shmq_strerror(result));
		return 1;
	}
	result = shmq_policy_load(&policy, paths, 1, NULL);
	if (result == 0) {
		result = shmq_policy_publish(segment, policy);
		shmq_policy_free(policy);
	}
	if (result == 0)
		result = shmq_component_find(&component, segment, "report");
	if (result == 0) {
		work(component);
		shmq_component_put(component);
	} else {
		fprintf(stderr, "%s: %s\n", paths[0], shmq_strerror(result));
	}
	shmq_segment_close(segment);
	shmq_segment_remove("/shmquota-example-guard");
	return result != 0;
}
