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
	struct counter operations, failures, rolls, events;
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
	struct shmq_component *met = NULL;

	(void)index;
	/* The first use: of the segment by this thread; of memory, and of the component's name, by this process. */
	CHILD_RESULT(shmq_check(sandbox->tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(sandbox->tenant, 0, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_component_find(&met, sandbox->segment, "tenant"), 0);
	shmq_component_put(met);
	CHILD_RESULT(sandbox->confine(), 0);
	while (counter_get(&sandbox->operations) < OPERATIONS)
		sandbox->operate(sandbox);
	syscall(SYS_exit, 0);
	return 1;
}

static struct sandbox *run(struct sandbox *sandbox, int (*confine)(void), void (*operate)(struct sandbox *))
{
	sandbox->confine = confine;
	sandbox->operate = operate;
	expect_result(process_run(confined, sandbox, TIMEOUT_MS), 0);
	cr_assert_geq(counter_get(&sandbox->operations), OPERATIONS);
	expect_figure(counter_get(&sandbox->failures), 0);
	return sandbox;
}

static struct sandbox *run_confined(int (*confine)(void), void (*operate)(struct sandbox *), struct shmq_quota *quota)
{
	struct sandbox *sandbox = shared_alloc(sizeof(*sandbox));

	sandbox->segment = fixture_segment(NULL);
	sandbox->tenant = fixture_component(sandbox->segment, "tenant", quota);
	return run(sandbox, confine, operate);
}

/* The same under a policy, for what is no quota's. It need not name the component. */
static struct sandbox *run_by_policy(int (*confine)(void), void (*operate)(struct sandbox *), const char *policy)
{
	struct sandbox *sandbox = shared_alloc(sizeof(*sandbox));

	sandbox->segment = fixture_segment(NULL);
	fixture_publish(sandbox->segment, policy);
	sandbox->tenant = fixture_component(sandbox->segment, "tenant", NULL);
	return run(sandbox, confine, operate);
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

	/* This process has met the component already, and made a handle of it. */
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

/* ---- Two-phase use ----------------------------------------------------------------------------------------------- */

static void reserve(struct sandbox *sandbox)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(sandbox->tenant);
	struct shmq_component *tenant = sandbox->tenant;
	struct shmq_reservation storage, messages;
	int result = -1;

	note(sandbox, shmq_reserve(&storage, tenant, SHMQ_STORAGE, 60, NULL) == SHMQ_OK);
	note(sandbox, shmq_reserve(&messages, tenant, SHMQ_MESSAGES, 60, NULL) == SHMQ_OK);
	note(sandbox, shmq_memory_set(tenant, 100, NULL) == SHMQ_OK);
	note(sandbox, shmq_memory_set(tenant, 101, NULL) == SHMQ_DENIED);
	note(sandbox, shmq_commit(&storage, 10) == 0);
	note(sandbox, shmq_memory_set(tenant, 0, NULL) == SHMQ_OK);
	shmq_cancel(&messages);
	SHMQ_WITH_QUOTA (tenant, SHMQ_STORAGE, 90, result) {
		break;
	}
	SHMQ_GUARD (&context, NULL, NULL, SHMQ_STORAGE, 90) {
		context.actual = 20;
	}
	note(sandbox, result == 0 && context.result == 0);
	note(sandbox, shmq_release(tenant, SHMQ_STORAGE, 30) == SHMQ_OK);
}

Test(seccomp, is_never_met_by_reservations_and_guards)
{
	struct shmq_quota quota = quota_calm(100);

	run_confined(confine_strictly, reserve, &quota);
}

/* ---- What only policies say -------------------------------------------------------------------------------------- */

/* Some is admitted and some refused; `rolls` counts what the sliding window refused. */
static void meet_all_algorithms(struct sandbox *sandbox)
{
	static const struct shmq_demand both[] = {{SHMQ_MESSAGES, 1}, {SHMQ_NETWORK, 1}};
	struct shmq_verdict verdict = {0};
	struct shmq_reservation reservation;
	int result = shmq_try_consume_all(sandbox->tenant, both, 2, &verdict);

	note(sandbox, result == SHMQ_OK || result == SHMQ_DENIED);
	counter_add(&sandbox->rolls, verdict.resource == SHMQ_MESSAGES && result == SHMQ_DENIED);
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++) {
		result = shmq_reserve(&reservation, sandbox->tenant, resource, 1, &verdict);
		note(sandbox, result == SHMQ_OK || result == SHMQ_DENIED);
		shmq_cancel(&reservation);
		note(sandbox, shmq_check(sandbox->tenant, resource, 1000000, NULL) == SHMQ_DENIED);
	}
}

