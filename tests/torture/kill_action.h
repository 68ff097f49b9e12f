/* SPDX-License-Identifier: MIT */
/*
 * What victims do, and what they do before at full speed: the words of the table in kill_table.c.
 */
#ifndef SHMQ_TESTS_KILL_ACTION_H
#define SHMQ_TESTS_KILL_ACTION_H

#include "kill_world.h"

/* What an operation works on, in the victim's memory. */
struct victim {
	const struct world *world;
	struct shmq_segment *segment; /* inherited for work, or the victim's own for control */
	struct shmq_component *target;
	struct shmq_manifest *manifest;
	struct shmq_reservation reservation;
};

/* Each returns what the operation did; of a preparation 0, or what went wrong. */
typedef int victim_action(struct victim *victim);

/* Preparations; some are operations, too. */
victim_action victim_idle;
victim_action victim_attached;
victim_action victim_reserved;
victim_action victim_reserved_rate;
victim_action victim_with_memory;
victim_action victim_holding;
victim_action victim_inherited;
victim_action victim_attached_and_inherited;
victim_action victim_in_control;
victim_action victim_nearly_full;
victim_action victim_reserved_and_released;
victim_action victim_reserved_and_mostly_released;
victim_action victim_with_memory_released;
victim_action victim_warned_reserved;
victim_action victim_with_lease;
victim_action victim_with_little_lease;
victim_action victim_with_manifest_of_newcomer;
victim_action victim_with_manifest_of_resting;

/* Of workers. */
victim_action victim_take_level;
victim_action victim_take_rate;
victim_action victim_take_message;
victim_action victim_take_30_messages;
victim_action victim_take_too_much_level;
victim_action victim_take_too_much_rate;
victim_action victim_take_too_much_level_for_host;
victim_action victim_take_too_much_rate_for_host;
victim_action victim_take_much_level;
victim_action victim_take_much_rate;
victim_action victim_release_much;
victim_action victim_take_all;
victim_action victim_take_both_levels;
victim_action victim_take_too_much_all;
victim_action victim_consume_level;
victim_action victim_consume_rate;
victim_action victim_release;
victim_action victim_release_too_much;
victim_action victim_reset;
victim_action victim_reserve_too_much;
victim_action victim_reserve_too_much_for_host;
victim_action victim_commit_whole;
victim_action victim_commit_part;
victim_action victim_cancel;
victim_action victim_guard;
victim_action victim_memory_to_25;
victim_action victim_memory_to_6;
victim_action victim_memory_to_0;
victim_action victim_memory_too_much;
victim_action victim_memory_too_much_for_host;
victim_action victim_ask_for_capability;
victim_action victim_find;
victim_action victim_close_segment;

/* Of controllers. */
victim_action victim_add_own;
victim_action victim_add_default;
victim_action victim_add_resting;
victim_action victim_add_away;
victim_action victim_add_away_own;
victim_action victim_add_again;
victim_action victim_add_by_manifest;
victim_action victim_set_keeping;
victim_action victim_set_proportionally;
victim_action victim_set_resetting;
victim_action victim_drop_passing;
victim_action victim_drop_kept;
victim_action victim_publish;
victim_action victim_publish_too_much;
victim_action victim_move;
victim_action victim_housekeep;
victim_action victim_create;
victim_action victim_remove_segment;

#endif
