/* SPDX-License-Identifier: MIT */
/*
 * The smallest host: a hundred processes want to store 1 MB each, and one limit of 10 MB holds for all of them together.
 * The README shows this program without this comment. Exit status 0 only if exactly 10 were admitted.
 */
#include <shmquota.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_segment *segment;
	struct shmq_component *alice;
	int status, admitted = 0;

	quota.limit[SHMQ_STORAGE] = 10 << 20; /* 10 MB, for all processes together */
	if (shmq_segment_create(&segment, "/shmquota-hello", NULL) < 0 ||
	    shmq_component_register(segment, "alice", &quota) < 0 || shmq_component_find(&alice, segment, "alice") < 0)
		return 1;
	for (int process = 0; process < 100; process++)
		if (fork() == 0)
			_exit(shmq_try_consume(alice, SHMQ_STORAGE, 1 << 20, NULL)); /* SHMQ_OK is 0, SHMQ_DENIED 1 */
	while (wait(&status) > 0)
		admitted += status == 0;
	printf("100 processes asked for 1 MB each, %d were admitted\n", admitted);
	shmq_segment_close(segment);
	return shmq_segment_remove("/shmquota-hello") < 0 || admitted != 10;
}
