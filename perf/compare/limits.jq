# SPDX-License-Identifier: MIT
#
# Targets beside the least that any implementation could reach here: minimal loops of the same run, of bench_consume.
include "format";

def consume($case; $placement): first(.consume.cases[] | select(.case == $case))[$placement].median_ns;

def incr($processes):
    first(.comparisons.figures[] | select(.limiter == "redis_incr" and .path == "admit" and .keys == 1 and .processes == $processes)).median_ns;

def row($what; $target; $bound; $figure): [$what, $target, $bound, (if $figure == null then "-" else $figure | judged end)];

def quotient($one; $other): if $one == null or $other == null then null else $one / $other end;

[["target", "", "the least or most possible here", ""],
 row("Redis, INCR / a rate, 1 process"; "at least 1000"; "Redis, INCR / one bare compare-and-swap"; quotient(incr(1); consume("cas"; "one"))),
 row("Redis, INCR / a rate, 2 processes"; "at least 1000"; "Redis, INCR / one bare compare-and-swap, 2 processes"; quotient(incr(2); consume("cas"; "together"))),
 row("a rate / robust mutex, 2 processes"; "at most 0.5"; "one bare compare-and-swap / robust mutex, 2 processes"; quotient(consume("cas"; "together"); consume("mutex_window"; "together"))),
 row("find by name and put, all in random order, ns"; "at most 150"; "one read of as many cache lines, ns"; consume("read"; "one"))]
| table
