/* SPDX-License-Identifier: MIT */
/*
 * The list of segments, as 'shmquota list' and a shm-dump that was given no name print it.
 *
 * Every segment is opened for observing while its line is made; one that cannot be opened is listed with the reason.
 */
#ifndef LISTING_H
#define LISTING_H

#include "render.h"
#include "segments.h"

void listing_text(FILE *stream, const struct style *style, const struct segment_names *names);
void listing_json(FILE *stream, const struct segment_names *names);

#endif
