/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs that look and change nothing.
 */
#include <stdint.h>

#include "verb.h"

#define OPTION_ROW_JSON                                                                                                \
	{                                                                                                              \
		"json", 'j', NULL, 0, "Write JSON with exact figures", 0                                               \
	}
#define OPTION_ROWS_GLOBS                                                                                              \
	{"include", 'I', "GLOB", 0, "Components whose names match; may be given several times", 0},                    \
	{                                                                                                              \
		"exclude", 'X', "GLOB", 0, "No components whose names match; wins over -I", 0                          \
	}

static const struct argp_option json_options[] = {OPTION_ROW_JSON, {0}};
static const struct argp_option quiet_options[] = {{"quiet", 'q', NULL, 0, "Say nothing when all is well", 0}, {0}};

static const struct argp_option show_options[] = {
    {"explain", OPTION_EXPLAIN, NULL, 0, "Say what each figure means", 0},
    OPTION_ROW_JSON,
    {0},
};

static const struct argp_option top_options[] = {
    {"interval", 'd', "DURATION", 0, "How often to look; the default is 1s", 0},
    {"ascii", OPTION_ASCII, NULL, 0, "Draw with plain characters only", 0},
    {0},
};

static const struct argp_option watch_options[] = {
    OPTION_ROWS_GLOBS,
    {"interval", 'd', "DURATION", 0, "How often to look; the default is 1s", 0},
    {"times", OPTION_TIMES, "N", 0, "End after N looks", 0},
    {"json", 'j', NULL, 0, "Write one JSON value a line", 0},
    {0},
};

static const struct argp_option check_options[] = {
    {"warn", 'w', "PERCENT", 0, "Warning at so much of a limit; the default is each quota's own", 0},
    {"crit", 'c', "PERCENT", 0, "Critical at so much of a limit; the default is each quota's own", 0},
    OPTION_ROWS_GLOBS,
    {0},
};

static const struct argp_option export_options[] = {
    {"output", 'o', "FILE", 0, "Replace this file at once and completely; the default is standard output", 0},
    {"openmetrics", OPTION_OPENMETRICS, NULL, 0, "Write OpenMetrics 1.0; textfile collectors do not read it", 0},
    {"interval", 'd', "DURATION", 0, "Write it again and again, such as every 15s", 0},
    {"times", OPTION_TIMES, "N", 0, "With --interval: end after N times", 0},
    OPTION_ROWS_GLOBS,
    {0},
};

static const struct argp_option why_options[] = {
    {"name", 'n', "NAME", 0, "The segment, where it is not the first argument", 0},
    {0},
};

static const struct argp_option audit_options[] = {
    {"text", 't', NULL, 0, "Lines for people instead of JSON", 0},
    {"follow", 'f', NULL, 0, "Go on with what happens from now on", 0},
    {"output", 'o', "FILE", 0, "Append to this file; SIGHUP opens it anew, for log rotation", 0},
    {"journald", OPTION_JOURNALD, NULL, 0, "Write to the journal; with --output to both", 0},
    {"kind", OPTION_KIND, "KIND,...", 0, "Only events of these kinds", 0},
    {0},
};

static const struct argp_option doctor_options[] = {
    {"quiet", 'q', NULL, 0, "Show only what needs a cure", 0},
    OPTION_ROW_JSON,
    {"root", OPTION_ROOT, "FOLDER", 0, "Read the configuration of logind below this folder", 0},
    {0},
};

static const struct argp_option serve_options[] = {
    {"listen", 'l', "[ADDRESS:]PORT", 0, "Where to listen; the default is 127.0.0.1:9745", 0},
    OPTION_ROWS_GLOBS,
    {"quiet", 'q', NULL, 0, "Do not say where it listens", 0},
    {0},
};

