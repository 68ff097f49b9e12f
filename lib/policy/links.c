/* SPDX-License-Identifier: MIT */
/*
 * Names to sections; see links.h.
 *
 * A section has one class and one group at most, so what is above it is a path. A path that meets its own mark is a
 * cycle, and one that meets an older mark has been walked; so each section is walked over once.
 */
#include "policy/links.h"

#include "policy/chain.h"
#include "policy/headings.h"
#include "policy/nearest.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE 400  /* of the names in a complaint */
#define SUGGESTIONS 20 /* so many complaints are worth a search through all names */

/* The kind of link that is made: of a class or of a group. */
struct link {
	enum section kind;
	const char *word;
	struct draft_section *(*get)(const struct draft_section *section);
	void (*cut)(struct draft_section *section);
};

static struct draft_section *get_class(const struct draft_section *section)
{
	return section->class;
}

static void cut_class(struct draft_section *section)
{
	section->class = NULL;
}

static struct draft_section *get_group(const struct draft_section *section)
{
	return section->group;
}

static void cut_group(struct draft_section *section)
{
	section->group = NULL;
}

static const struct link class_link = {SECTION_CLASS, "class", get_class, cut_class};
static const struct link group_link = {SECTION_GROUP, "group", get_group, cut_group};

/* ---- Finding ----------------------------------------------------------------------------------------------------- */

static void complain_of_unknown(struct draft *draft, const struct link *link, const struct draft_value *value)
{
	size_t prefix = strlen(link->word);
	bool has_prefix = strncmp(value->text, link->word, prefix) == 0 && value->text[prefix] == ':';
	struct nearest nearest = nearest_to(has_prefix ? value->text + prefix + 1 : value->text);
	char quote[COMPLAIN_QUOTE_SIZE], best[COMPLAIN_QUOTE_SIZE];
	const struct draft_section *section = draft->complaints->errors < SUGGESTIONS ? draft->first : NULL;

	for (; section != NULL; section = section->next)
		if (section->kind == link->kind)
			nearest_offer(&nearest, section->name);
	complain_quote(quote, value->text, strlen(value->text));
	if (nearest.best != NULL)
		complain_error(draft->complaints, &value->place, "there is no %s '%s'; did you mean '%s'?", link->word,
		               quote, complain_quote(best, nearest.best, strlen(nearest.best)));
	else
		complain_error(draft->complaints, &value->place, "there is no %s '%s'; it needs a section [%s:%s]",
		               link->word, quote, link->word, quote);
}

/* The section that a value names, or NULL. Complained of is what the section says itself: that is once. */
static struct draft_section *find(struct draft *draft, const struct link *link, const struct draft_section *section,
                                  const struct draft_value *value)
{
	struct draft_section *found;

	if (value == NULL || strcmp(value->text, HEADINGS_NONE) == 0)
		return NULL;
	found = draft_find(draft, link->kind, false, value->text);
	if (found == NULL && value == draft_value(section, value->key))
		complain_of_unknown(draft, link, value);
	return found;
}

/* ---- Cycles ------------------------------------------------------------------------------------------------------ */

static void add_name(char path[PATH_SIZE], const char *name)
{
	char quote[COMPLAIN_QUOTE_SIZE] = "...";
	size_t length = strlen(path);

	/* Room for one name more, and for the dots after it. */
	if (length >= PATH_SIZE - COMPLAIN_QUOTE_SIZE)
		return;
	if (length < PATH_SIZE - 2 * COMPLAIN_QUOTE_SIZE)
		complain_quote(quote, name, strlen(name));
	snprintf(path + length, PATH_SIZE - length, "%s%s", length > 0 ? " -> " : "", quote);
}

static const struct draft_value *value_of_link(const struct draft *draft, const struct link *link,
                                               const struct draft_section *section)
{
	struct chain chain;

	if (link->kind == SECTION_CLASS)
		return draft_value(section, KEY_CLASS);
	chain_of(&chain, draft, section);
	return chain_value(&chain, KEY_GROUP);
}

/* `last` leads back to `first`. */
static void complain_of_cycle(struct draft *draft, const struct link *link, const struct draft_section *first,
                              const struct draft_section *last)
{
	const struct draft_value *value = value_of_link(draft, link, last);
	char path[PATH_SIZE] = "";

	for (const struct draft_section *at = first; at != last; at = link->get(at))
		add_name(path, at->name);
	add_name(path, last->name);
	add_name(path, first->name);
	complain_error(draft->complaints, &value->place, "a %s above itself: %s", link->word, path);
}

static void cut_cycles(struct draft *draft, const struct link *link, unsigned *mark)
{
	unsigned before = *mark;

	for (struct draft_section *section = draft->first; section != NULL; section = section->next) {
		struct draft_section *at = section, *last = NULL;

		if (section->kind != link->kind || section->mark > before)
			continue;
		for (++*mark; at != NULL && at->mark <= before; at = link->get(at)) {
			at->mark = *mark;
			last = at;
		}
		if (at != NULL && at->mark == *mark) {
			complain_of_cycle(draft, link, at, last);
			link->cut(last);
		}
	}
}

/* ---- Depth ------------------------------------------------------------------------------------------------------- */

/* How many there are from a section to the outermost, counted once each: what was counted before is known. */
static unsigned measure_depth(const struct link *link, struct draft_section *section)
{
	struct draft_section *known = section;
	unsigned steps = 0, depth;

	while (known != NULL && known->depth == 0) {
		known = link->get(known);
		steps++;
	}
	depth = (known == NULL ? 0 : known->depth) + steps;
	for (struct draft_section *at = section; steps > 0; at = link->get(at), steps--)
		at->depth = depth--;
	return section->depth;
}

/* Cut what is too deep, once: what stands above the cut is short enough, and what stands below is counted from there. */
static void cut_depth(struct draft *draft, const struct link *link, unsigned most)
{
	for (struct draft_section *section = draft->first; section != NULL; section = section->next)
		section->depth = 0;
	for (struct draft_section *section = draft->first; section != NULL; section = section->next) {
		const struct draft_value *value;

		if (section->kind != link->kind || measure_depth(link, section) != most + 1)
			continue;
		value = value_of_link(draft, link, section);
		complain_error(draft->complaints, &value->place, "more than %u %s, one above the other", most,
		               link->kind == SECTION_CLASS ? "classes" : "groups");
	}
	for (struct draft_section *section = draft->first; section != NULL; section = section->next)
		if (section->kind == link->kind && section->depth > most && (section->depth - 1) % most == 0)
			link->cut(section);
}

void links_make(struct draft *draft)
{
	struct chain chain;
	unsigned mark = 0;

	for (struct draft_section *section = draft->first; section != NULL; section = section->next)
		section->class = find(draft, &class_link, section, draft_value(section, KEY_CLASS));
	cut_cycles(draft, &class_link, &mark);
	cut_depth(draft, &class_link, CHAIN_CLASSES_MAX);

	draft->fallback.group = find(draft, &group_link, &draft->fallback, draft_value(&draft->fallback, KEY_GROUP));
	for (struct draft_section *section = draft->first; section != NULL; section = section->next) {
		chain_of(&chain, draft, section);
		section->group = find(draft, &group_link, section, chain_value(&chain, KEY_GROUP));
	}
	cut_cycles(draft, &group_link, &mark);
	cut_depth(draft, &group_link, CHAIN_GROUPS_MAX);
}
