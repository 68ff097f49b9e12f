/* SPDX-License-Identifier: MIT */
/*
 * Events as the programs write them: a sentence for people, an object for programs.
 */
#ifndef EVENT_H
#define EVENT_H

#include <jansson.h>
#include <shmquota.h>
#include <stdio.h>

#include "render.h"

/* How an event is felt: refusals are red, warnings yellow, the rest plain. */
enum tint event_tint(const struct shmq_event *event);

/* What happened, without when and to whom: "refused 5: 96 of 100/s used". Returns out. */
char *event_sentence(char *out, size_t size, struct shmq_segment *segment, const struct shmq_event *event,
                     bool unicode);

/* A whole line: when, what kind, who, which resource, and the sentence. */
void event_line(FILE *out, const struct style *style, struct shmq_segment *segment, const struct shmq_event *event);

/*
 * All that is known of it, as one object that stands for itself: the same in a line of 'shmquota audit', in a line of
 * 'shm-dump --events --ndjson' and in the array of a document. `lost` is how many were missed since the object before.
 * NULL where memory is short.
 */
json_t *json_event(struct shmq_segment *segment, const char *name, const struct shmq_event *event, uint64_t lost);

#endif