const struct verb verbs_that_look[] = {
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
	json_options,
	0,
	0,
	verb_list,
    },
    {
	"show",
	"[NAME [COMPONENT...]]",
	"Explain a segment or its components figure by figure",
	"Without components the figures of the segment itself, each with a line that says what it is. With components "
	"what each uses of its limits, resource by resource. 'shm-dump' has tables of all components.\n"
	"\n"
	"Examples:\n"
	"  shmquota show prefork\n"
	"  shmquota show prefork alice\n"
	"  shmquota show --explain prefork alice",
	show_options,
	0,
	SIZE_MAX,
	verb_show,
    },
    {
	"top",
	"[NAME]",
	"Show who uses most, on the whole screen",
	"A row for each resource of each component, those nearest to their limits first: bars, how it was at the last "
	"looks, and how many operations are refused each second. Keys sort, filter and scroll; h shows them. When the "
	"host goes away it waits for it to come back.\n"
	"\n"
	"Examples:\n"
	"  shmquota top\n"
	"  shmquota top -d 250ms prefork",
	top_options,
	0,
	1,
	verb_top,
    },
    {
	"watch",
	"[NAME]",
	"Say what changes, line by line",
	"A line for each limit that comes near or is left again, for refusals, for components that come and go, for "
	"new "
	"policies, for workers that die, and when the segment itself goes or comes back. It is made for logs: each "
	"line "
	"stands for itself. What happens between two looks is seen as far as it was counted.\n"
	"\n"
	"Examples:\n"
	"  shmquota watch prefork\n"
	"  shmquota watch -I 'shop-*' prefork | tee -a shop.log\n"
	"  shmquota watch --json -d 10s prefork | jq -c 'select(.change == \"denied\")'",
	watch_options,
	0,
	1,
	verb_watch,
    },
    {
	"audit",
	"[NAME]",
	"Tell what happened: refusals, warnings, changes",
	"Every event that the segment still has, oldest first, one JSON value a line; with --follow it goes on. A "
	"component that floods has one event a second for each resource and kind; 'suppressed' says how many more it "
	"would have been. 'lost' says how many events before this one were overwritten before they were read: then the "
	"segment needs more room for events, or its reader has to come more often.\n"
	"\n"
	"The kinds are quota_violation, would_deny, capability_violation, warning, warning_cleared, critical, "
	"critical_cleared, policy_published, component_registered, component_unregistered, component_changed, reset, "
	"worker_recovered and note, which says who used which verb of shmquota to change something.\n"
	"\n"
	"Examples:\n"
	"  shmquota audit prefork\n"
	"  shmquota audit --follow --text prefork\n"
	"  shmquota audit --follow --output /var/log/shmquota.jsonl prefork\n"
	"  shmquota audit --follow --journald prefork\n"
	"  shmquota audit -f --kind quota_violation,capability_violation prefork | jq -r '[.time, .component, "
	".message] "
	"| @tsv'",
	audit_options,
	0,
	1,
	verb_audit,
    },
    {
	"why",
	"[NAME] COMPONENT [RESOURCE [AMOUNT]]",
	"Say who refuses a component, and what helps",
	"For each resource: whether an amount would be admitted now, and if not, whether the component or which group "
	"refuses it, where that limit stands, and when there is room. Without an amount it is the one that was refused "
	"last, else the least. The last refusal that the segment remembers stands below, also one for want of a "
	"capability. Nothing is taken or counted.\n"
	"\n"
	"With RESOURCE it is about that only, and with an AMOUNT the exit status is 6 where it would be refused. "
	"Without "
	"NAME it is the segment of -n, or the only one of this machine.\n"
	"\n"
	"Examples:\n"
	"  shmquota why prefork alice\n"
	"  shmquota why prefork alice storage 20MB",
	why_options,
	1,
	4,
	verb_why,
    },
    {
	"workers",
	"[NAME]",
	"Show who is attached to a segment",
	"One line for each thread: which slot it has, whether it runs, sleeps, is stopped or dead, and in which epoch "
	"it "
	"reads. A stopped worker that reads holds up the reclaiming of what was retired since.\n"
	"\n"
	"Examples:\n"
	"  shmquota workers prefork",
	json_options,
	0,
	1,
	verb_workers,
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
	"open, and so may 'shmquota release': that is told apart from damage.\n"
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
	"check",
	"[NAME [COMPONENT...]]",
	"Tell a monitoring system how things stand",
	"A plugin for Nagios, Icinga and their like: one line, then the components that are too near to their limits, "
	"and performance data. Dead workers are a warning, a segment whose workers are all dead is critical.\n"
	"\n"
	"Its exit codes are those of such plugins: 0 ok, 1 warning, 2 critical, 3 unknown (the segment cannot be read, "
	"or "
	"wrong usage).\n"
	"\n"
	"Examples:\n"
	"  shmquota check prefork\n"
	"  shmquota check --warn 80 --crit 95 prefork alice bob",
	check_options,
	0,
	SIZE_MAX,
	verb_check,
    },
    {
	"export",
	"[NAME...]",
	"Write metrics for Prometheus",
	"All segments of this machine, or those that are named; what cannot be read has shmquota_up 0. With --output "
	"it "
	"is for the textfile collector of node_exporter: the file is replaced by renaming, so the collector never "
	"reads "
	"half of it.\n"
	"\n"
	"Each component has some forty series. With thousands of components choose those that matter by -I.\n"
	"\n"
	"Examples:\n"
	"  shmquota export prefork\n"
	"  shmquota export -o /var/lib/prometheus/node-exporter/shmquota.prom\n"
	"  shmquota export -d 15s -o /var/lib/prometheus/node-exporter/shmquota.prom prefork",
	export_options,
	0,
	SIZE_MAX,
	verb_export,
    },
    {
	"serve",
	"[NAME...]",
	"Serve metrics and a live page over HTTP",
	"All segments of this machine, or those that are named. /metrics is for Prometheus, / is a page for people. "
	"Nothing can be changed through it. It listens on this machine only, unless --listen says otherwise; there is "
	"no "
	"password, so everybody who reaches it can read.\n"
	"\n"
	"Examples:\n"
	"  shmquota serve\n"
	"  shmquota serve --listen 8080 prefork\n"
	"  shmquota serve --listen 192.0.2.7:9745\n"
	"  ssh -L 9745:127.0.0.1:9745 host shmquota serve",
	serve_options,
	0,
	SIZE_MAX,
	verb_serve,
    },
    {
	"doctor",
	"",
	"Look for what could hurt, with its cure",
	"The kernel, /proc, the clock, the libraries, the size of /dev/shm, whether systemd removes segments when a "
	"user "
	"logs out, and each segment: can it be opened, is it sound, has it room, are its workers alive, who may write "
	"to "
	"it. Nothing is changed. The exit code is 1 where there is a problem.\n"
	"\n"
	"Examples:\n"
	"  shmquota doctor\n"
	"  shmquota doctor --quiet || mail -s 'shmquota' root",
	doctor_options,
	0,
	0,
	verb_doctor,
    },
};

const size_t verbs_that_look_count = sizeof(verbs_that_look) / sizeof(verbs_that_look[0]);
