/* SPDX-License-Identifier: MIT */
/*
 * A host may find its segment (made by "shmquota create", or by another host) or create it. Who creates a segment that
 * is not persistent removes it, too. With policy files the host is its controller; without, it takes work access only,
 * the least that serves.
 */
#include "segment.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>

#define RESERVATIONS_LEAST 256

static void log_complaint(void *context, const struct shmq_complaint *complaint)
{
	char text[2048];

	(void)context;
	if (shmq_complaint_format(text, sizeof(text), complaint) > 0)
		log_text(text);
}

static int load_policy(struct shmq_policy **out, const struct host_options *options)
{
	struct shmq_report report = {.complain = log_complaint};
	int result = shmq_policy_load(out, options->policies, options->policy_count, &report);

	if (result < 0 && report.errors > 0)
		log_event("the policy has %zu error%s", report.errors, report.errors == 1 ? "" : "s");
	else if (result < 0)
		log_event("cannot load the policy: %s", shmq_strerror(result));
	return result;
}

static void log_failure(const char *what, const char *name, int result, const char *advice)
{
	if (result == -EINVAL)
		log_event("%s is not a segment's name: give /NAME, or the path of a file on a tmpfs", name);
	else
		log_event("cannot %s segment %s: %s%s", what, name, shmq_strerror(result), advice);
}

static int create_or_open(struct host *host, const char *name, const struct shmq_options *options)
{
	int result = shmq_segment_create(&host->segment, name, options);

	if (result == 0) {
		host->segment_is_ours = !options->persistent;
		return 0;
	}
	/* It exists and is alive or persistent: share it. */
	if (result == -EEXIST)
		result = shmq_segment_open(&host->segment, name, SHMQ_CONTROL);
	if (result < 0)
		log_failure("create or open", name, result, "");
	return result;
}

/*
 * An upload has a reservation for as long as its client takes, and a thread serves many. (A segment that was made by
 * others has its own size; where that is too small, uploads are answered 503.)
 */
static void make_room_for_uploads(struct shmq_options *options)
{
	if (options->reservations < RESERVATIONS_LEAST)
		options->reservations = RESERVATIONS_LEAST;
}

static int start_with_policy(struct host *host)
{
	struct shmq_options segment_options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_policy *policy;
	const char *name;
	int result = load_policy(&policy, host->options);

	if (result < 0)
		return result;
	name = shmq_policy_segment(policy, &segment_options);
	make_room_for_uploads(&segment_options);
	if (host->options->segment_name != NULL)
		name = host->options->segment_name;
	if (name == NULL) {
		log_event("the policy names no segment: add \"name = /NAME\" to its [segment] section, or give --name");
		result = -EINVAL;
	} else {
		result = create_or_open(host, name, &segment_options);
	}
	if (result == 0) {
		result = shmq_policy_publish(host->segment, policy);
		if (result < 0) {
			log_event("cannot publish the policy: %s", shmq_strerror(result));
			segment_stop(host);
		}
	}
	shmq_policy_free(policy);
	return result;
}

static int start_without_policy(struct host *host)
{
	const char *name = host->options->segment_name;
	int result = shmq_segment_open(&host->segment, name, SHMQ_WORK);

	if (result < 0)
		log_failure("open", name, result, "; create it with shmquota create, or give a policy file");
	return result;
}

/* Every thread of every worker takes a slot, and so does the master. */
static int check_thread_slots(struct host *host)
{
	struct shmq_info info = {.size = sizeof(info)};
	unsigned needed = host->options->workers * (host->options->threads + 1) + 1;
	int result = shmq_segment_info(host->segment, &info);

	if (result < 0)
		return result;
	if (needed <= info.threads)
		return 0;
	log_event("the segment has room for %u threads, but %u workers need %u: raise \"threads\" in the policy's "
	          "[segment] section, or lower --workers or --threads",
	          info.threads, host->options->workers, needed);
	return -EAGAIN;
}

int segment_start(struct host *host)
{
	int result = host->options->policy_count > 0 ? start_with_policy(host) : start_without_policy(host);

	if (result < 0)
		return result;
	result = check_thread_slots(host);
	if (result < 0)
		segment_stop(host);
	return result;
}

int segment_reload(struct host *host)
{
	struct shmq_policy *policy;
	size_t components;
	int result;

	if (host->options->policy_count == 0) {
		log_event("nothing to load again: the host was started without a policy file");
		return 0;
	}
	result = load_policy(&policy, host->options);
	if (result < 0) {
		log_event("the old policy stays in force");
		return result == -EAGAIN ? -EIO : result;
	}
	components = shmq_policy_count(policy);
	result = shmq_policy_publish(host->segment, policy);
	shmq_policy_free(policy);
	if (result < 0)
		log_event("the old policy stays in force: %s", shmq_strerror(result));
	else
		log_event("policy loaded again, %zu component%s", components, components == 1 ? "" : "s");
	return result;
}

void segment_stop(struct host *host)
{
	struct shmq_info info = {.size = sizeof(info)};
	char name[256];
	int result;

	if (host->segment == NULL)
		return;
	/* The name lives as long as the segment is open. */
	if (shmq_segment_info(host->segment, &info) < 0)
		info.name = "";
	snprintf(name, sizeof(name), "%s", info.name);
	shmq_segment_close(host->segment);
	host->segment = NULL;
	if (!host->segment_is_ours)
		return;
	result = shmq_segment_remove(name);
	if (result < 0)
		log_event("cannot remove segment %s: %s", name, shmq_strerror(result));
}