Test(seccomp, is_never_met_by_sliding_windows_and_buckets)
{
	struct sandbox *sandbox = run_by_policy(
	    confine_strictly, meet_all_algorithms,
	    "[default]\nalgorithm = bucket\nmessages = 50/s\nnetwork = 500/100ms\ncpu = 500us/s burst 2ms\n"
	    "messages.algorithm = sliding\n");

	cr_assert_gt(counter_get(&sandbox->rolls), 0);
}

Test(seccomp, is_never_met_by_short_sliding_windows_and_buckets)
{
	struct sandbox *sandbox =
	    run_by_policy(confine_by_filter, meet_all_algorithms,
	                  "[default]\nalgorithm = sliding\nmessages = 50/10ms\nnetwork = 500/10ms burst 100\n"
	                  "cpu = 500us/20ms\ncpu.algorithm = bucket\n");

	cr_assert_gt(counter_get(&sandbox->rolls), 0);
}

/* By a time that the caller has read, and from what the worker took ahead; some is refused at the end of it. */
static void take_ahead(struct sandbox *sandbox)
{
	struct shmq_component *tenant = sandbox->tenant;
	int result = shmq_try_consume_at(tenant, SHMQ_MESSAGES, 1, clock_coarse_ns(), NULL);

	note(sandbox, result == SHMQ_OK || result == SHMQ_DENIED);
	counter_add(&sandbox->rolls, result == SHMQ_DENIED);
	result = shmq_try_consume(tenant, SHMQ_NETWORK, 10, NULL);
	note(sandbox, result == SHMQ_OK || result == SHMQ_DENIED);
}

Test(seccomp, is_never_met_by_told_times_and_leases)
{
	struct sandbox *sandbox = run_by_policy(confine_strictly, take_ahead,
	                                        "[default]\nmessages = 5000/100ms\nmessages.lease = 64\n"
	                                        "network = 10000/100ms\nnetwork.lease = 1000\n");

	cr_assert_gt(counter_get(&sandbox->rolls), 0);
}

/* Of five ranks each is the one that refuses something, and the middle one only warns. */
static const char groups[] = "[group:host]\nmessages = 1000/366d\nmemory = 90\n"
			     "[group:realm]\ngroup = host\nnetwork = 0/366d\n"
			     "[group:floor]\ngroup = realm\ncpu = 0us/366d\nenforce = warn\n"
			     "[group:tenant]\ngroup = floor\nstorage = 50\n"
			     "[default]\ngroup = tenant\nstorage = 100\nmemory = 100\nmessages = 2000/366d\n";

static void operate_in_groups(struct sandbox *sandbox)
{
	static const struct shmq_demand levels[] = {{SHMQ_STORAGE, 10}, {SHMQ_MEMORY, 10}, {SHMQ_CPU, 1}};
	static const struct shmq_demand refused[] = {{SHMQ_STORAGE, 10}, {SHMQ_MEMORY, 10}, {SHMQ_NETWORK, 1}};
	struct shmq_component *tenant = sandbox->tenant;
	struct shmq_reservation reservation;
	struct shmq_verdict verdict;

	note(sandbox, shmq_try_consume(tenant, SHMQ_STORAGE, 51, &verdict) == SHMQ_DENIED);
	note(sandbox, shmq_try_consume(tenant, SHMQ_MEMORY, 91, &verdict) == SHMQ_DENIED);
	note(sandbox, shmq_try_consume(tenant, SHMQ_NETWORK, 1, NULL) == SHMQ_DENIED);
	note(sandbox, shmq_try_consume(tenant, SHMQ_CPU, 1, NULL) == SHMQ_WOULD_DENY);
	note(sandbox, shmq_check(tenant, SHMQ_MESSAGES, 2000, &verdict) == SHMQ_DENIED);
	note(sandbox, shmq_try_consume_all(tenant, levels, 3, &verdict) == SHMQ_WOULD_DENY);
	note(sandbox, shmq_try_consume_all(tenant, refused, 3, &verdict) == SHMQ_DENIED);
	note(sandbox, shmq_reserve(&reservation, tenant, SHMQ_STORAGE, 40, NULL) == SHMQ_OK);
	note(sandbox, shmq_commit(&reservation, 20) == 0);
	note(sandbox, shmq_memory_set(tenant, 80, NULL) == SHMQ_OK);
	note(sandbox, shmq_memory_set(tenant, 0, NULL) == SHMQ_OK);
	note(sandbox, shmq_reserve(&reservation, tenant, SHMQ_MESSAGES, 5, NULL) == SHMQ_OK);
	shmq_cancel(&reservation);
	note(sandbox, shmq_release(tenant, SHMQ_STORAGE, 30) == SHMQ_OK);
	note(sandbox, shmq_release(tenant, SHMQ_MEMORY, 10) == SHMQ_OK);
}

