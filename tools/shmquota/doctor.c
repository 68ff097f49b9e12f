/* SPDX-License-Identifier: MIT */
/*
 * shmquota doctor: the list of examinations and how findings are written.
 */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verb.h"

static const char *const severity_names[SEVERITIES] = {"ok", "note", "warning", "problem"};

static void write_json(struct doctor *doctor, enum severity severity, const char *subject, const char *cure,
                       const char *text)
{
	json_line(stdout, doctor->separator,
	          json_pack("{ss so so so}", "severity", severity_names[severity], "subject", json_text(subject),
	                    "finding", json_text(text), "cure", cure ? json_text(cure) : json_null()));
	doctor->separator = ",\n";
}

void finding(struct doctor *doctor, enum severity severity, const char *subject, const char *cure, const char *format,
             ...)
{
	static const enum tint tints[SEVERITIES] = {TINT_GREEN, TINT_NONE, TINT_YELLOW, TINT_RED};
	char text[1024], printable[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doctor->count[severity]++;
	if (doctor->quiet && severity < FINDING_WARNING)
		return;
	if (doctor->json) {
		write_json(doctor, severity, subject, cure, text);
		return;
	}
	cell_left(stdout, &doctor->style, tints[severity], severity_names[severity], 9);
	cell_left(stdout, &doctor->style, TINT_BOLD, subject, 14);
	printf(" %s\n", text_printable(printable, sizeof(printable), text));
	if (cure)
		printf("%24s%s\n", "", cure);
}

/* The last line: what it comes to. */
static void summarise(const struct doctor *doctor)
{
	unsigned problems = doctor->count[FINDING_PROBLEM], warnings = doctor->count[FINDING_WARNING];

	if (doctor->json)
		printf("],\n\"problems\":%u,\"warnings\":%u}\n", problems, warnings);
	else if (problems + warnings == 0 && !doctor->quiet)
		printf("\nAll is well.\n");
	else if (problems + warnings > 0)
		printf("\n%u problem%s, %u warning%s\n", problems, problems == 1 ? "" : "s", warnings,
		       warnings == 1 ? "" : "s");
}

int verb_doctor(const struct invocation *invocation)
{
	static void (*const examinations[])(struct doctor * doctor) = {
	    examine_kernel, examine_membarrier, examine_proc,     examine_clock,  examine_libraries,
	    examine_shm,    examine_remove_ipc, examine_segments, examine_halves, examine_names,
	};
	struct doctor doctor = {
	    .style = style_of(stdout),
	    .quiet = invocation->quiet,
	    .json = invocation->json,
	    .root = invocation->root ? invocation->root : "",
	    .separator = "\n",
	};

	if (doctor.json)
		printf("{\"schema\":\"shmquota.doctor\",\"version\":1,\"library\":\"%s\",\"findings\":[",
		       shmq_version());
	for (size_t i = 0; i < sizeof(examinations) / sizeof(examinations[0]); i++)
		examinations[i](&doctor);
	summarise(&doctor);
	return doctor.count[FINDING_PROBLEM] > 0 ? EXIT_FAILED : EXIT_DONE;
}
