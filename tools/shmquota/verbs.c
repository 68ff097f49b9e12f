/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs that change something, in the order of a segment's life; those that look stand in verbs_look.c.
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
    {"manifest", OPTION_MANIFEST, "FILE", 0, "Take its name and its limits from the component's manifest", 0},
    OPTION_ROW_QUIET,
    {0},
};

static const struct argp_option set_options[] = {
    {"storage", OPTION_STORAGE, "SIZE", 0, "Such as 100MB", 0},
    {"message-rate", OPTION_MESSAGE_RATE, "RATE", 0, "Such as 1000/s or 100/h", 0},
    {"network-bandwidth", OPTION_NETWORK, "RATE", 0, "Such as 10MB/s", 0},
    {"cpu-time", OPTION_CPU, "RATE", 0, "Such as 500ms/s or 50%", 0},
    {"memory", OPTION_MEMORY, "SIZE", 0, "Such as 256MB", 0},
    {"inherit", OPTION_INHERIT, "HOW", 0, "What becomes of what is used: keep (the default), proportional or reset", 0},
    OPTION_ROW_QUIET,
    {0},
};

static const struct argp_option try_options[] = {
    {"name", 'n', "NAME", 0, "The segment, where it is not the first argument", 0},
    {"hold", OPTION_HOLD, NULL, 0, "Give the amount back when the command ends, whatever its status", 0},
    {"keep", OPTION_KEEP, NULL, 0, "Keep the amount taken also when the command fails", 0},
    {"wait", OPTION_WAIT, "DURATION", 0, "Wait so long to be admitted, such as 30s", 0},
    {"denied-code", 'E', "N", 0, "Exit with N instead of 6 when it is denied", 0},
    {"quiet", 'q', NULL, 0, "Do not say why it was denied", 0},
    {0},
};

const struct verb verbs_that_change[] = {
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
	"NAME {COMPONENT | --manifest FILE}",
	"Register a component",
	"Without limits the component gets those that the published policy has for its name, or its defaults. With at "
	"least one limit, the others are the built-in defaults. 'unlimited' counts and never refuses, 0 refuses "
	"everything. With a manifest the component gets what it asks for as far as the policy allows it.\n"
	"\n"
	"Examples:\n"
	"  shmquota register prefork alice\n"
	"  shmquota register prefork bob --storage 2GB --message-rate 100/h\n"
	"  shmquota register prefork --manifest /opt/resizer/manifest.ini",
	register_options,
	1,
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
	"set",
	"NAME COMPONENT",
	"Change limits of a component while it works",
	"Limits that are not given stay as they are, and what is used stays used: a limit below it denies until it "
	"drains. "
	"It holds until it is set again; of a component that the policy names, until the next policy is published, so "
	"write "
	"what proved right into the policy.\n"
	"\n"
	"Examples:\n"
	"  shmquota set prefork alice --storage 2GB\n"
	"  shmquota set prefork alice --message-rate 200/h --memory unlimited\n"
	"  shmquota set prefork alice --message-rate 50/h --inherit proportional",
	set_options,
	2,
	2,
	verb_set,
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
	"release",
	"NAME COMPONENT RESOURCE AMOUNT",
	"Give back part of a level",
	"For storage and memory that was taken and is not used any more, as after files were deleted by hand. It stops "
	"at "
	"zero and says so where less was used. Rates (messages, network, cpu) give themselves back with their "
	"windows.\n"
	"\n"
	"Examples:\n"
	"  shmquota release prefork alice storage 20MB\n"
	"  shmquota release prefork alice storage $(stat -c %s old.tar) && rm old.tar",
	quiet_options,
	4,
	4,
	verb_release,
    },
    {
	"try",
	"[NAME] COMPONENT RESOURCE AMOUNT [-- COMMAND...]",
	"Run a command only if its quota admits it",
	"The amount is reserved, the command runs, and its exit status is passed on. When it succeeds the amount stays "
	"taken; when it fails, or cannot be run, or 'shmquota try' itself is killed, the amount is given back (of a "
	"rate "
	"only within its window). With --hold it is always given back at the end: a level then bounds what runs at a "
	"time. Memory is always held. With --keep it always stays taken.\n"
	"\n"
	"Over quota, the command is not run and the exit status is 6 (see -E). A command that a signal ended gives 128 "
	"and the signal's number, one that was not found 127, one that could not be run 126. Without a command the "
	"amount is just taken.\n"
	"\n"
	"Without NAME it is the segment of -n, or the only one of this machine.\n"
	"\n"
	"Examples:\n"
	"  shmquota try prefork alice messages 1 -- sendmail -t < letter\n"
	"  shmquota try -n prefork alice storage 2GB -- tar -cf backup.tar /home/alice\n"
	"  shmquota try --hold --wait 10min prefork batch memory 8GB -- ./report\n"
	"  if shmquota try -q prefork alice messages 1; then echo admitted; fi",
	try_options,
	3,
	4,
	verb_try,
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
};

const size_t verbs_that_change_count = sizeof(verbs_that_change) / sizeof(verbs_that_change[0]);

const struct verb *verb_at(size_t number)
{
	if (number < verbs_that_change_count)
		return &verbs_that_change[number];
	number -= verbs_that_change_count;
	if (number < verbs_about_policies_count)
		return &verbs_about_policies[number];
	number -= verbs_about_policies_count;
	return number < verbs_that_look_count ? &verbs_that_look[number] : NULL;
}
