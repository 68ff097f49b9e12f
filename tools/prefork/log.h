/* SPDX-License-Identifier: MIT */
/*
 * The host's log: one line per event on stderr, written by one write() so that lines of several processes never mix.
 */
#ifndef PREFORK_LOG_H
#define PREFORK_LOG_H

/* Name this process in its lines: "master", "worker 2". */
void log_set_role(const char *role);

/* Write one event; a newline is added. */
void log_event(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write a text that has its own lines, such as a complaint about a policy. */
void log_text(const char *text);

#endif
