/* SPDX-License-Identifier: MIT */
/*
 * Every operation that victims die in: what it does to the target's figures and to the directory, and in what world.
 *
 * Amounts are signed changes. What a victim holds comes back with its death, so of levels that are reserved or stated
 * nothing is left. Names such as 4-ranks-release are of a target with groups above it: the target is one rank, too.
 * Refusing by a sliding window is not here: it looks at the clock until that stands still, and under a tracer it does not.
 */
#include "kill_operation.h"

#include <errno.h>
#include <stddef.h>

#define S(amount) [SHMQ_STORAGE] = (amount)
#define M(amount) [SHMQ_MESSAGES] = (amount)
#define N(amount) [SHMQ_NETWORK] = (amount)
#define C(amount) [SHMQ_CPU] = (amount)
#define OPERATION(title, before, act, result, ...)                                                                     \
	{                                                                                                              \
		.name = (title), .get_ready = victim_##before, .operate = victim_##act, .expected = (result),          \
		__VA_ARGS__                                                                                            \
	}
#define CHANGES(...)                                                                                                   \
	.outcome.changes = (const struct check_change[])                                                               \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			NULL, 0                                                                                        \
		}                                                                                                      \
	}
#define SECOND_POLICY                                                                                                  \
	CHANGES({"kept", 200}, {"dropped", 0}, {"new-1", 200}, {"new-2", 200}, {"resting", 200}, {"own", 200},         \
	        {"default", 201})

/* Under one group, and under a chain of all of them. */
#define IN_GROUPS(title, before, act, result, ...)                                                                     \
	OPERATION("2-ranks-" title, before, act, result, .setup.groups = 1, __VA_ARGS__),                              \
	    OPERATION("4-ranks-" title, before, act, result, .setup.groups = WORLD_GROUPS, __VA_ARGS__)
#define GROUPS_WARN .setup.warning = 0xe
#define MOVED                                                                                                          \
	.setup.is_idle = true, .setup.is_alone = true, .outcome.moves = true,                                          \
	CHANGES({"kept", 150}, {"dropped", 150}, {"default", 151})
/* What the victim holds was released: what is given back for it is what others have taken since, 2 where they have. */
#define RELEASED .outcome.undone = {S(-102)}, .outcome.done = {S(-100)}, .setup.is_alone = true
/* The target was on its way to another group when the one before died, or had arrived. */
#define AFTER_MOVE .first = "2-ranks-publish-moved", .has_own_figures = true
#define SLIDING .setup.algorithm = SHMQ_SLIDING
#define BUCKET .setup.algorithm = SHMQ_BUCKET
/* Of a bucket what it holds is time: by half of the rate it is half of the amount, until the publisher is done. */
#define HALVED .outcome.between = {(const int64_t[SHMQ_RESOURCES]){M(-5), N(-10), C(-15)}}
/* Of a lease what was not used comes back, but what was taken and not let yet, or not given back yet, is forfeited. */
#define LEASE .setup.lease = 64
#define FORFEITS(amount)                                                                                               \
	(const int64_t[SHMQ_RESOURCES])                                                                                \
	{                                                                                                              \
		M(amount)                                                                                              \
	}

