/* SPDX-License-Identifier: MIT */
/*
 * A program for gdb.sh to look into: it has a segment open, is refused twice, uses storage, holds a reservation and has
 * some of a rate on lease; then it stands still in stopped(). Its core is to have what it maps.
 */
#include <shmquota.h>

#include <stdio.h>

struct shmq_segment *segment;
struct shmq_component *component, *other;
struct shmq_reservation reservation, finished;

void stopped(void);

void __attribute__((noinline)) stopped(void)
{
	__asm__ volatile("" ::: "memory");
}

static void dump_what_is_mapped(void)
{
	FILE *filter = fopen("/proc/self/coredump_filter", "w");

	if (filter != NULL) {
		fputs("0x3b", filter);
		fclose(filter);
	}
}

static int use(void)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	int result;

	quota.limit[SHMQ_MESSAGES] = 3;
	quota.period_ns[SHMQ_MESSAGES] = UINT64_C(3600000000000);
	result = shmq_component_register(segment, "two words", &quota);
	quota.limit[SHMQ_MESSAGES] = 100000;
	quota.lease[SHMQ_MESSAGES] = 100;
	if (result == 0)
		result = shmq_component_register(segment, "leased", &quota);
	if (result == 0)
		result = shmq_component_find(&component, segment, "two words");
	for (int i = 0; result == 0 && i < 3; i++)
		result = shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL);
	for (int i = 0; result == 0 && i < 2; i++)
		result = shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL) == SHMQ_DENIED ? 0 : -1;
	if (result == 0)
		result = shmq_try_consume(component, SHMQ_STORAGE, 4096, NULL);
	if (result == 0)
		result = shmq_reserve(&reservation, component, SHMQ_STORAGE, 1000, NULL);
	if (result == 0)
		result = shmq_component_find(&other, segment, "leased");
	if (result == 0)
		result = shmq_try_consume(other, SHMQ_MESSAGES, 1, NULL);
	return result;
}

int main(int argc, char **argv)
{
	int result;

	dump_what_is_mapped();
	result = argc == 2 ? shmq_segment_create(&segment, argv[1], NULL) : -1;
	if (result == 0)
		result = use();
	if (result == 0)
		stopped();
	fprintf(stderr, "%s\n", shmq_strerror(result));
	shmq_segment_close(segment);
	return result != 0;
}
