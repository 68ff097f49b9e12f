/* SPDX-License-Identifier: MIT */
/*
 * Which verb a line that is being typed is about: its row of the table says how the rest is completed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "candidate.h"
#include "complete.h"
#include "verb.h"

/* What is behind the first word of several verbs: "check, show, diff". */
static void list_second_words(char *out, size_t size, const char *first, size_t length)
{
	const struct verb *verb;
	size_t used = 0;

	for (size_t i = 0; (verb = verb_at(i)) && used < size; i++) {
		if (strncmp(verb->name, first, length) == 0 && verb->name[length] == ' ')
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
			                         verb->name + length + 1);
	}
}

static void offer_first_words(const char *word)
{
	struct typing typing = {.word = word};
	const struct verb *verb;
	char offered[64] = "", seconds[128];

	for (size_t i = 0; (verb = verb_at(i)); i++) {
		size_t length = strcspn(verb->name, " ");

		/* Verbs with the same first word stand together. */
		if (verb->name[length] == '\0') {
			candidate_offer(&typing, verb->name, verb->summary);
		} else if (strncmp(offered, verb->name, length) != 0 || offered[length] != '\0') {
			snprintf(offered, sizeof(offered), "%.*s", (int)length, verb->name);
			list_second_words(seconds, sizeof(seconds), verb->name, length);
			candidate_offer(&typing, offered, seconds);
		}
	}
}

static void offer_second_words(const char *word, const char *first)
{
	struct typing typing = {.word = word};
	size_t length = strlen(first);
	const struct verb *verb;

	for (size_t i = 0; (verb = verb_at(i)); i++) {
		if (strncmp(verb->name, first, length) == 0 && verb->name[length] == ' ')
			candidate_offer(&typing, verb->name + length + 1, verb->summary);
	}
}

static int complete_words(int count, char **words, size_t skipped)
{
	const char *word = words[count - 1];
	const struct verb *verb;
	int taken;

	if (count == 1) {
		if (word[0] == '-')
			complete_program_options(word);
		else
			offer_first_words(word);
		return EXIT_DONE;
	}
	/* The last word is being typed: it is no verb yet, even where it looks like one. */
	verb = verb_named(count - 1, words, &taken);
	if (verb)
		complete(&(struct command_line){
		    .options = verb->options,
		    .arguments = verb->arguments,
		    .words = words + taken,
		    .count = (size_t)(count - taken),
		    .skipped = skipped + (size_t)taken,
		});
	else if (count == 2)
		offer_second_words(word, words[0]);
	return EXIT_DONE;
}

int verb_complete(int count, char **words)
{
	static char nothing[] = "";

	if (count == 0)
		return complete_words(1, (char *[]){nothing}, 0);
	if (count > 1 && strcmp(words[0], "help") == 0) {
		/* Behind it stands a verb and nothing else. */
		if (count == 2)
			offer_first_words(words[1]);
		else if (count == 3)
			offer_second_words(words[2], words[1]);
		return EXIT_DONE;
	}
	if (count == 1)
		candidate_offer(&(struct typing){.word = words[0]}, "help", "Explain a verb, with examples");
	return complete_words(count, words, 0);
}
