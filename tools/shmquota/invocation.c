/* SPDX-License-Identifier: MIT */
/*
 * One verb: its options are parsed, its arguments counted, its help made from its row of the table; then it runs.
 *
 * Options are the same letters with the same meaning for all verbs, so one parser serves them; which of them a verb
 * takes says its own list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "render.h"
#include "verb.h"

static bool takes_command(const struct verb *verb)
{
	return strstr(verb->arguments, "--") != NULL;
}

static void check_count(const struct argp_state *state, const struct invocation *invocation)
{
	const struct verb *verb = invocation->verb;

	if (invocation->count < verb->least)
		argp_error(state, "an argument is missing: shmquota %s %s", verb->name, verb->arguments);
	if (invocation->count > verb->most)
		argp_error(state, "one argument too many: '%s'", invocation->arguments[verb->most]);
	if (invocation->command_count > 0 && !takes_command(verb))
		argp_error(state, "one argument too many: '%s'", invocation->command[0]);
}

/* Words after "--" are a command where the verb takes one, and ordinary arguments elsewhere. */
static void take_argument(struct invocation *invocation, char *argument, const struct argp_state *state)
{
	bool is_quoted = state->quoted > 0 && state->next > state->quoted;

	if (is_quoted && takes_command(invocation->verb))
		invocation->command[invocation->command_count++] = argument;
	else
		invocation->arguments[invocation->count++] = argument;
}

static double parse_percent(const char *text, const char *option, const struct argp_state *state)
{
	char *end;
	double percent = strtod(text, &end);

	if (*end == '%')
		end++;
	/* Written so that what is not a number fails, too. */
	if (end == text || *end || !(percent >= 0 && percent <= 10000))
		argp_error(state, "%s wants a percentage, not '%s'", option, text);
	return percent;
}

static uint64_t parse_duration(const char *text, uint64_t least_ns, const char *option, const struct argp_state *state)
{
	uint64_t duration_ns = 0;

	if (shmq_parse_duration(&duration_ns, text) == 0 && duration_ns < least_ns)
		argp_error(state, "%s wants at least %llu ms, not '%s'", option,
		           (unsigned long long)((least_ns + 999999) / 1000000), text);
	else if (duration_ns < least_ns)
		argp_error(state, "%s wants seconds, or a duration such as 500ms or 2min, not '%s'", option, text);
	return duration_ns;
}

static unsigned long parse_number(const char *text, unsigned long most, const char *option,
                                  const struct argp_state *state)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || number == 0 || number > most)
		argp_error(state, "%s wants a number from 1 to %lu, not '%s'", option, most, text);
	return number;
}

