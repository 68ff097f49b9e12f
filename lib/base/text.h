/* SPDX-License-Identifier: MIT */
/*
 * What a component's name may be, the same for the policy, the API and the check of what the segment says.
 */
#ifndef SHMQ_BASE_TEXT_H
#define SHMQ_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_NAME_MAX 127 /* bytes */

/* Tell whether these bytes are 1 to TEXT_NAME_MAX bytes of UTF-8 (RFC 3629) without control characters. */
bool text_is_component_name(const char *name, size_t length);

#endif
