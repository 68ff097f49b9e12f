/* SPDX-License-Identifier: MIT */
/*
 * Reading policy files and printing what is wrong with them, as compilers do.
 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "render.h"

#define COMPLAINT_USUAL 512

/* The first line of a complaint is "PLACE: error: TEXT"; colour its parts. */
static void print_first_line(const struct style *style, const struct shmq_complaint *complaint, const char *line,
                             int length)
{
	const char *kind = complaint->fatal ? ": error: " : ": warning: ";
	enum tint tint = complaint->fatal ? TINT_RED : TINT_MAGENTA;
	const char *found = memmem(line, (size_t)length, kind, strlen(kind));
	int place = found ? (int)(found - line) : 0;

	if (!found) {
		fprintf(stderr, "%.*s\n", length, line);
		return;
	}
	fprintf(stderr, "%s%.*s:%s ", tint_begin(style, TINT_BOLD), place, line, tint_end(style, TINT_BOLD));
	fprintf(stderr, "%s%.*s%s", tint_begin(style, tint), (int)strlen(kind) - 3, kind + 2, tint_end(style, tint));
	fprintf(stderr, " %.*s\n", length - place - (int)strlen(kind), found + strlen(kind));
}

/* The library decides where the caret stands; here only colour is added. */
static void print_complaint(const struct style *style, const struct shmq_complaint *complaint, const char *text)
{
	for (int number = 0; *text; number++) {
		int length = (int)strcspn(text, "\n");

		if (number == 0)
			print_first_line(style, complaint, text, length);
		else if (number == 2)
			fprintf(stderr, "%s%.*s%s\n", tint_begin(style, TINT_GREEN), length, text,
			        tint_end(style, TINT_GREEN));
		else
			fprintf(stderr, "%.*s\n", length, text);
		text += length + (text[length] == '\n');
	}
}

static void complain(void *context, const struct shmq_complaint *complaint)
{
	char usual[COMPLAINT_USUAL];
	char *text = usual;
	int length = shmq_complaint_format(usual, sizeof(usual), complaint);

	if (length >= (int)sizeof(usual)) {
		text = malloc((size_t)length + 1);
		if (text)
			shmq_complaint_format(text, (size_t)length + 1, complaint);
	}
	if (length >= 0)
		print_complaint(context, complaint, text ? text : usual);
	if (text != usual)
		free(text);
}

int policy_exit_code(int result)
{
	if (result == 0)
		return EXIT_DONE;
	/* A file that cannot be read is reported like an error in it, but nothing is wrong with what it says. */
	return result == -EINVAL ? EXIT_POLICY : EXIT_FAILED;
}

/* A segment's name where files are wanted. */
static void hint_at_segment(char *const *paths, size_t count)
{
	char name[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];

	for (size_t i = 0; i < count; i++) {
		if (access(paths[i], F_OK) == 0 || !segment_name_typed(name, sizeof(name), paths[i]) ||
		    access(segment_policy_path(path, sizeof(path), name), F_OK) != 0)
			continue;
		fprintf(stderr,
		        "  %s is a segment, and policy files are wanted here; a segment is given with --name.\n", name);
	}
}

/* Load files and print what is wrong with them. Returns the library's result. */
static int load(struct shmq_policy **out, char *const *paths, size_t count, struct shmq_report *report)
{
	struct style style = style_of(stderr);
	int result;

	*report = (struct shmq_report){.complain = complain, .context = &style};
	result = shmq_policy_load(out, (const char *const *)paths, count, report);
	report->context = NULL;
	if (result < 0 && report->errors == 0)
		fail(EXIT_FAILED, NULL, "cannot read the policy: %s", shmq_strerror(result));
	if (result == -ENOENT)
		hint_at_segment(paths, count);
	return result;
}

int policy_load(struct shmq_policy **out, const struct invocation *invocation, struct shmq_report *report,
                const char *consequence)
{
	int result = load(out, invocation->arguments, invocation->count, report);

	if (result < 0 && consequence && report->errors > 0)
		fail(EXIT_POLICY, NULL, "%zu error%s in the policy: %s", report->errors, report->errors == 1 ? "" : "s",
		     consequence);
	return policy_exit_code(result);
}

int policy_load_paths(struct shmq_policy **out, char *const *paths, size_t count)
{
	struct shmq_report report;

	return policy_exit_code(load(out, paths, count, &report));
}

int policy_load_manifest(struct shmq_manifest **out, const char *path)
{
	struct style style = style_of(stderr);
	struct shmq_report report = {.complain = complain, .context = &style};
	int result = shmq_manifest_load(out, path, &report);

	if (result < 0 && report.errors == 0)
		fail(EXIT_FAILED, NULL, "cannot read the manifest: %s", shmq_strerror(result));
	else if (result < 0)
		fail(EXIT_POLICY, NULL, "%zu error%s in the manifest: nothing was registered", report.errors,
		     report.errors == 1 ? "" : "s");
	return policy_exit_code(result);
}

int policy_target(char *out, size_t size, const struct invocation *invocation, const struct shmq_policy *policy)
{
	const char *name = invocation->name ? invocation->name : shmq_policy_segment(policy, NULL);

	if (!name)
		return fail(EXIT_USAGE, "Give it with --name, or as 'name = /NAME' in the section [segment].",
		            "the policy does not name a segment");
	if (!segment_name_typed(out, size, name))
		return segment_failed("use", name, -EINVAL);
	return EXIT_DONE;
}
