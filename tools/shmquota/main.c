/* SPDX-License-Identifier: MIT */
/*
 * shmquota VERB: makes segments, publishes policies, resets and removes.
 *
 * The first words name a verb of the table in verbs.c; what follows them is parsed with that verb's options. Help is
 * made from the same table, so it cannot differ from what the program does.
 */
#include "verb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complete.h"
#include "nearest.h"
#include "render.h"

static const struct argp_option help_options[] = {
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, -1},
    {0},
};

/* -h, which argp does not bring along; part of the program's options and of each verb's. */
static error_t parse_help_option(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key != 'h')
		return ARGP_ERR_UNKNOWN;
	argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	return 0;
}

static const struct argp help_argp = {.options = help_options, .parser = parse_help_option};
const struct argp_child help_children[] = {{&help_argp, 0, NULL, 0}, {0}};

/* ---- Which verb -------------------------------------------------------------------------------------------------- */

/* How many of the words are the verb's name; 0 where they are not. */
static int words_of_verb(const struct verb *verb, int count, char *const *words)
{
	const char *space = strchr(verb->name, ' ');
	size_t first = space ? (size_t)(space - verb->name) : strlen(verb->name);

	if (count < 1 || strlen(words[0]) != first || strncmp(words[0], verb->name, first) != 0)
		return 0;
	if (!space)
		return 1;
	return count >= 2 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct verb *verb_named(int count, char *const *words, int *taken)
{
	const struct verb *verb;

	for (size_t i = 0; (verb = verb_at(i)); i++) {
		*taken = words_of_verb(verb, count, words);
		if (*taken > 0)
			return verb;
	}
	return NULL;
}

/* Whether a word is the first of a verb that has two. */
static bool begins_two_words(const char *word)
{
	size_t length = strlen(word);
	const struct verb *verb;

	for (size_t i = 0; (verb = verb_at(i)); i++) {
		if (strncmp(verb->name, word, length) == 0 && verb->name[length] == ' ')
			return true;
	}
	return false;
}

/* "policy" alone. */
static int second_word_missing(const char *word)
{
	char advice[256] = "There are";
	size_t length = strlen(word);

	for (size_t i = 0; verb_at(i); i++) {
		const char *name = verb_at(i)->name;

		if (strncmp(name, word, length) == 0 && name[length] == ' ')
			snprintf(advice + strlen(advice), sizeof(advice) - strlen(advice), " '%s'", name);
	}
	return fail(EXIT_USAGE, advice, "'%s' wants a second word", word);
}

static int unknown_verb(int count, char *const *words)
{
	char typed[TEXT_PRINTABLE_MAX], printable[TEXT_PRINTABLE_MAX], advice[NEAREST_MAX + 96] = "";
	bool two = count >= 2 && begins_two_words(words[0]);
	struct nearest nearest;

	if (count == 1 && begins_two_words(words[0]))
		return second_word_missing(words[0]);
	snprintf(typed, sizeof(typed), "%s%s%s", words[0], two ? " " : "", two ? words[1] : "");
	nearest = nearest_to(typed);
	for (size_t i = 0; verb_at(i); i++)
		nearest_offer(&nearest, verb_at(i)->name);
	nearest_offer(&nearest, "help");
	if (*nearest.best)
		snprintf(advice, sizeof(advice), "Did you mean 'shmquota %s'? ", nearest.best);
	strcat(advice, "'shmquota help' lists the verbs.");
	return fail(EXIT_USAGE, advice, "there is no verb '%s'", text_printable(printable, sizeof(printable), typed));
}

/* ---- The program ------------------------------------------------------------------------------------------------- */

/* Stop at the first word that is no option: from there on the verb's own options count. */
static error_t parse_program_option(int key, char *argument, struct argp_state *state)
{
	int *first_word = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_ARG:
		*first_word = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a verb is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The program's own help: the verbs, from the table. */
static char *program_doc(void)
{
	char *doc = NULL;
	size_t size;
	FILE *stream = open_memstream(&doc, &size);

	if (!stream)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	fputs("Create quota segments, publish policies to them, and look after them.\vVerbs:\n", stream);
	for (size_t i = 0; verb_at(i); i++)
		fprintf(stream, "  %-13s  %s\n", verb_at(i)->name, verb_at(i)->summary);
	fputs("  help VERB      Explain a verb, with examples\n"
	      "\n"
	      "A segment is called /NAME, NAME, or by a path on a tmpfs. 'shm-dump' shows what is in one.\n"
	      "\n"
	      "Examples:\n"
	      "  shmquota policy check policy.ini\n"
	      "  shmquota create policy.ini\n"
	      "  shmquota list\n"
	      "  shmquota top\n"
	      "  shmquota try prefork alice messages 1 -- sendmail -t\n"
	      "\n" EXIT_CODES_HELP,
	      stream);
	fclose(stream);
	return doc;
}

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "shmquota %s\n", shmq_version());
}

static int run(const struct argp *argp, int count, char **words)
{
	static char help_option[] = "--help";
	bool wants_help = strcmp(words[0], "help") == 0;
	const struct verb *verb;
	int taken;

	if (!wants_help) {
		verb = verb_named(count, words, &taken);
		return verb ? verb_run(verb, count - taken + 1, words + taken - 1) : unknown_verb(count, words);
	}
	if (count == 1) {
		argp_help(argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
		          program_invocation_short_name);
		return output_finish(EXIT_DONE);
	}
	verb = verb_named(count - 1, words + 1, &taken);
	return verb ? verb_run(verb, 2, (char *[]){words[0], help_option, NULL}) : unknown_verb(count - 1, words + 1);
}

int main(int argc, char **argv)
{
	struct argp argp = {
	    .parser = parse_program_option, .args_doc = "VERB [ARGUMENT...]", .children = help_children};
	int first_word = argc;
	char *doc;
	int code;

	if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0)
		return verb_complete(argc - 2, argv + 2);
	render_init();
	argp_program_version_hook = print_version;
	argp_err_exit_status = EXIT_USAGE;
	doc = program_doc();
	argp.doc = doc;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first_word);
	code = run(&argp, argc - first_word, argv + first_word);
	free(doc);
	return code;
}
