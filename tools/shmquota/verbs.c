/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs, in the order of a segment's life.
 */
#include "verb.h"

#include <stdint.h>

#define OPTION_ROW_NAME                                                                                                \
	{                                                                                                              \
		"name", 'n', "NAME", 0, "The segment; wins over the one that [segment] names", 0                       \
	}
#define OPTION_ROW_QUIET                                                                                               \
	{                                                                                                              \
		"quiet", 'q', NULL, 0, "Say nothing when all went well", 0                                             \
	}

static const struct argp_option policy_options[] = {OPTION_ROW_NAME, OPTION_ROW_QUIET, {0}};
static const struct argp_option quiet_options[] = {OPTION_ROW_QUIET, {0}};

static const struct argp_option list_options[] = {
    {"json", 'j', NULL, 0, "Write one JSON document with exact figures", 0},
    {0},
};

static const struct argp_option reset_options[] = {
    {"all", 'a', NULL, 0, "Reset every component of the segment", 0},
    OPTION_ROW_QUIET,
    {0},
};

static const struct argp_option register_options[] = {
    {"storage", OPTION_STORAGE, "SIZE", 0, "Such as 100MB; the default is 100 MiB", 0},
    {"message-rate", OPTION_MESSAGE_RATE, "RATE", 0, "Such as 1000/s or 100/h; the default is 1000/s", 0},
    {"network-bandwidth", OPTION_NETWORK, "RATE", 0, "Such as 10MB/s, the default", 0},
    {"cpu-time", OPTION_CPU, "RATE", 0, "Such as 500ms/s or 50%; the default is one core", 0},
    {"memory", OPTION_MEMORY, "SIZE", 0, "Such as 256MB, the default", 0},
    OPTION_ROW_QUIET,
    {0},
};

const struct verb verbs[] = {
    {
	"create",
	"POLICY.ini...",
	"Create a segment and publish a policy to it",
	"The segment's name, its size and its mode are taken from the section [segment] of the policy. Later files "
	"override earlier ones key by key. The segment stays until it is removed, whether it is used or not. When "
	"the policy cannot be published, no segment is left.\n"
	"\n"
	"Examples:\n"
	"  shmquota create /etc/shmquota/policy.ini\n"
	"  shmquota create --name /staging policy.ini staging.ini",
	policy_options,
	1,
	SIZE_MAX,
	verb_create,
    },
    {
	"publish",
	"POLICY.ini...",
	"Give an existing segment a new policy",
	"All at once: no operation ever sees half of it, and usage is kept. With any error in the files, or when the "
	"policy has more components than the segment has room for, the old policy stays in force. What [segment] "
	"says about size and mode is not applied to a segment that exists.\n"
	"\n"
	"Examples:\n"
	"  shmquota publish /etc/shmquota/policy.ini\n"
	"  shmquota publish --name prefork policy.ini",
	policy_options,
	1,
	SIZE_MAX,
	verb_publish,
    },
    {
	"register",
	"NAME COMPONENT",
	"Register a component",
	"Without limits the component gets those that the published policy has for its name, or its defaults. With at "
	"least one limit, the others are the built-in defaults. 'unlimited' counts and never refuses, 0 refuses "
	"everything.\n"
	"\n"
	"Examples:\n"
	"  shmquota register prefork alice\n"
	"  shmquota register prefork bob --storage 2GB --message-rate 100/h",
	register_options,
	2,
	2,
	verb_register,
    },
    {
	"unregister",
	"NAME COMPONENT...",
	"Unregister components and forget their usage",
	"Hosts that hold a handle of such a component are told that it is gone. A component that the policy names "
	"comes back with the next 'publish'.\n"
	"\n"
	"Examples:\n"
	"  shmquota unregister prefork alice",
	quiet_options,
	2,
	SIZE_MAX,
	verb_unregister,
    },
    {
	"reset",
	"NAME [COMPONENT...]",
	"Start a component's usage anew",
	"Its windows start again with nothing used, its levels drop to zero, and so do peaks and counts of refusals. "
	"Totals go on.\n"
	"\n"
	"Examples:\n"
	"  shmquota reset prefork alice\n"
	"  shmquota reset --all prefork",
	reset_options,
	1,
	SIZE_MAX,
	verb_reset,
    },
    {
	"list",
	"",
	"List the segments of this machine",
	"State is 'live' where somebody is attached, 'idle' where nobody is, and 'crashed' where all who are attached "
	"are dead. Segments at paths of their own are not found.\n"
	"\n"
	"Examples:\n"
	"  shmquota list\n"
	"  shmquota list --json | jq -r '.segments[].name'",
	list_options,
	0,
	0,
	verb_list,
    },
    {
	"verify",
	"NAME",
	"Check whether a segment is sound",
	"Every structure of the segment is checked, and each invariant that is broken is named with what was found and "
	"what was expected. Nothing is changed, and it may be run beside a host at work: what is changing at the "
	"moment is looked at again. The exit code is 4 where something is broken.\n"
	"\n"
	"A host may itself have brought a level below what is held of it, by shmq_release() while reservations were "
	"open.\n"
	"\n"
	"Examples:\n"
	"  shmquota verify prefork\n"
	"  shmquota verify --quiet prefork || systemctl restart myhost",
	quiet_options,
	1,
	1,
	verb_verify,
    },
    {
	"reap",
	"NAME",
	"Give back what dead workers held",
	"Workers that were killed leave their thread slots, open reservations and shares of memory behind. A host "
	"that calls shmq_housekeep() has them back at once; this does it for others, and after a host that died "
	"altogether. As the segment's controller it also repairs what a dead controller left and frees what was "
	"unregistered.\n"
	"\n"
	"Examples:\n"
	"  shmquota reap prefork",
	quiet_options,
	1,
	1,
	verb_reap,
    },
    {
	"remove",
	"NAME...",
	"Remove segments",
	"The name is gone at once. Processes that have the segment open go on undisturbed and unseen, and its memory "
	"goes when the last of them closes it.\n"
	"\n"
	"Examples:\n"
	"  shmquota remove prefork\n"
	"  shmquota remove /run/myhost/quota",
	quiet_options,
	1,
	SIZE_MAX,
	verb_remove,
    },
    {
	"policy check",
	"FILE...",
	"Check policy files without publishing them",
	"The files are read together, as 'create' and 'publish' read them: later ones override earlier ones. All "
	"complaints are shown, each with its line. Warnings alone do not fail.\n"
	"\n"
	"Examples:\n"
	"  shmquota policy check policy.ini\n"
	"  shmquota policy check policy.ini local.ini && systemctl reload myhost",
	quiet_options,
	1,
	SIZE_MAX,
	verb_policy_check,
    },
};

const size_t verb_count = sizeof(verbs) / sizeof(verbs[0]);
