/* SPDX-License-Identifier: MIT */
/*
 * shmquota why, and the lines of audit --text: from a refusal to the rule behind it, as somebody would go who sees it for
 * the first time.
 */
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"
#include "program.h"

#include <stdio.h>

TestSuite(why, FIXTURE);

#define expect_verb(status, out, err, ...) expect_program(status, out, err, SHMQUOTA, __VA_ARGS__)

static const char policy[] = "[group:all]\nstorage = 10MB\n"
			     "[component:shop]\ngroup = all\nstorage = 50MB\nmessages = 5/%s\n"
			     "[component:mild]\nmessages = 5/%s\nenforce = warn\n"
			     "[component:hose]\nnetwork = 1MB/%s burst 4MB\n";

static struct shmq_segment *segment;

static struct shmq_component *component(const char *name)
{
	struct shmq_component *found;
	char text[512];

	if (segment == NULL) {
		segment = fixture_segment(NULL);
		snprintf(text, sizeof(text), policy, fixture_calm_unit(), fixture_calm_unit(), fixture_calm_unit());
		fixture_publish(segment, text);
	}
	expect_result(shmq_component_find(&found, segment, name), 0);
	return found;
}

Test(why, a_group_that_refuses_is_named_with_its_rule)
{
	struct shmq_component *shop = component("shop");
	struct shmq_verdict verdict;

	expect_result(shmq_try_consume(shop, SHMQ_STORAGE, 10 << 20, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(shop, SHMQ_STORAGE, 4096, &verdict), SHMQ_DENIED);
	expect_verb(0, "storage   4 KiB would be refused by group:all: waiting does not help", "", "why",
	            fixture_name(), "shop");
	expect_verb(0, "shop       10 MiB of 50 MiB used, 20", "", "why", fixture_name(), "shop", "storage");
	expect_verb(0, "group:all  10 MiB of 10 MiB used, 100 %", "", "why", fixture_name(), "shop", "storage");
	expect_verb(0, "1 refused so far, the last:", "", "why", "-n", fixture_name(), "shop", "storage");
	expect_verb(0, "refused by group:all 4 KiB: 10 MiB of 10 MiB used", "", "why", fixture_name(), "shop");
	expect_verb(0, ", which has left 0 of 10 MiB storage.", "", "show", fixture_name(), "shop");
	expect_verb(0, "!refused by", "", "why", fixture_name(), "shop", "messages");
	shmq_component_put(shop);
}

Test(why, what_helps_depends_on_the_amount)
{
	struct shmq_component *shop = component("shop");

	expect_result(shmq_try_consume(shop, SHMQ_MESSAGES, 5, NULL), SHMQ_OK);
	expect_verb(6, "messages  1 would be refused by shop: there is room in ", "", "why", fixture_name(), "shop",
	            "messages", "1");
	expect_verb(6, "6 would be refused by shop: it is more than the limit", "", "why", fixture_name(), "shop",
	            "messages", "6");
	expect_verb(0, "storage   1 MiB would be admitted\n", "", "why", fixture_name(), "shop", "storage", "1MB");
	expect_figure(fixture_status(shop, SHMQ_MESSAGES).denied, 0);
	shmq_component_put(shop);
}

Test(why, who_only_warns_is_told_so)
{
	struct shmq_component *mild = component("mild");

	expect_result(shmq_try_consume(mild, SHMQ_MESSAGES, 6, NULL), SHMQ_WOULD_DENY);
	expect_verb(0, "6 would pass the limit of mild and be admitted: it only warns", "", "why", fixture_name(),
	            "mild", "messages");
	expect_verb(0, "1 admitted above the limit so far, the last:", "", "why", fixture_name(), "mild", "messages");
	expect_verb(0, NULL, "admitted, but would be denied if it did not only warn: Message rate quota exceeded",
	            "try", fixture_name(), "mild", "messages", "1");
	expect_verb(0, NULL, "!admitted", "try", "-q", fixture_name(), "mild", "messages", "1");
	shmq_component_put(mild);
}

Test(why, a_bucket_is_shown_with_its_rate_and_its_burst)
{
	struct shmq_component *hose = component("hose");

	expect_result(shmq_try_consume(hose, SHMQ_NETWORK, 4 << 20, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(hose, SHMQ_NETWORK, 2 << 20, NULL), SHMQ_DENIED);
	expect_verb(0, " burst 4 MiB used, ", "", "why", fixture_name(), "hose", "network");
	expect_verb(0, " burst 4 MiB used", "", "audit", "--text", fixture_name());
	expect_program(0, " burst 4 MiB", "", SHM_DUMP, "--policy", fixture_name());
	expect_verb(0, " burst 4 MiB ", "", "show", fixture_name(), "hose");
	shmq_component_put(hose);
}

Test(why, audit_text_has_a_line_for_each_event)
{
	struct shmq_component *shop = component("shop");

	expect_result(shmq_try_consume(shop, SHMQ_MESSAGES, 6, NULL), SHMQ_DENIED);
	expect_verb(0, "quota_violation         shop              messages  refused 6: 0 of 5/", "", "audit", "-t",
	            fixture_name());
	expect_verb(0, "!{", "", "audit", "-t", fixture_name());
	expect_verb(0, "{\"time\":", "", "audit", fixture_name());
	shmq_component_put(shop);
}

static int hold_all(unsigned index, void *shop)
{
	struct shmq_reservation reservation;

	(void)index;
	CHILD_RESULT(shmq_reserve(&reservation, shop, SHMQ_STORAGE, 10 << 20, NULL), SHMQ_OK);
	return 0;
}

Test(why, who_is_dead_and_may_hold_it_is_named_with_the_cure)
{
	struct shmq_component *shop = component("shop");

	cr_assert_eq(process_run(hold_all, shop, 5000), 0);
	expect_verb(6, "1 dead worker may hold some of it: 'shmquota reap ", "", "why", fixture_name(), "shop",
	            "storage", "1");
	expect_verb(6, "", "1 dead worker may hold some of it: 'shmquota reap ", "try", fixture_name(), "shop",
	            "storage", "1");
	expect_verb(0, "recovered 1 dead thread", "", "reap", fixture_name());
	expect_verb(0, "1 B would be admitted", "", "why", fixture_name(), "shop", "storage", "1");
	shmq_component_put(shop);
}

Test(why, what_it_does_not_understand_is_explained)
{
	shmq_component_put(component("shop"));
	expect_verb(3, "", "there is no such component\n  Did you mean \"shop\"?", "why", fixture_name(), "shopp");
	expect_verb(2, "", "which component of", "why", "-n", fixture_name(), fixture_name());
	expect_verb(3, "", "there is no such segment", "why", "no-such-segment", "shop");
	expect_verb(2, "", "Did you mean 'storage'?", "why", fixture_name(), "shop", "storge");
	expect_verb(2, "", "is no amount of messages", "why", fixture_name(), "shop", "messages", "x");
	expect_verb(2, "", "the segment is named twice", "why", "-n", fixture_name(), "a", "shop", "storage", "1");
	expect_verb(2, "", "how much of messages is missing", "try", fixture_name(), "shop", "messages");
	expect_verb(2, "", "'policy' wants a second word", "policy");
	expect_verb(1, "", "what counts against it would be free of its limits", "unregister", fixture_name(),
	            "group:all");
	expect_verb(1, "", "'shmquota set' changes its limits", "register", fixture_name(), "shop");
	expect_verb(3, "!gone", "there is no such segment", "watch", "no-such-segment");
	expect_verb(2, "", "--interval wants at least 10 ms, not '1ms'", "watch", "-d", "1ms", fixture_name());
	expect_verb(2, "", "write 64KB, 1.5GiB or unlimited", "set", fixture_name(), "shop", "--storage", "ten");
	expect_verb(0, "this holds until the next one is published", "", "set", fixture_name(), "shop", "--storage",
	            "60MB");
	expect_verb(0, "set by a program or by 'shmquota set'", "", "why", fixture_name(), "shop", "storage");
	expect_verb(1, "", " is a segment, and policy files are wanted here", "policy", "show", fixture_name());
}
