/* SPDX-License-Identifier: MIT */
/*
 * Shortcuts from hashes to numbers: found again, forgotten only where a line is full, never of another hash by more than
 * its tag.
 */
#include "core/shortcut.h"

#include "base/hash.h"
#include "../support/fixture.h"

static struct shortcuts *shortcuts;

static void end(void)
{
	shortcuts_free(shortcuts);
}

TestSuite(shortcut, .fini = end);

static uint64_t hash_of(uint32_t number)
{
	return hash_bytes(&number, sizeof(number));
}

static bool is_found(uint32_t number)
{
	struct shortcut_search search = shortcut_search(shortcuts, hash_of(number));
	uint32_t found;

	while ((found = shortcut_next(&search, shortcuts->number_bits)) != SHORTCUT_NONE)
		if (found == number)
			return true;
	return false;
}

static uint32_t count_found(uint32_t numbers)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < numbers; i++)
		count += is_found(i);
	return count;
}

Test(shortcut, leads_to_every_number_that_fits)
{
	shortcuts = shortcuts_create(8, 100);
	for (uint32_t i = 0; i < SHORTCUT_WAYS; i++)
		shortcuts_put(shortcuts, hash_of(i), i);
	expect_figure(count_found(SHORTCUT_WAYS), SHORTCUT_WAYS);
}

Test(shortcut, is_forgotten_for_the_next_where_a_line_is_full)
{
	shortcuts = shortcuts_create(8, 100);
	for (uint32_t i = 0; i <= SHORTCUT_WAYS; i++)
		shortcuts_put(shortcuts, hash_of(i), i);
	cr_assert(is_found(SHORTCUT_WAYS));
	expect_figure(count_found(SHORTCUT_WAYS + 1), SHORTCUT_WAYS);
}

Test(shortcut, is_seldom_forgotten_when_there_is_room)
{
	const uint32_t numbers = 100000;

	shortcuts = shortcuts_create(numbers, numbers);
	cr_assert_geq(shortcuts_room(shortcuts), numbers);
	for (uint32_t i = 0; i < numbers; i++)
		shortcuts_put(shortcuts, hash_of(i), i);
	cr_assert_geq(count_found(numbers), numbers - numbers / 100);
}

Test(shortcut, that_is_dropped_leads_nowhere)
{
	shortcuts = shortcuts_create(1000, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		shortcuts_put(shortcuts, hash_of(i), i);
	for (uint32_t i = 0; i < 1000; i += 2)
		shortcuts_drop(shortcuts, hash_of(i), i);
	for (uint32_t i = 0; i < 1000; i += 2)
		cr_assert(!is_found(i));
	cr_assert_geq(count_found(1000), 490);
}

Test(shortcut, offers_few_numbers_of_other_hashes)
{
	const uint32_t numbers = 100000;
	uint32_t wrong = 0;

	shortcuts = shortcuts_create(numbers, numbers);
	for (uint32_t i = 0; i < numbers; i++)
		shortcuts_put(shortcuts, hash_of(i), i);
	for (uint32_t i = numbers; i < 2 * numbers; i++) {
		struct shortcut_search search = shortcut_search(shortcuts, hash_of(i));

		while (shortcut_next(&search, shortcuts->number_bits) != SHORTCUT_NONE)
			wrong++;
	}
	cr_assert_leq(wrong, numbers / 1000); /* 17 bits of the number leave 15 for the tag */
}

Test(shortcut, holds_the_largest_number_and_the_least)
{
	const uint32_t limit = (UINT32_C(1) << 24) + (UINT32_C(1) << 20);

	shortcuts = shortcuts_create(1, limit);
	shortcuts_put(shortcuts, hash_of(0), 0);
	shortcuts_put(shortcuts, hash_of(limit - 1), limit - 1);
	cr_assert(is_found(0));
	cr_assert(is_found(limit - 1));
}
