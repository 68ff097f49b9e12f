/* SPDX-License-Identifier: MIT */
/*
 * The smallest host: four workers ask for 100 messages each, and one limit of 100 holds for all of them together. The
 * README shows this program without this comment. Exit status 0 only if exactly 100 were admitted.
 */
#include <shmquota.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_segment *segment;
	struct shmq_component *chat;
	struct shmq_status status;

	quota.limit[SHMQ_MESSAGES] = 100;
	shmq_parse_duration(&quota.period_ns[SHMQ_MESSAGES], "1h");
	if (shmq_segment_create(&segment, "/shmquota-hello", NULL) < 0 ||
	    shmq_component_register(segment, "chat", &quota) < 0 || shmq_component_find(&chat, segment, "chat") < 0)
		return 1;
	for (int worker = 0; worker < 4; worker++) {
		if (fork() > 0)
			continue;
		for (int message = 0; message < 100; message++)
			shmq_try_consume(chat, SHMQ_MESSAGES, 1, NULL); /* SHMQ_OK or SHMQ_DENIED */
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	shmq_status(chat, &status);
	printf("%d asked for, %d admitted, %d denied\n", 4 * 100, (int)status.resource[SHMQ_MESSAGES].used,
	       (int)status.resource[SHMQ_MESSAGES].denied);
	shmq_segment_remove("/shmquota-hello");
	shmq_component_put(chat);
	shmq_segment_close(segment);
	return status.resource[SHMQ_MESSAGES].used != 100;
}
