/* SPDX-License-Identifier: MIT */
/*
 * shmquota audit --journald: events as entries of the journal, by its native protocol. The sentence is the message; the
 * figures stand in fields of their own, so that 'journalctl SHMQUOTA_COMPONENT=alice' finds them, and the whole event
 * stands in SHMQUOTA_EVENT.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION /* where in this program an entry was sent says nothing about the event */
#include <systemd/sd-journal.h>

#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "failure.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX 12
#define FIELD_SIZE 4096

int audit_journal_check(void)
{
	/* The library takes a journal that is not there for one that wants nothing. */
	if (access(JOURNAL_SOCKET, W_OK) == 0)
		return EXIT_DONE;
	return fail(EXIT_FAILED, "Without --journald events go to standard output, or with --output to a file.",
	            "cannot write to the journal at %s: %s", JOURNAL_SOCKET, strerror(errno));
}

static int priority_of(const struct shmq_event *event)
{
	switch (event->kind) {
	case SHMQ_EVENT_QUOTA_VIOLATION:
	case SHMQ_EVENT_CAPABILITY_VIOLATION:
	case SHMQ_EVENT_CRITICAL:
		return LOG_WARNING;
	case SHMQ_EVENT_WOULD_DENY:
	case SHMQ_EVENT_WARNING:
	case SHMQ_EVENT_WORKER_RECOVERED:
	case SHMQ_EVENT_NOTE:
		return LOG_NOTICE;
	default:
		return LOG_INFO;
	}
}

struct fields {
	struct iovec part[FIELDS_MAX];
	char text[FIELDS_MAX][FIELD_SIZE];
	int count;
};

static void add(struct fields *fields, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct fields *fields, const char *format, ...)
{
	char *text = fields->text[fields->count];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, FIELD_SIZE, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	fields->part[fields->count++] = (struct iovec){text, strlen(text)};
}

int audit_journal_send(const struct audit_entry *entry)
{
	const struct shmq_event *event = entry->event;
	const char *kind = shmq_event_kind_name(event->kind);
	const char *resource = shmq_resource_name(event->resource);
	struct fields fields = {.count = 0};

	add(&fields, "MESSAGE=%s%s%s", event->component_name, *event->component_name ? ": " : "", entry->message);
	add(&fields, "PRIORITY=%d", priority_of(event));
	add(&fields, "SYSLOG_IDENTIFIER=shmquota");
	add(&fields, "SHMQUOTA_SEGMENT=%s", entry->segment);
	add(&fields, "SHMQUOTA_SEQUENCE=%" PRIu64, event->sequence);
	add(&fields, "SHMQUOTA_KIND=%s", kind ? kind : "unknown");
	add(&fields, "SHMQUOTA_POLICY_GENERATION=%" PRIu64, event->policy_generation);
	add(&fields, "SHMQUOTA_PID=%" PRIu32, event->pid);
	add(&fields, "SHMQUOTA_EVENT=%s", entry->json);
	if (*event->component_name)
		add(&fields, "SHMQUOTA_COMPONENT=%s", event->component_name);
	if (resource)
		add(&fields, "SHMQUOTA_RESOURCE=%s", resource);
	if (*entry->rule)
		add(&fields, "SHMQUOTA_RULE=%s", entry->rule);
	return sd_journal_sendv(fields.part, fields.count);
}