const struct operation_of_victim operations[] = {
    OPERATION("first-use", idle, take_level, 0, .outcome.done = {S(3)}),
    OPERATION("first-use-reserve", idle, reserved, 0, .outcome.done = {0}),
    OPERATION("try-consume-level", attached, take_level, 0, .outcome.done = {S(3)}),
    OPERATION("try-consume-rate", attached, take_rate, 0, .outcome.done = {M(4)}),
    OPERATION("try-consume-roll", attached, take_rate, 0, .outcome.done = {M(4)}, .setup.is_aged = true),
    OPERATION("try-consume-denied-level", attached, take_too_much_level, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("try-consume-denied-rate", attached, take_too_much_rate, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("try-consume-all", attached, take_all, 0, .outcome.done = {S(3), M(4), N(5)}),
    OPERATION("try-consume-all-roll", attached, take_all, 0, .outcome.done = {S(3), M(4), N(5)}, .setup.is_aged = true),
    OPERATION("try-consume-all-levels", attached, take_both_levels, 0, .outcome.done = {S(3), N(5), [SHMQ_MEMORY] = 6}),
    OPERATION("try-consume-all-denied", attached, take_too_much_all, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("consume-level", attached, consume_level, 0, .outcome.done = {S(2 * WORLD_LIMIT)}),
    OPERATION("consume-rate", attached, consume_rate, 0, .outcome.done = {C(2 * WORLD_LIMIT)}),
    OPERATION("release", attached, release, 0, .outcome.done = {S(-40)}),
    OPERATION("release-too-much", attached, release_too_much, -ERANGE, .outcome.done = {S(-100)},
              .setup.is_alone = true),
    OPERATION("reset", attached, reset, 0, .outcome.done = {S(-100), M(-10), N(-20), C(-30)}, .setup.is_alone = true),
    OPERATION("reset-beside-holder", attached, reset, 0, .outcome.done = {S(-100), M(-10), N(-20), C(-30)}),
    OPERATION("reserve-level", attached, reserved, 0, .outcome.done = {0}),
    OPERATION("reserve-rate", attached, reserved_rate, 0, .outcome.done = {M(9)}),
    OPERATION("reserve-rate-roll", attached, reserved_rate, 0, .outcome.done = {M(9)}, .setup.is_aged = true),
    OPERATION("reserve-denied", attached, reserve_too_much, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("commit", reserved, commit_whole, 0, .outcome.done = {S(9)}),
    OPERATION("commit-part", reserved, commit_part, 0, .outcome.done = {S(4)}),
    OPERATION("commit-rate-part", reserved_rate, commit_part, 0, .outcome.undone = {M(9)}, .outcome.done = {M(4)}),
    OPERATION("commit-of-ended-thread", attached_and_inherited, commit_part, 0, .outcome.done = {S(4)}),
    OPERATION("first-use-commit", inherited, commit_part, 0, .outcome.done = {S(4)}),
    OPERATION("cancel", reserved, cancel, 0, .outcome.done = {0}),
    OPERATION("cancel-rate", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}),
    OPERATION("with-quota", attached, guard, 0, .outcome.done = {S(6)}),
    OPERATION("memory-set-first", attached, memory_to_25, 0, .outcome.done = {0}),
    OPERATION("memory-set-grow", with_memory, memory_to_25, 0, .outcome.done = {0}),
    OPERATION("memory-set-shrink", with_memory, memory_to_6, 0, .outcome.done = {0}),
    OPERATION("memory-set-zero", with_memory, memory_to_0, 0, .outcome.done = {0}),
    OPERATION("memory-set-denied", with_memory, memory_too_much, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("find", attached, find, 0, .outcome.done = {0}),
    OPERATION("thread-exit", attached, idle, 0, .outcome.done = {0}, .ends_thread = true),
    OPERATION("thread-exit-holding", holding, idle, 0, .outcome.done = {0}, .ends_thread = true),
    OPERATION("close", holding, close_segment, 0, .outcome.done = {0}),
    OPERATION("close-after-ended-thread", inherited, close_segment, 0, .outcome.done = {0}),
    OPERATION("register", in_control, add_own, 0, CHANGES({"newcomer", 77})),
    OPERATION("register-default", in_control, add_default, 0, CHANGES({"newcomer", 101})),
    OPERATION("register-declared", in_control, add_resting, 0, CHANGES({"resting", 100})),
    OPERATION("register-just-unregistered", in_control, add_away, 0, CHANGES({"away", 100})),
    OPERATION("register-while-read", in_control, add_away, 0, CHANGES({"away", 100}), .setup.is_read = true),
    OPERATION("register-own-while-read", in_control, add_away_own, 0, CHANGES({"away", 77}), .setup.is_read = true),
    OPERATION("register-declared-own", in_control, add_away_own, 0, CHANGES({"away", 77})),
    OPERATION("register-reclaiming", in_control, add_own, 0, CHANGES({"newcomer", 77}), .setup.is_full = true),
    OPERATION("unregister", in_control, drop_passing, 0, CHANGES({"passing", 0})),
    OPERATION("unregister-declared", in_control, drop_kept, 0, CHANGES({"kept", 0})),
    OPERATION("publish", in_control, publish, 0, SECOND_POLICY),
    OPERATION("publish-too-much", in_control, publish_too_much, -ENOSPC, .outcome.done = {0}),
    OPERATION("unregister-while-read", in_control, drop_passing, 0, CHANGES({"passing", 0}), .setup.is_read = true),
    OPERATION("housekeep-reclaim", in_control, housekeep, 0, .outcome.done = {0}, .setup.is_full = true),
    OPERATION("housekeep-reserve", in_control, housekeep, 0, .first = "reserve-level"),
    OPERATION("housekeep-commit", in_control, housekeep, 0, .first = "commit-part"),
    OPERATION("housekeep-levels", in_control, housekeep, 0, .first = "try-consume-all-levels"),
    OPERATION("housekeep-cancel", in_control, housekeep, 0, .first = "cancel"),
    OPERATION("housekeep-memory-grow", in_control, housekeep, 0, .first = "memory-set-grow"),
    OPERATION("housekeep-memory-shrink", in_control, housekeep, 0, .first = "memory-set-shrink"),
    OPERATION("housekeep-thread-exit", in_control, housekeep, 0, .first = "thread-exit-holding"),
    OPERATION("housekeep-housekeep", in_control, housekeep, 0, .first = "housekeep-reclaim"),
    OPERATION("housekeep-register", in_control, housekeep, 0, .first = "register"),
    OPERATION("housekeep-publish", in_control, housekeep, 0, .first = "publish"),
    OPERATION("claim-reserve", idle, attached, 0, .setup.threads = 2, .first = "reserve-level"),
    OPERATION("claim-commit", idle, attached, 0, .setup.threads = 2, .first = "commit-part"),
    OPERATION("claim-memory-set", idle, attached, 0, .setup.threads = 2, .first = "memory-set-grow"),
    OPERATION("claim-first-use", idle, attached, 0, .setup.threads = 2, .first = "first-use-reserve"),
    OPERATION("register-after-register", in_control, add_again, -EEXIST, .first = "register-while-read"),
    OPERATION("register-after-unregister", in_control, add_again, -EEXIST, .first = "unregister"),
    OPERATION("publish-after-publish", in_control, publish, 0, .first = "publish"),
    OPERATION("register-manifest", with_manifest_of_newcomer, add_by_manifest, 0, CHANGES({"newcomer", 60})),
    OPERATION("register-manifest-declared", with_manifest_of_resting, add_by_manifest, 0, CHANGES({"resting", 60})),
    OPERATION("component-set", in_control, set_keeping, 0, CHANGES({"target", 900})),
    OPERATION("component-set-proportional", in_control, set_proportionally, 0, CHANGES({"target", 900}),
              .outcome.done = {M(-5), N(-10), C(-15)}),
    OPERATION("component-set-reset", in_control, set_resetting, 0, CHANGES({"target", 900}),
              .outcome.done = {M(-10), N(-20), C(-30)}),
    OPERATION("publish-proportional", in_control, publish, 0, SECOND_POLICY, .outcome.done = {M(-5), N(-10), C(-15)},
              .setup.is_reloadable = true),
    OPERATION("publish-after-proportional", in_control, publish, 0, .first = "publish-proportional"),
    OPERATION("check-capability-denied", attached, ask_for_capability, SHMQ_FORBIDDEN, .outcome.done = {0}),
    OPERATION("try-consume-warning-level", attached, take_much_level, 0, .outcome.done = {S(600)}, .setup.groups = 1,
              .setup.warning = 3),
    OPERATION("try-consume-threshold-rate", attached, take_much_rate, 0, .outcome.done = {M(700)}, .setup.groups = 1),
    OPERATION("release-across-threshold", nearly_full, release_much, 0, .outcome.undone = {S(750)},
              .outcome.done = {S(350)}),
    OPERATION("warn-level", attached, take_too_much_level, SHMQ_WOULD_DENY, .outcome.done = {S(WORLD_LIMIT)},
              .setup.warning = 1),
    OPERATION("warn-rate", attached, take_too_much_rate, SHMQ_WOULD_DENY, .outcome.done = {M(WORLD_LIMIT)},
              .setup.warning = 1),
    OPERATION("warn-reserve", attached, reserve_too_much, SHMQ_WOULD_DENY, .outcome.done = {0}, .setup.warning = 1),
    OPERATION("warn-commit", warned_reserved, commit_part, 0, .outcome.done = {S(4)}, .setup.warning = 1),
    OPERATION("warn-memory-set", with_memory, memory_too_much, SHMQ_WOULD_DENY, .outcome.done = {0},
              .setup.warning = 1),
    OPERATION("warn-try-consume-all", attached, take_too_much_all, SHMQ_WOULD_DENY,
              .outcome.done = {S(3), M(4), C(WORLD_LIMIT)}, .setup.warning = 1),
    OPERATION("sliding-take", attached, take_rate, 0, .outcome.done = {M(4)}, SLIDING),
    OPERATION("sliding-roll", attached, take_rate, 0, .outcome.done = {M(4)}, SLIDING, .setup.is_aged = true),
    OPERATION("sliding-cancel", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}, SLIDING),
    OPERATION("sliding-cancel-after-roll", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0},
              SLIDING, .setup.is_aged = true),
    OPERATION("sliding-reset", attached, reset, 0, .outcome.done = {S(-100), M(-10), N(-20), C(-30)}, SLIDING,
              .setup.is_alone = true),
    OPERATION("sliding-set-proportional", in_control, set_proportionally, 0, CHANGES({"target", 900}),
              .outcome.done = {M(-5), N(-10), C(-15)}, SLIDING),
    OPERATION("lease-batch", attached, take_message, 0, .outcome.done = {M(1)}, LEASE,
              .outcome.between = {FORFEITS(64)}),
    OPERATION("lease-spend", with_lease, take_message, 0, .outcome.undone = {M(1)}, .outcome.done = {M(2)}, LEASE),
    OPERATION("lease-renew", with_little_lease, take_30_messages, 0, .outcome.undone = {M(56)}, .outcome.done = {M(86)},
              LEASE, .outcome.between = {FORFEITS(64), FORFEITS(120)}),
    OPERATION("lease-thread-exit", with_lease, idle, 0, .outcome.undone = {M(1)}, .outcome.done = {M(1)}, LEASE,
              .outcome.between = {FORFEITS(64)}, .ends_thread = true),
    OPERATION("lease-close", with_lease, close_segment, 0, .outcome.undone = {M(1)}, .outcome.done = {M(1)}, LEASE,
              .outcome.between = {FORFEITS(64)}),
    IN_GROUPS("lease-batch", attached, take_message, 0, .outcome.done = {M(1)}, LEASE,
              .outcome.between = {FORFEITS(64)}),
    IN_GROUPS("lease-spend", with_lease, take_message, 0, .outcome.undone = {M(1)}, .outcome.done = {M(2)}, LEASE),
    IN_GROUPS("lease-renew", with_little_lease, take_30_messages, 0, .outcome.undone = {M(56)}, .outcome.done = {M(86)},
              LEASE, .outcome.between = {FORFEITS(64), FORFEITS(120)}),
    OPERATION("4-ranks-housekeep-lease", in_control, housekeep, 0, .first = "4-ranks-lease-renew"),
    OPERATION("bucket-take", attached, take_rate, 0, .outcome.done = {M(4)}, BUCKET),
    OPERATION("bucket-denied", attached, take_too_much_rate, SHMQ_DENIED, .outcome.done = {0}, BUCKET),
    OPERATION("bucket-consume", attached, consume_rate, 0, .outcome.done = {C(2 * WORLD_LIMIT)}, BUCKET),
    OPERATION("bucket-cancel", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}, BUCKET),
    OPERATION("bucket-commit-part", reserved_rate, commit_part, 0, .outcome.undone = {M(9)}, .outcome.done = {M(4)},
              BUCKET),
    OPERATION("bucket-reset", attached, reset, 0, .outcome.done = {S(-100), M(-10), N(-20), C(-30)}, BUCKET,
              .setup.is_alone = true),
    OPERATION("bucket-set-proportional", in_control, set_proportionally, 0, CHANGES({"target", 900}),
              .outcome.done = {M(-5), N(-10), C(-15)}, BUCKET),
    OPERATION("bucket-set-keeping", in_control, set_keeping, 0, CHANGES({"target", 900}), BUCKET, HALVED),
    OPERATION("bucket-set-reset", in_control, set_resetting, 0, CHANGES({"target", 900}),
              .outcome.done = {M(-10), N(-20), C(-30)}, BUCKET, HALVED),
    IN_GROUPS("first-use", idle, take_level, 0, .outcome.done = {S(3)}),
    IN_GROUPS("try-consume-level", attached, take_level, 0, .outcome.done = {S(3)}),
    IN_GROUPS("try-consume-rate", attached, take_rate, 0, .outcome.done = {M(4)}),
    IN_GROUPS("try-consume-roll", attached, take_rate, 0, .outcome.done = {M(4)}, .setup.is_aged = true),
    IN_GROUPS("try-consume-threshold", attached, take_much_level, 0, .outcome.done = {S(600)}),
    IN_GROUPS("denied-level", attached, take_too_much_level_for_host, SHMQ_DENIED, .outcome.done = {0}),
    IN_GROUPS("denied-rate", attached, take_too_much_rate_for_host, SHMQ_DENIED, .outcome.done = {0}),
    IN_GROUPS("denied-by-itself", attached, take_too_much_level, SHMQ_DENIED, .outcome.done = {0}, GROUPS_WARN),
    IN_GROUPS("denied-rate-by-itself", attached, take_too_much_rate, SHMQ_DENIED, .outcome.done = {0}, GROUPS_WARN),
    IN_GROUPS("warn-level", attached, take_too_much_level_for_host, SHMQ_WOULD_DENY, .outcome.done = {S(850)},
              GROUPS_WARN),
    IN_GROUPS("warn-rate", attached, take_too_much_rate_for_host, SHMQ_WOULD_DENY, .outcome.done = {M(850)},
              GROUPS_WARN),
    IN_GROUPS("warn-reserve", attached, reserve_too_much_for_host, SHMQ_WOULD_DENY, .outcome.done = {0}, GROUPS_WARN),
    IN_GROUPS("try-consume-all", attached, take_all, 0, .outcome.done = {S(3), M(4), N(5)}),
    IN_GROUPS("try-consume-all-levels", attached, take_both_levels, 0, .outcome.done = {S(3), N(5), [SHMQ_MEMORY] = 6}),
    IN_GROUPS("try-consume-all-denied", attached, take_too_much_all, SHMQ_DENIED, .outcome.done = {0}),
    IN_GROUPS("consume-level", attached, consume_level, 0, .outcome.done = {S(2 * WORLD_LIMIT)}),
    IN_GROUPS("consume-rate", attached, consume_rate, 0, .outcome.done = {C(2 * WORLD_LIMIT)}),
    IN_GROUPS("release", attached, release, 0, .outcome.done = {S(-40)}),
    IN_GROUPS("release-too-much", attached, release_too_much, -ERANGE, .outcome.done = {S(-100)},
              .setup.is_alone = true),
    IN_GROUPS("reset", attached, reset, 0, .outcome.done = {S(-100), M(-10), N(-20), C(-30)},
              .outcome.spares_groups = true, .setup.is_alone = true),
    IN_GROUPS("reset-beside-holder", attached, reset, 0, .outcome.done = {S(-100), M(-10), N(-20), C(-30)},
              .outcome.spares_groups = true),
    IN_GROUPS("reserve-level", attached, reserved, 0, .outcome.done = {0}),
    IN_GROUPS("reserve-rate", attached, reserved_rate, 0, .outcome.done = {M(9)}),
    IN_GROUPS("reserve-denied", attached, reserve_too_much_for_host, SHMQ_DENIED, .outcome.done = {0}),
    IN_GROUPS("commit", reserved, commit_whole, 0, .outcome.done = {S(9)}),
    IN_GROUPS("commit-part", reserved, commit_part, 0, .outcome.done = {S(4)}),
    IN_GROUPS("commit-rate-part", reserved_rate, commit_part, 0, .outcome.undone = {M(9)}, .outcome.done = {M(4)}),
    IN_GROUPS("cancel", reserved, cancel, 0, .outcome.done = {0}),
    IN_GROUPS("cancel-rate", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}),
    IN_GROUPS("cancel-released", reserved_and_released, cancel, 0, RELEASED),
    IN_GROUPS("commit-part-released", reserved_and_mostly_released, commit_part, 0, RELEASED),
    IN_GROUPS("memory-set-released", with_memory_released, memory_to_6, 0, .outcome.done = {0}, .setup.is_alone = true),
    IN_GROUPS("memory-set-first", attached, memory_to_25, 0, .outcome.done = {0}),
    IN_GROUPS("memory-set-grow", with_memory, memory_to_25, 0, .outcome.done = {0}),
    IN_GROUPS("memory-set-shrink", with_memory, memory_to_6, 0, .outcome.done = {0}),
    IN_GROUPS("memory-set-zero", with_memory, memory_to_0, 0, .outcome.done = {0}),
    IN_GROUPS("memory-set-denied", with_memory, memory_too_much_for_host, SHMQ_DENIED, .outcome.done = {0}),
    IN_GROUPS("thread-exit-holding", holding, idle, 0, .outcome.done = {0}, .ends_thread = true),
    IN_GROUPS("close", holding, close_segment, 0, .outcome.done = {0}),
    IN_GROUPS("register-settling", in_control, add_own, 0, CHANGES({"newcomer", 77}), .setup.is_full = true),
    IN_GROUPS("unregister", in_control, drop_passing, 0, CHANGES({"passing", 0})),
    IN_GROUPS("component-set", in_control, set_proportionally, 0, CHANGES({"target", 900}),
              .outcome.done = {M(-5), N(-10), C(-15)}, .outcome.spares_groups = true),
    IN_GROUPS("publish", in_control, publish, 0, SECOND_POLICY),
    IN_GROUPS("publish-moved", in_control, move, 0, MOVED),
    IN_GROUPS("publish-moved-in-use", in_control, move, -EBUSY, .outcome.done = {0}),
    IN_GROUPS("housekeep-settle", in_control, housekeep, 0, .outcome.done = {0}),
    IN_GROUPS("sliding-cancel", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}, SLIDING),
    IN_GROUPS("bucket-cancel", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}, BUCKET),
    OPERATION("4-ranks-housekeep-reserve", in_control, housekeep, 0, .first = "4-ranks-reserve-level"),
    OPERATION("4-ranks-housekeep-commit", in_control, housekeep, 0, .first = "4-ranks-commit-part"),
    OPERATION("4-ranks-housekeep-levels", in_control, housekeep, 0, .first = "4-ranks-try-consume-all-levels"),
    OPERATION("4-ranks-housekeep-cancel-released", in_control, housekeep, 0, .first = "4-ranks-cancel-released"),
    OPERATION("4-ranks-housekeep-release", in_control, housekeep, 0, .first = "4-ranks-release"),
    OPERATION("4-ranks-housekeep-reset", in_control, housekeep, 0, .first = "4-ranks-reset"),
    OPERATION("4-ranks-housekeep-grow", in_control, housekeep, 0, .first = "4-ranks-memory-set-grow"),
    OPERATION("4-ranks-housekeep-shrink", in_control, housekeep, 0, .first = "4-ranks-memory-set-shrink"),
    OPERATION("4-ranks-housekeep-settling", in_control, housekeep, 0, .first = "4-ranks-housekeep-settle"),
    OPERATION("4-ranks-claim-commit", idle, attached, 0, .setup.threads = 2, .setup.groups = WORLD_GROUPS,
              .first = "4-ranks-commit-part"),
    OPERATION("publish-after-moved", in_control, move, 0, .first = "2-ranks-publish-moved"),
    OPERATION("try-consume-after-moved", attached, take_level, 0, .outcome.done = {S(3)}, AFTER_MOVE,
              .otherwise = SHMQ_DENIED),
    OPERATION("consume-after-moved", attached, consume_level, 0, .outcome.done = {S(2 * WORLD_LIMIT)}, AFTER_MOVE,
              .otherwise = -EAGAIN),
    OPERATION("reserve-after-moved", attached, reserved, 0, .outcome.done = {0}, AFTER_MOVE, .otherwise = SHMQ_DENIED),
    OPERATION("memory-set-after-moved", attached, memory_to_25, 0, .outcome.done = {0}, AFTER_MOVE,
              .otherwise = SHMQ_DENIED),
    OPERATION("create", idle, create, 0, .outcome.done = {0}, .other = OTHER_ABSENT),
    OPERATION("create-over-leftover", idle, create, 0, .outcome.done = {0}, .other = OTHER_LEFT),
    OPERATION("remove", idle, remove_segment, 0, .outcome.done = {0}, .other = OTHER_PERSISTENT),
    {.name = NULL},
};
