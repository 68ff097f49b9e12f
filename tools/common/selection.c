/* SPDX-License-Identifier: MIT */
/*
 * Choosing, keeping and ordering rows.
 *
 * A bound alone needs no more than twice its rows in memory: what cannot be among the first any more is dropped as soon
 * as the set has grown to twice the bound.
 */
#include "selection.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sets -------------------------------------------------------------------------------------------------------- */

static bool make_room(void **array, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room ? *room * 2 : 64;
	void *grown;

	if (count < *room)
		return true;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return false;
	*array = grown;
	*room = wanted;
	return true;
}

bool row_set_add(struct row_set *set, const struct row *row)
{
	void *rows = set->row, *names = set->name;
	const struct row *last;

	if (!make_room(&rows, &set->room, set->count, sizeof(*set->row)))
		return false;
	set->row = rows;
	last = set->count ? &set->row[set->count - 1] : NULL;
	set->row[set->count] = *row;
	if (last && last->id == row->id && strcmp(last->component, row->component) == 0) {
		set->row[set->count++].component = last->component;
		return true;
	}
	if (!make_room(&names, &set->names_room, set->names, sizeof(*set->name)))
		return false;
	set->name = names;
	set->name[set->names] = strdup(row->component);
	if (!set->name[set->names])
		return false;
	set->row[set->count++].component = set->name[set->names++];
	return true;
}

void row_set_free(struct row_set *set)
{
	for (size_t i = 0; i < set->names; i++)
		free(set->name[i]);
	free(set->name);
	free(set->row);
	*set = (struct row_set){0};
}

/* ---- Order ------------------------------------------------------------------------------------------------------- */

static int compare_figures(long double left, long double right)
{
	return (left > right) - (left < right);
}

int row_compare(const struct row *left, const struct row *right, const struct counter *order, bool descending)
{
	struct value a = order->read(&(struct subject){NULL, left});
	struct value b = order->read(&(struct subject){NULL, right});
	long double x, y;
	bool has_a = value_number(&a, &x), has_b = value_number(&b, &y);
	int result;

	if (a.type == VALUE_TEXT && b.type == VALUE_TEXT)
		/* Words that stand for numbers go by them. */
		result = order->metric ? compare_figures(a.number, b.number) : strcmp(a.text, b.text);
	else if (has_a && has_b)
		result = compare_figures(x, y);
	else
		return has_b - has_a;
	return descending ? -result : result;
}

static int compare_places(const struct row *left, const struct row *right)
{
	if (left->id != right->id)
		return left->id < right->id ? -1 : 1;
	return left->resource - right->resource;
}

static int compare_by_order(const void *left, const void *right, void *context)
{
	const struct selection *selection = context;
	int result = row_compare(left, right, selection->order, selection->descending);

	/* Rows that are equal keep their places, or a table that is shown again and again would flicker. */
	return result ? result : compare_places(left, right);
}

static void order_rows(struct selection *selection)
{
	struct row_set *set = &selection->set;

	if (selection->order && set->count > 0)
		qsort_r(set->row, set->count, sizeof(*set->row), compare_by_order, selection);
	if (selection->most && set->count > selection->most)
		set->count = selection->most;
}

/* ---- Choice ------------------------------------------------------------------------------------------------------ */

static bool matches_any(const char *name, char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	}
	return false;
}

bool name_passes(const char *name, char *const *include, size_t include_count, char *const *exclude,
                 size_t exclude_count)
{
	return (include_count == 0 || matches_any(name, include, include_count)) &&
	       !matches_any(name, exclude, exclude_count);
}

static struct shmq_component *next_component(const struct selection *selection, uint32_t *cursor)
{
	struct shmq_component *component;

	if (selection->wanted_count == 0)
		return component_next(selection->segment, selection->capacity, cursor);
	while (*cursor < selection->wanted_count) {
		if (shmq_component_find(&component, selection->segment, selection->wanted[(*cursor)++]) == 0)
			return component;
	}
	return NULL;
}

