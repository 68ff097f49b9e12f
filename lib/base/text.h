/* SPDX-License-Identifier: MIT */
/*
 * What a component's name may be, the same for the policy, the API and the check of what the segment says; and how text
 * that may be anything is made fit for a terminal or a log.
 */
#ifndef SHMQ_BASE_TEXT_H
#define SHMQ_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_NAME_MAX 127 /* bytes */

/* Tell whether these bytes are 1 to TEXT_NAME_MAX bytes of UTF-8 (RFC 3629) without control characters. */
bool text_is_component_name(const char *name, size_t length);

/* What the names of groups begin with, and no others. */
#define TEXT_GROUP "group:"

bool text_is_group_name(const char *name);

/* How long text may stay so that it is at most `most` bytes and no character of UTF-8 is cut in two. */
size_t text_cut(const char *text, size_t length, size_t most);

/* Put '?' for each byte that belongs to no well-formed UTF-8, or to a control character. */
void text_make_plain(char *text, size_t length);

#endif
