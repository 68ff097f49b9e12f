/* SPDX-License-Identifier: MIT */
/*
 * Reading several segments.
 */
#include "gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct keeping {
	struct row_set *set;
	bool fits;
};

static void keep(void *context, const struct row *rows, size_t count)
{
	struct keeping *keeping = context;

	for (size_t i = 0; i < count; i++)
		keeping->fits = keeping->fits && row_set_add(keeping->set, &rows[i]);
}

/* Returns false where memory is short. */
static bool read_segment(struct gathered *out, const struct gather_choice *choice)
{
	struct selection selection = {
	    .include = choice->include,
	    .include_count = choice->include_count,
	    .exclude = choice->exclude,
	    .exclude_count = choice->exclude_count,
	};
	struct keeping keeping = {&out->set, true};

	out->result = segment_look(&selection.segment, out->name);
	if (out->result < 0)
		return out->result != -ENOMEM;
	out->overview = overview_read(selection.segment, out->name);
	selection.capacity = out->overview.info.components;
	selection_walk(&selection, keep, &keeping);
	shmq_segment_close(selection.segment);
	return keeping.fits;
}

static int read_all(struct gathering *out, char *const *names, size_t count, const struct gather_choice *choice)
{
	out->segment = calloc(count + 1, sizeof(*out->segment));
	if (!out->segment)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct gathered *segment = &out->segment[out->count++];

		if (!segment_name_typed(segment->name, sizeof(segment->name), names[i])) {
			snprintf(segment->name, sizeof(segment->name), "%s", names[i]);
			segment->result = -EINVAL;
		} else if (!read_segment(segment, choice)) {
			gathering_free(out);
			return -ENOMEM;
		}
	}
	return 0;
}

int gather(struct gathering *out, const struct gather_choice *choice)
{
	struct segment_names names = {0};
	int result;

	*out = (struct gathering){0};
	if (choice->name_count > 0)
		return read_all(out, choice->names, choice->name_count, choice);
	segment_names_find(&names);
	result = read_all(out, names.name, names.count, choice);
	segment_names_free(&names);
	return result;
}

void gathering_free(struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->count; i++)
		row_set_free(&gathering->segment[i].set);
	free(gathering->segment);
	*gathering = (struct gathering){0};
}
