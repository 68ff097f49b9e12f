/* SPDX-License-Identifier: MIT */
/*
 * Which paths and methods there are.
 */
#ifndef PREFORK_ROUTES_H
#define PREFORK_ROUTES_H

#include "request.h"

/*
 * Find the operation and the component that a method and a path address. Fills the request, or answers it with 400,
 * 404 or 405.
 */
void routes_find(struct request *request, const char *method, const char *path);

#endif