Test(seccomp, is_never_met_by_groups_and_their_refusals)
{
	run_by_policy(confine_strictly, operate_in_groups, groups);
}

static void ask_for_capabilities(struct sandbox *sandbox)
{
	static const struct {
		const char *permission, *target;
		int result;
	} questions[] = {
	    {"filesystem.read", "/app/data/report", SHMQ_OK},
	    {"filesystem.read", "/app/./data//x/../report", SHMQ_OK},
	    {"filesystem.read", "/app/data/r\xc3\xa9sum\xc3\xa9", SHMQ_OK},
	    {"filesystem.read", "/app/data/../../etc/passwd", SHMQ_FORBIDDEN},
	    {"filesystem.read", "/../../..", SHMQ_FORBIDDEN},
	    {"filesystem.write", "/app/data/report", SHMQ_FORBIDDEN},
	    {"network.connect", "API.example.org:443", SHMQ_OK},
	    {"network.connect", "10.1.2.3:80", SHMQ_OK},
	    {"network.connect", "[2001:db8::1]:80", SHMQ_FORBIDDEN},
	    {"message.send", "orders.created", SHMQ_OK},
	    {"message.send", "orders..created", SHMQ_FORBIDDEN},
	    {"no.such.permission", "x", SHMQ_FORBIDDEN},
	};
	struct shmq_component *tenant = sandbox->tenant;
	struct shmq_verdict verdict;

	for (unsigned i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		note(sandbox, shmq_check_capability(tenant, questions[i].permission, questions[i].target) ==
		                  questions[i].result);
	note(sandbox, shmq_check_capability_with_quota(tenant, "filesystem.read", "/app/data/x", SHMQ_STORAGE, 101,
	                                               &verdict) == SHMQ_DENIED);
}

Test(seccomp, is_never_met_by_capabilities)
{
	run_by_policy(confine_strictly, ask_for_capabilities,
	              "[default]\nstorage = 100\nfilesystem.read = /app/data/**\n"
	              "network.connect = [\"*.example.org:443\", \"10.0.0.0/8:*\"]\nmessage.send = orders.*\n");
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

/* Once a second there is one of each kind; in between they are counted. The reader writes nothing, and waits for none. */
static void cause_events(struct sandbox *sandbox)
{
	struct shmq_component *tenant = sandbox->tenant;
	struct shmq_event event = {.size = sizeof(event)};
	uint64_t cursor = 0, kinds = 0;
	char origin[128];

	note(sandbox, shmq_try_consume(tenant, SHMQ_STORAGE, 85, NULL) == SHMQ_OK);
	note(sandbox, shmq_try_consume(tenant, SHMQ_STORAGE, 100, NULL) == SHMQ_DENIED);
	note(sandbox, shmq_try_consume(tenant, SHMQ_MESSAGES, 100, NULL) == SHMQ_OK);
	note(sandbox, shmq_try_consume(tenant, SHMQ_NETWORK, 1, NULL) == SHMQ_WOULD_DENY);
	note(sandbox, shmq_check_capability(tenant, "filesystem.read", "/etc/passwd") == SHMQ_FORBIDDEN);
	note(sandbox, shmq_release(tenant, SHMQ_STORAGE, 85) == SHMQ_OK);
	note(sandbox, shmq_reset(tenant) == 0);
	while (shmq_event_read(sandbox->segment, &cursor, &event) == 1) {
		kinds |= UINT64_C(1) << event.kind;
		note(sandbox, shmq_event_origin(sandbox->segment, &event, origin, sizeof(origin)) >= 0);
	}
	counter_set(&sandbox->events, counter_get(&sandbox->events) | kinds);
}

Test(seccomp, is_never_met_by_events_and_thresholds)
{
	static const int expected[] = {
	    SHMQ_EVENT_QUOTA_VIOLATION, SHMQ_EVENT_WOULD_DENY, SHMQ_EVENT_CAPABILITY_VIOLATION,
	    SHMQ_EVENT_WARNING,         SHMQ_EVENT_CRITICAL,   SHMQ_EVENT_RESET};
	struct sandbox *sandbox = run_by_policy(confine_strictly, cause_events,
	                                        "[default]\nstorage = 100\nmessages = 100/366d\nnetwork = 0/366d\n"
	                                        "network.enforce = warn\n");

	for (unsigned i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		cr_assert((counter_get(&sandbox->events) >> expected[i] & 1) != 0, "no event %s",
		          shmq_event_kind_name(expected[i]));
}