static error_t parse_flag(int key, struct invocation *invocation)
{
	switch (key) {
	case 'q':
		invocation->quiet = true;
		return 0;
	case 'j':
		invocation->json = true;
		return 0;
	case 'a':
		invocation->all = true;
		return 0;
	case OPTION_HOLD:
		invocation->hold = true;
		return 0;
	case OPTION_KEEP:
		invocation->keep = true;
		return 0;
	case OPTION_OPENMETRICS:
		invocation->openmetrics = true;
		return 0;
	case OPTION_ASCII:
		invocation->ascii = true;
		return 0;
	case 'f':
		invocation->follow = true;
		return 0;
	case 't':
		invocation->text = true;
		return 0;
	case OPTION_JOURNALD:
		invocation->journald = true;
		return 0;
	case OPTION_EXPLAIN:
		invocation->explain = true;
		return 0;
	case OPTION_ORIGIN:
		invocation->origin = true;
		return 0;
	case OPTION_DRY_RUN:
		invocation->dry_run = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_value(int key, char *argument, struct invocation *invocation, const struct argp_state *state)
{
	switch (key) {
	case 'n':
		invocation->name = argument;
		return 0;
	case 'o':
		invocation->file = argument;
		return 0;
	case OPTION_INHERIT:
		invocation->inherit = argument;
		return 0;
	case OPTION_KIND:
		invocation->kinds = argument;
		return 0;
	case OPTION_ROOT:
		invocation->root = argument;
		return 0;
	case 'l':
		invocation->listen = argument;
		return 0;
	case OPTION_COMPONENT:
		invocation->component = argument;
		return 0;
	case OPTION_MANIFEST:
		invocation->manifest = argument;
		return 0;
	case OPTION_AGAINST:
		invocation->against[invocation->against_count++] = argument;
		return 0;
	case 'I':
		invocation->include[invocation->include_count++] = argument;
		return 0;
	case 'X':
		invocation->exclude[invocation->exclude_count++] = argument;
		return 0;
	case 'd':
		invocation->interval_ns = parse_duration(argument, 10000000, "--interval", state);
		return 0;
	case 'w':
		invocation->warning = parse_percent(argument, "--warn", state);
		return 0;
	case 'c':
		invocation->critical = parse_percent(argument, "--crit", state);
		return 0;
	case 'E':
		invocation->denied_code = (int)parse_number(argument, 255, "--denied-code", state);
		return 0;
	case OPTION_WAIT:
		invocation->wait_ns = parse_duration(argument, 1, "--wait", state);
		return 0;
	case OPTION_TIMES:
		invocation->times = parse_number(argument, 1000000000, "--times", state);
		return 0;
	default:
		return parse_flag(key, invocation);
	}
}

static const char *limit_example(int key)
{
	if (key == OPTION_MESSAGE_RATE)
		return "100/s, 5000/min or unlimited";
	if (key == OPTION_NETWORK)
		return "10MB/s, 600MB/min or unlimited";
	return key == OPTION_CPU ? "500ms/s, 50% or unlimited" : "64KB, 1.5GiB or unlimited";
}

/* In the order of the options' keys. */
static const int resource_of[] = {SHMQ_STORAGE, SHMQ_MESSAGES, SHMQ_NETWORK, SHMQ_CPU, SHMQ_MEMORY};

static error_t parse_verb_option(int key, char *argument, struct argp_state *state)
{
	struct invocation *invocation = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		take_argument(invocation, argument, state);
		return 0;
	case ARGP_KEY_END:
		check_count(state, invocation);
		return 0;
	default:
		if (key < OPTION_STORAGE || key > OPTION_MEMORY)
			return parse_value(key, argument, invocation, state);
		if (limit_option(&invocation->quota, key, argument) != 0)
			argp_error(state, "'%s' is not a limit of that kind; write %s", argument, limit_example(key));
		invocation->has_quota = true;
		invocation->is_given[resource_of[key - OPTION_STORAGE]] = true;
		return 0;
	}
}

/* What help says above (before \v) and below a verb's options. */
static char *verb_doc(const struct verb *verb)
{
	char *doc;

	if (asprintf(&doc, "%s.\v%s\n\n%s", verb->summary, verb->text, EXIT_CODES_HELP) < 0)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	return doc;
}

static char **list_of(int count)
{
	char **list = calloc((size_t)count + 1, sizeof(*list));

	if (!list)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	return list;
}

int verb_run(const struct verb *verb, int count, char **words)
{
	struct invocation invocation = {.verb = verb, .quota = SHMQ_QUOTA_DEFAULT};
	char *doc = verb_doc(verb);
	struct argp argp = {verb->options, parse_verb_option, verb->arguments, doc, help_children, NULL, NULL};
	char title[64];
	int code;

	snprintf(title, sizeof(title), "shmquota %s", verb->name);
	words[0] = title;
	if (verb->run == verb_check) {
		argp_err_exit_status = PLUGIN_UNKNOWN;
		/* Monitoring systems show what a plugin writes to its output, and nothing else. */
		dup2(STDOUT_FILENO, STDERR_FILENO);
	}
	invocation.words = words + 1;
	invocation.word_count = (size_t)count - 1;
	invocation.arguments = list_of(count);
	invocation.command = list_of(count);
	invocation.include = list_of(count);
	invocation.exclude = list_of(count);
	invocation.against = list_of(count);
	/* In order: what stands before "--" is the verb's, what stands behind it is a command with options of its own. */
	argp_parse(&argp, count, words, ARGP_IN_ORDER, NULL, &invocation);
	code = output_finish(verb->run(&invocation));
	free(invocation.arguments);
	free(invocation.command);
	free(invocation.include);
	free(invocation.exclude);
	free(invocation.against);
	free(doc);
	return code;
}
