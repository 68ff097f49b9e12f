/* SPDX-License-Identifier: MIT */
/*
 * Who did what. The library's own events say what became of it, and the thread that did it, which is gone when somebody
 * asks; the note says who that was and what was typed. Who became another user by sudo or su is told by the login, which
 * the kernel keeps.
 */
#include "trail.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_LOGIN ((uid_t)-1) /* as of daemons */

static void write_user(char *out, size_t size, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(out, size, "%s", user->pw_name);
	else
		snprintf(out, size, "uid %u", (unsigned)uid);
}

static uid_t login_uid(void)
{
	FILE *file = fopen("/proc/self/loginuid", "re");
	uid_t uid = NO_LOGIN;
	char text[16];

	if (!file)
		return NO_LOGIN;
	if (fgets(text, sizeof(text), file) && *text >= '0' && *text <= '9')
		uid = (uid_t)strtoul(text, NULL, 10);
	fclose(file);
	return uid;
}

static void write_who(char *out, size_t size)
{
	uid_t uid = getuid(), login = login_uid();
	char user[64], other[64];

	write_user(user, sizeof(user), uid);
	write_user(other, sizeof(other), login);
	if (login == NO_LOGIN || login == uid)
		snprintf(out, size, "%s", user);
	else
		snprintf(out, size, "%s, logged in as %s", user, other);
}

void trail_leave(const struct invocation *invocation, struct shmq_segment *segment, const char *component)
{
	char text[SHMQ_EVENT_TEXT_MAX + 1], who[160];
	struct shmq_component *about = NULL;
	size_t length;

	write_who(who, sizeof(who));
	length = (size_t)snprintf(text, sizeof(text), "%s: %s", who, invocation->verb->name);
	for (size_t i = 0; i < invocation->word_count && length < sizeof(text); i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, " %s", invocation->words[i]);
	if (component && shmq_component_find(&about, segment, component) < 0)
		about = NULL;
	shmq_event_write(segment, about, text);
	shmq_component_put(about);
}
