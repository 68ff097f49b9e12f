/* SPDX-License-Identifier: MIT */
/*
 * No system call: after a thread's first use of the segment, no operation on a handle enters the kernel. Under
 * SECCOMP_MODE_STRICT any call but read, write, _exit and sigreturn kills the process, so doing it is the proof.
 *
 * Strict mode also takes the time stamp counter away, and with it CLOCK_MONOTONIC on most machines; so windows of
 * 100 ms and more, for which the coarse clock serves, are tested in strict mode, and shorter ones under a filter that
 * allows exactly what strict mode allows.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(seccomp, FIXTURE);

#define OPERATIONS 100000
#define TIMEOUT_MS 20000
#define ROLLS 5

struct sandbox {
	struct shmq_segment *segment;
	struct shmq_component *tenant;
	int (*confine)(void);
	void (*operate)(struct sandbox *sandbox);
	struct counter operations, failures, rolls;
};

static int confine_strictly(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
}

static int confine_by_filter(void)
{
	struct sock_filter rules[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void note(struct sandbox *sandbox, bool as_expected)
{
	counter_add(&sandbox->operations, 1);
	if (!as_expected)
		counter_add(&sandbox->failures, 1);
}

/* One child: attach by one operation, give up all system calls, work, report through the shared page. */
static int confined(unsigned index, void *context)
{
	struct sandbox *sandbox = context;

	(void)index;
	CHILD_RESULT(shmq_check(sandbox->tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	CHILD_RESULT(sandbox->confine(), 0);
	while (counter_get(&sandbox->operations) < OPERATIONS)
		sandbox->operate(sandbox);
	syscall(SYS_exit, 0);
	return 1;
}

static struct sandbox *run_confined(int (*confine)(void), void (*operate)(struct sandbox *), struct shmq_quota *quota)
{
	struct sandbox *sandbox = shared_alloc(sizeof(*sandbox));

	sandbox->segment = fixture_segment(NULL);
	sandbox->tenant = fixture_component(sandbox->segment, "tenant", quota);
	sandbox->confine = confine;
	sandbox->operate = operate;
	expect_result(process_run(confined, sandbox, TIMEOUT_MS), 0);
	cr_assert_geq(counter_get(&sandbox->operations), OPERATIONS);
	expect_figure(counter_get(&sandbox->failures), 0);
	return sandbox;
}

static int call_the_kernel(unsigned index, void *context)
{
	struct sandbox *sandbox = context;

	(void)index;
	CHILD_RESULT(sandbox->confine(), 0);
	syscall(SYS_getppid);
	syscall(SYS_exit, 0);
	return 1;
}

Test(seccomp, kills_who_makes_a_system_call)
{
	struct sandbox strictly = {.confine = confine_strictly}, by_filter = {.confine = confine_by_filter};

	/* The tests below prove something only where this is so: SIGKILL is 9, SIGSYS is 31. */
	cr_assert_eq(process_run(call_the_kernel, &strictly, TIMEOUT_MS), PROCESS_SIGNAL(9));
	cr_assert_eq(process_run(call_the_kernel, &by_filter, TIMEOUT_MS), PROCESS_SIGNAL(31));
}

static void operate_on_levels(struct sandbox *sandbox)
{
	struct shmq_component *tenant = sandbox->tenant;
	struct shmq_verdict verdict;

	note(sandbox, shmq_check(tenant, SHMQ_STORAGE, 10, &verdict) == SHMQ_OK);
	note(sandbox, shmq_try_consume(tenant, SHMQ_STORAGE, 100, &verdict) == SHMQ_OK);
	note(sandbox, shmq_try_consume(tenant, SHMQ_STORAGE, 1, &verdict) == SHMQ_DENIED);
	note(sandbox, shmq_release(tenant, SHMQ_STORAGE, 100) == SHMQ_OK);
	note(sandbox, shmq_release(tenant, SHMQ_STORAGE, 1) == -ERANGE);
	note(sandbox, shmq_consume(tenant, SHMQ_MEMORY, 1000) == SHMQ_OK);
	note(sandbox, shmq_try_consume(tenant, SHMQ_MEMORY, 1, NULL) == SHMQ_DENIED);
	note(sandbox, shmq_release(tenant, SHMQ_MEMORY, 1000) == SHMQ_OK);
}

Test(seccomp, is_never_met_by_levels)
{
	struct shmq_quota quota = quota_calm(100);

	run_confined(confine_strictly, operate_on_levels, &quota);
}

/* Consume through many windows; the time is read by what the verdicts say of it. */
static void operate_on_rates(struct sandbox *sandbox)
{
	static const int rates[] = {SHMQ_MESSAGES, SHMQ_NETWORK, SHMQ_CPU};

	for (unsigned i = 0; i < 3; i++) {
		struct shmq_verdict verdict = {0};
		int result = shmq_try_consume(sandbox->tenant, rates[i], 1, &verdict);

		note(sandbox, result == SHMQ_OK || result == SHMQ_DENIED);
		if (result == SHMQ_OK && verdict.current == 0)
			counter_add(&sandbox->rolls, 1);
		result = shmq_check(sandbox->tenant, rates[i], 1, NULL);
		note(sandbox, result == SHMQ_OK || result == SHMQ_DENIED);
	}
}

static void operate_through_windows(struct sandbox *sandbox)
{
	/* However fast the machine is: at least some windows must have begun meanwhile, in each of three resources. */
	do
		operate_on_rates(sandbox);
	while (counter_get(&sandbox->operations) >= OPERATIONS && counter_get(&sandbox->rolls) < 3 * (ROLLS + 1));
}

Test(seccomp, is_never_met_by_rates_and_their_windows)
{
	struct shmq_quota quota = quota_periodic(50, 100 * MS);
	struct sandbox *sandbox = run_confined(confine_strictly, operate_through_windows, &quota);

	cr_assert_geq(counter_get(&sandbox->rolls), 3 * ROLLS);
}

Test(seccomp, is_never_met_by_short_windows)
{
	struct shmq_quota quota = quota_periodic(50, 10 * MS);
	struct sandbox *sandbox = run_confined(confine_by_filter, operate_through_windows, &quota);

	cr_assert_geq(counter_get(&sandbox->rolls), 3 * ROLLS);
}

static void operate_on_all_at_once(struct sandbox *sandbox)
{
	static const struct shmq_demand fit[] = {{SHMQ_STORAGE, 1}, {SHMQ_MESSAGES, 1}, {SHMQ_NETWORK, 1}};
	static const struct shmq_demand refused[] = {{SHMQ_STORAGE, 1}, {SHMQ_MESSAGES, 1}, {SHMQ_NETWORK, 1000}};
	struct shmq_component *tenant = sandbox->tenant;

	note(sandbox, shmq_try_consume_all(tenant, fit, 3, NULL) == SHMQ_OK);
	note(sandbox, shmq_try_consume_all(tenant, refused, 3, NULL) == SHMQ_DENIED);
	note(sandbox, shmq_consume(tenant, SHMQ_CPU, 5) == SHMQ_OK);
	note(sandbox, shmq_reset(tenant) == 0);
}

Test(seccomp, is_never_met_by_several_demands_and_reset)
{
	struct shmq_quota quota = quota_calm(100);

	run_confined(confine_strictly, operate_on_all_at_once, &quota);
}

static void watch(struct sandbox *sandbox)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_verdict verdict = {0};
	struct shmq_status status;
	char text[256];

	note(sandbox, shmq_status(sandbox->tenant, &status) == 0);
	note(sandbox, !shmq_is_warning(sandbox->tenant) && !shmq_is_critical(sandbox->tenant));
	note(sandbox, shmq_component_quota(sandbox->tenant, &quota) == 0);
	note(sandbox, shmq_segment_info(sandbox->segment, &info) == 0);
	note(sandbox, shmq_check(sandbox->tenant, SHMQ_MESSAGES, 1000, &verdict) == SHMQ_DENIED);
	note(sandbox, shmq_verdict_format(text, sizeof(text), &verdict) > 0);
	note(sandbox, shmq_strerror(-ENOSPC) != NULL);
}

Test(seccomp, is_never_met_by_watching)
{
	struct shmq_quota quota = quota_calm(100);

	run_confined(confine_strictly, watch, &quota);
}

static void look_up(struct sandbox *sandbox)
{
	struct shmq_component *found = NULL;

	/* This process knows the component already: the parent holds a handle of it. */
	note(sandbox, shmq_component_find(&found, sandbox->segment, "tenant") == 0);
	note(sandbox, shmq_component_id(found) == shmq_component_id(sandbox->tenant));
	shmq_component_put(found);
	note(sandbox, shmq_component_find(&found, sandbox->segment, "nobody") == -ENOENT);
}

Test(seccomp, is_never_met_by_looking_up_a_known_name)
{
	struct shmq_quota quota = quota_calm(100);

	run_confined(confine_strictly, look_up, &quota);
}
