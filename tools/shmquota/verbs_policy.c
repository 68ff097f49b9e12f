/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs about policies, in the order in which an operator needs them.
 */
#include <stdint.h>

#include "verb.h"

#define OPTION_ROW_NAME                                                                                                \
	{                                                                                                              \
		"name", 'n', "NAME", 0, "The segment; wins over the one that [segment] names", 0                       \
	}
#define OPTION_ROW_JSON                                                                                                \
	{                                                                                                              \
		"json", 'j', NULL, 0, "Write one JSON document", 0                                                     \
	}
#define OPTION_ROW_QUIET                                                                                               \
	{                                                                                                              \
		"quiet", 'q', NULL, 0, "Say nothing when all went well", 0                                             \
	}

static const struct argp_option check_options[] = {OPTION_ROW_JSON, OPTION_ROW_QUIET, {0}};

static const struct argp_option show_options[] = {
    {"origin", OPTION_ORIGIN, NULL, 0, "Say behind each value in which file and line it stands", 0},
    {"all", 'a', NULL, 0, "Show every value, also what is built in or the same as in [default]", 0},
    {"component", OPTION_COMPONENT, "COMPONENT", 0, "Show the rule that holds for this component, and all of it", 0},
    {"name", 'n', "NAME", 0, "Show what is in force in this segment", 0},
    OPTION_ROW_JSON,
    {0},
};

static const struct argp_option diff_options[] = {
    OPTION_ROW_NAME,
    {"against", OPTION_AGAINST, "FILE", 0, "Compare with this file instead of a segment; several make one policy", 0},
    OPTION_ROW_JSON,
    {"quiet", 'q', NULL, 0, "Only exit with 0 or 1", 0},
    {0},
};

static const struct argp_option apply_options[] = {
    OPTION_ROW_NAME,
    {"dry-run", OPTION_DRY_RUN, NULL, 0, "Change nothing, only say what would change", 0},
    OPTION_ROW_JSON,
    OPTION_ROW_QUIET,
    {0},
};

const struct verb verbs_about_policies[] = {
    {
	"policy check",
	"FILE...",
	"Check policy files without publishing them",
	"The files are read together, as 'create' and 'publish' read them: later ones override earlier ones, and the "
	"files of a folder FILE.d follow FILE. All complaints are shown, each with its line. Warnings alone do not "
	"fail.\n"
	"\n"
	"Examples:\n"
	"  shmquota policy check policy.ini\n"
	"  shmquota policy check policy.ini local.ini && systemctl reload myhost\n"
	"  shmquota policy check --json policy.ini | jq '.complaints[].text'",
	check_options,
	1,
	SIZE_MAX,
	verb_policy_check,
    },
    {
	"policy show",
	"[FILE...]",
	"Show a policy with all that is inherited",
	"Classes and defaults are worked in, so that each section says what counts. What is written is a policy "
	"itself. Without files it is what is in force in the segment of --name.\n"
	"\n"
	"Examples:\n"
	"  shmquota policy show --origin policy.ini\n"
	"  shmquota policy show --origin --component web-17 policy.ini\n"
	"  shmquota policy show --name prefork",
	show_options,
	0,
	SIZE_MAX,
	verb_policy_show,
    },
    {
	"policy diff",
	"FILE...",
	"Show what a policy would change",
	"Compared is with what is in force in the segment, or with other files. '+' comes, '-' goes, '~' becomes "
	"different, '!' would keep it from being published. The exit code is 0 where nothing changes, 1 where "
	"something does, and more than 1 for trouble.\n"
	"\n"
	"Examples:\n"
	"  shmquota policy diff policy.ini\n"
	"  shmquota policy diff --name prefork policy.ini local.ini\n"
	"  shmquota policy diff --against /etc/shmquota/policy.ini new.ini\n"
	"  shmquota policy diff -q policy.ini || shmquota policy apply policy.ini",
	diff_options,
	1,
	SIZE_MAX,
	verb_policy_diff,
    },
    {
	"policy apply",
	"FILE...",
	"Publish a policy and say what it changes",
	"As 'publish', with the changes of 'policy diff' before it. With --dry-run nothing is published; the exit "
	"code is 1 then where publishing would fail.\n"
	"\n"
	"Examples:\n"
	"  shmquota policy apply --dry-run policy.ini\n"
	"  shmquota policy apply policy.ini",
	apply_options,
	1,
	SIZE_MAX,
	verb_policy_apply,
    },
};

const size_t verbs_about_policies_count = sizeof(verbs_about_policies) / sizeof(verbs_about_policies[0]);
