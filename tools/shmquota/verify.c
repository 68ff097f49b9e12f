/* SPDX-License-Identifier: MIT */
/*
 * shmquota verify: tells whether a segment is sound, and if not, what is broken. It looks only, so it may be run at any
 * time, beside a host at work and after one that died.
 */
#include "verb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "defects.h"
#include "render.h"
#include "units.h"

#define DEFECTS_SHOWN 200

struct findings {
	struct shmq_segment *segment;
	uint64_t shown;
	struct defects defects;
};

/* The component that an element belongs to, as ' "name"', or nothing. */
static const char *owner_of(char *out, size_t size, struct shmq_segment *segment, const struct shmq_defect *defect)
{
	char printable[TEXT_PRINTABLE_MAX];
	struct shmq_component *component;
	bool is_of_component = strcmp(defect->structure, "entry") == 0 || strcmp(defect->structure, "quota") == 0 ||
	                       strcmp(defect->structure, "tracker") == 0;

	*out = '\0';
	if (!is_of_component || shmq_component_at(&component, segment, defect->index) != 0)
		return out;
	snprintf(out, size, " \"%s\"", text_printable(printable, sizeof(printable), shmq_component_name(component)));
	shmq_component_put(component);
	return out;
}

static void show(void *context, const struct shmq_defect *defect)
{
	struct findings *findings = context;
	char owner[TEXT_PRINTABLE_MAX + 4];

	defects_add(&findings->defects, defect);
	if (findings->shown++ >= DEFECTS_SHOWN)
		return;
	printf("%s, %s %" PRIu32 "%s: broken: %s (found %" PRIu64 ", expected %" PRIu64 ")\n", defect->object,
	       defect->structure, defect->index, owner_of(owner, sizeof(owner), findings->segment, defect),
	       defect->invariant, defect->found, defect->expected);
}

/* The last line: what it comes to. */
static void summarise(const struct findings *findings, const char *name, const struct shmq_info *info, int defects)
{
	if (findings->shown > DEFECTS_SHOWN)
		printf("... and %" PRIu64 " more\n", findings->shown - DEFECTS_SHOWN);
	if (defects == 0)
		printf("%s is sound: %s of %" PRIu32 ", %" PRIu32 " of %" PRIu32 " thread slots taken\n", name,
		       components_label(info->components_used).text, info->components, info->threads_used,
		       info->threads);
	else if (defects_ailment(&findings->defects) == AILMENT_RELEASED)
		printf("%s has %d level%s below what is held of %s\n", name, defects, defects == 1 ? "" : "s",
		       defects == 1 ? "it" : "them");
	else
		printf("%s is damaged: %d invariant%s broken\n", name, defects, defects == 1 ? " is" : "s are");
}

static void advise(enum ailment ailment, const char *name)
{
	fflush(stdout);
	if (ailment == AILMENT_LOCK)
		fprintf(stderr, "  A controller died at work; 'shmquota reap %s' repairs what it left.\n", name);
	else if (ailment == AILMENT_RELEASED)
		fprintf(stderr, "  " RELEASED_CURE "\n");
	else
		fprintf(stderr,
		        "  Its figures cannot be relied on: stop the host, 'shmquota remove %s', and start it again.\n",
		        name);
}

static int verify(struct shmq_segment *segment, const char *name, bool quiet)
{
	struct findings findings = {.segment = segment};
	struct shmq_info info = {.size = sizeof(info)};
	int defects = shmq_segment_verify(segment, show, &findings);

	if (defects < 0)
		return segment_failed("verify", name, defects);
	shmq_segment_info(segment, &info);
	if (defects > 0 || !quiet)
		summarise(&findings, name, &info, defects);
	if (defects == 0 && info.controller_pid != 0 && !quiet)
		printf("  Process %" PRIu32 " is changing the policy; what follows from that was not looked at.\n",
		       info.controller_pid);
	if (defects == 0)
		return EXIT_DONE;
	advise(defects_ailment(&findings.defects), name);
	return EXIT_DAMAGED;
}

int verb_verify(const struct invocation *invocation)
{
	const char *typed = invocation->arguments[0];
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment = NULL;
	int code;

	if (!segment_name_typed(name, sizeof(name), typed))
		return segment_failed("open", typed, -EINVAL);
	code = segment_open(&segment, name, SHMQ_OBSERVE);
	if (code != EXIT_DONE)
		return code;
	code = verify(segment, name, invocation->quiet);
	shmq_segment_close(segment);
	return code;
}