/* Read the rows of a component that pass. Returns how many. */
static size_t read_passing(const struct selection *selection, struct shmq_component *component,
                           struct row out[SHMQ_RESOURCES])
{
	size_t count = 0;

	if (!name_passes(shmq_component_name(component), selection->include, selection->include_count,
	                 selection->exclude, selection->exclude_count) ||
	    !rows_read(out, component))
		return 0;
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		if (filter_admits(&selection->filter, &out[r]))
			out[count++] = out[r];
	}
	return count;
}

static int keep(struct selection *selection, const struct row *rows, size_t count)
{
	struct row_set *set = &selection->set;

	for (size_t i = 0; i < count; i++) {
		if (!row_set_add(set, &rows[i]))
			return -ENOMEM;
	}
	if (selection->most && set->count / 2 > selection->most + SHMQ_RESOURCES)
		order_rows(selection);
	return 0;
}

bool selection_is_choice(const struct selection *selection)
{
	return selection->is_kept || selection->wanted_count + selection->include_count + selection->exclude_count > 0;
}

int selection_begin(struct selection *selection)
{
	struct shmq_component *component;
	struct row rows[SHMQ_RESOURCES];
	uint32_t cursor = 0;
	int result = 0;

	selection->is_kept = selection->filter.count > 0 || selection->order || selection->most > 0;
	if (!selection->is_kept)
		return 0;
	while (result == 0 && (component = next_component(selection, &cursor))) {
		result = keep(selection, rows, read_passing(selection, component, rows));
		shmq_component_put(component);
		if (selection->most && !selection->order && selection->set.count >= selection->most)
			break;
	}
	order_rows(selection);
	return result;
}

void selection_end(struct selection *selection)
{
	row_set_free(&selection->set);
	selection->is_kept = false;
}

/* How many rows from here on are of one component. */
static size_t run_length(const struct row_set *set, size_t first)
{
	size_t count = 1;

	while (first + count < set->count && set->row[first + count].component == set->row[first].component)
		count++;
	return count;
}

void selection_walk(const struct selection *selection, void (*see)(void *context, const struct row *rows, size_t count),
                    void *context)
{
	struct shmq_component *component;
	struct row rows[SHMQ_RESOURCES];
	uint32_t cursor = 0;

	if (selection->is_kept) {
		for (size_t i = 0, count; i < selection->set.count; i += count) {
			count = run_length(&selection->set, i);
			see(context, &selection->set.row[i], count);
		}
		return;
	}
	while ((component = next_component(selection, &cursor))) {
		size_t count = read_passing(selection, component, rows);

		if (count > 0)
			see(context, rows, count);
		shmq_component_put(component);
	}
}

/* ---- Rows of one component together ------------------------------------------------------------------------------ */

struct ranked {
	struct row row;
	size_t rank;
};

static int compare_ranked_places(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	int result = (a->row.component > b->row.component) - (a->row.component < b->row.component);

	return result ? result : (a->rank > b->rank) - (a->rank < b->rank);
}

static int compare_ranks(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	int result = (a->rank > b->rank) - (a->rank < b->rank);

	return result ? result : a->row.resource - b->row.resource;
}

int selection_group(struct selection *selection)
{
	struct row_set *set = &selection->set;
	struct ranked *ranked;

	if (set->count == 0)
		return 0;
	ranked = calloc(set->count, sizeof(*ranked));
	if (!ranked)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		ranked[i] = (struct ranked){set->row[i], i};
	qsort(ranked, set->count, sizeof(*ranked), compare_ranked_places);
	for (size_t i = 1; i < set->count; i++) {
		if (ranked[i].row.component == ranked[i - 1].row.component)
			ranked[i].rank = ranked[i - 1].rank;
	}
	qsort(ranked, set->count, sizeof(*ranked), compare_ranks);
	for (size_t i = 0; i < set->count; i++)
		set->row[i] = ranked[i].row;
	free(ranked);
	return 0;
}
