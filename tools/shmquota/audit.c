/* SPDX-License-Identifier: MIT */
/*
 * shmquota audit: events as JSON lines, for log files, collectors and the journal, or as lines for people.
 *
 * Each event is one write() of one whole line, so lines of several auditors never mix and none is cut when its file is
 * rotated. Signals are read between lines, from a descriptor: SIGHUP opens the file anew, SIGINT and SIGTERM end
 * the work after a whole line, also where the reader of a pipe reads no more. What was overwritten before it was read
 * is told in "lost".
 */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "event.h"
#include "nearest.h"
#include "target.h"

#define PAUSE_MS 100        /* between two looks of --follow */
#define LOOKS_PER_SECOND 10 /* after so many that found nothing: is it still the same segment? */
#define SENTENCE_MAX 1024

struct audit {
	const struct invocation *invocation;
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	uint64_t cursor;
	uint64_t lost;  /* before the next line: of events that --kind passes over, too */
	uint32_t kinds; /* a bit for each kind that is wanted */
	int out;        /* -1 none: all goes to the journal */
	int signals;
	bool ends;
	int code;
};

/* ---- Where lines go ---------------------------------------------------------------------------------------------- */

static int open_output(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* Whoever rotates logs has renamed the file by now. If the new one cannot be opened, the old one goes on. */
static void reopen_output(struct audit *audit)
{
	int out = open_output(audit->invocation->file);

	if (out < 0) {
		fail(EXIT_FAILED, "Events still go to the file that was open before.", "cannot open %s again: %s",
		     audit->invocation->file, strerror(errno));
		return;
	}
	close(audit->out);
	audit->out = out;
}

static void take_signal(struct audit *audit)
{
	struct signalfd_siginfo signal;

	if (read(audit->signals, &signal, sizeof(signal)) != sizeof(signal))
		return;
	if (signal.ssi_signo == SIGHUP)
		reopen_output(audit);
	else
		audit->ends = true;
}

/* Wait for a signal, or, with `is_to_write`, until a line can be written. Returns true where it can. */
static bool wait_for(struct audit *audit, bool is_to_write, int timeout_ms)
{
	struct pollfd sources[] = {{.fd = audit->signals, .events = POLLIN},
	                           {.fd = is_to_write ? audit->out : -1, .events = POLLOUT}};

	if (poll(sources, 2, timeout_ms) <= 0)
		return false;
	if (sources[0].revents)
		take_signal(audit);
	return sources[1].revents != 0;
}

static void write_line(struct audit *audit, const char *line, size_t size)
{
	while (size > 0) {
		ssize_t written;

		/* Once it is begun, only who is told to end leaves a line in the middle. */
		while (!audit->ends && !wait_for(audit, true, -1))
			;
		if (audit->ends)
			return;
		written = write(audit->out, line, size);
		if (written < 0 && errno != EINTR && errno != EAGAIN) {
			audit->code =
			    fail(EXIT_FAILED, NULL, "cannot write %s: %s",
			         audit->invocation->file ? audit->invocation->file : "the output", strerror(errno));
			audit->ends = true;
			return;
		}
		line += written > 0 ? written : 0;
		size -= written > 0 ? (size_t)written : 0;
	}
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

static void send_to_journal(struct audit *audit, const struct shmq_event *event, const char *json)
{
	char message[SENTENCE_MAX], rule[256] = "";
	struct audit_entry entry = {
	    .event = event, .segment = audit->name, .rule = rule, .message = message, .json = json};
	int result;

	shmq_event_origin(audit->segment, event, rule, sizeof(rule));
	event_sentence(message, sizeof(message), audit->segment, event, false);
	result = audit_journal_send(&entry);
	if (result == 0)
		return;
	audit->code = fail(EXIT_FAILED, NULL, "cannot write to the journal: %s", strerror(-result));
	audit->ends = true;
}

/* A line for people. */
static char *text_of(const struct audit *audit, const struct shmq_event *event)
{
	static const struct style plain = {.unicode = true};
	struct style style = audit->invocation->file ? plain : style_of(stdout);
	char *line = NULL;
	size_t size;
	FILE *stream = open_memstream(&line, &size);

	if (!stream)
		return NULL;
	if (audit->lost > 0)
		fprintf(stream, "(%" PRIu64 " events before the next one were overwritten or lost)\n", audit->lost);
	event_line(stream, &style, audit->segment, event);
	fclose(stream);
	return line;
}

static char *line_of(const struct audit *audit, const struct shmq_event *event)
{
	json_t *line = json_event(audit->segment, audit->name, event, audit->lost);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	return text;
}

/* Write one event to wherever it is wanted. */
static void write_event(struct audit *audit, const struct shmq_event *event)
{
	char *text = line_of(audit, event), *shown = NULL;
	size_t length;

	if (text && audit->invocation->text)
		shown = text_of(audit, event);
	if (!text || (audit->invocation->text && !shown)) {
		free(text);
		audit->code = fail(EXIT_FAILED, NULL, "out of memory");
		audit->ends = true;
		return;
	}
	if (audit->invocation->journald)
		send_to_journal(audit, event, text);
	length = strlen(shown ? shown : text);
	if (!shown)
		text[length++] = '\n'; /* in place of the NUL, which nobody needs any more */
	if (audit->out >= 0)
		write_line(audit, shown ? shown : text, length);
	free(shown);
	free(text);
	audit->lost = 0;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* What a newer library knows has no bit: it is wanted only where everything is. */
static bool is_wanted(const struct audit *audit, const struct shmq_event *event)
{
	if (audit->kinds == UINT32_MAX)
		return true;
	return event->kind > 0 && event->kind < SHMQ_EVENT_KINDS && (audit->kinds >> event->kind & 1) != 0;
}

/* Write all events that are there. Returns whether there were any. */
static bool drain(struct audit *audit)
{
	struct shmq_event event = {.size = sizeof(event)};
	bool was_any = false;

	while (!audit->ends && shmq_event_read(audit->segment, &audit->cursor, &event) == 1) {
		was_any = true;
		audit->lost += event.lost;
		if (is_wanted(audit, &event))
			write_event(audit, &event);
		else
			wait_for(audit, false, 0);
	}
	return was_any;
}

/* A host that starts again makes its segment anew: then that one is followed, from its first event on. */
static void follow_name(struct audit *audit)
{
	struct shmq_info old = {.size = sizeof(old)}, now = {.size = sizeof(now)};
	struct shmq_segment *segment;

	if (segment_look(&segment, audit->name) < 0)
		return;
	shmq_segment_info(audit->segment, &old);
	shmq_segment_info(segment, &now);
	if (now.created_unix_ns == old.created_unix_ns && now.creator_pid == old.creator_pid) {
		shmq_segment_close(segment);
		return;
	}
	drain(audit);
	shmq_segment_close(audit->segment);
	audit->segment = segment;
	audit->cursor = 0;
}

static void follow(struct audit *audit)
{
	unsigned looks = 0;

	while (!audit->ends) {
		looks = drain(audit) ? 0 : looks + 1;
		if (looks == LOOKS_PER_SECOND) {
			follow_name(audit);
			looks = 0;
		}
		if (!audit->ends)
			wait_for(audit, false, PAUSE_MS);
	}
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

static int kind_numbered(const char *name, struct nearest *nearest)
{
	for (int kind = 1; kind < SHMQ_EVENT_KINDS; kind++) {
		if (strcmp(shmq_event_kind_name(kind), name) == 0)
			return kind;
		nearest_offer(nearest, shmq_event_kind_name(kind));
	}
	return 0;
}

/* Read "KIND,KIND...". Returns an exit code, with a message. */
static int parse_kinds(uint32_t *out, const char *text)
{
	char printable[TEXT_PRINTABLE_MAX], advice[NEAREST_MAX + 96] = "'shmquota audit --help' names all kinds.";
	char *copy, *rest, *name;
	int code = EXIT_DONE;

	*out = text ? 0 : UINT32_MAX;
	if (!text)
		return EXIT_DONE;
	copy = rest = strdup(text);
	if (!copy)
		return fail(EXIT_FAILED, NULL, "out of memory");
	while (code == EXIT_DONE && (name = strsep(&rest, ",")) != NULL) {
		struct nearest nearest = nearest_to(name);
		int kind = kind_numbered(name, &nearest);

		*out |= UINT32_C(1) << kind;
		if (kind == 0 && *nearest.best)
			snprintf(advice, sizeof(advice), "Did you mean '%s'?", nearest.best);
		if (kind == 0)
			code = fail(EXIT_USAGE, advice, "there is no kind of event '%s'",
			            text_printable(printable, sizeof(printable), name));
	}
	free(copy);
	return code;
}

static int open_sinks(struct audit *audit)
{
	const struct invocation *invocation = audit->invocation;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Without a file it means what it always does: the terminal is gone. */
	if (invocation->file)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	audit->signals = signalfd(-1, &set, SFD_CLOEXEC);
	audit->out = invocation->journald ? -1 : STDOUT_FILENO;
	if (invocation->file)
		audit->out = open_output(invocation->file);
	if (audit->signals < 0 || (invocation->file && audit->out < 0))
		return fail(EXIT_FAILED, NULL, "cannot open %s: %s", invocation->file ? invocation->file : "signals",
		            strerror(errno));
	return invocation->journald ? audit_journal_check() : EXIT_DONE;
}

int verb_audit(const struct invocation *invocation)
{
	struct audit audit = {.invocation = invocation, .out = -1, .signals = -1};

	audit.code = parse_kinds(&audit.kinds, invocation->kinds);
	if (audit.code == EXIT_DONE)
		audit.code = target_open(&audit.segment, audit.name, invocation->arguments[0], SHMQ_OBSERVE);
	if (audit.code == EXIT_DONE)
		audit.code = open_sinks(&audit);
	if (audit.code == EXIT_DONE && invocation->follow)
		follow(&audit);
	else if (audit.code == EXIT_DONE)
		drain(&audit);
	if (invocation->file && audit.out >= 0)
		close(audit.out);
	if (audit.signals >= 0)
		close(audit.signals);
	shmq_segment_close(audit.segment);
	return audit.code;
}
