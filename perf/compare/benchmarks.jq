# SPDX-License-Identifier: MIT
#
# Tables of what the programs bench_* write with --json. `$program` is one of them; `$part` is cases, targets or run, a
# sentence about the run.
include "format";

# Columns of ratios have the names of the members: ratio_to_cas.
def yardsticks: [.cases[0].one | keys_unsorted[] | select(startswith("ratio_to_"))];

def by_placement:
    yardsticks as $yardsticks
    | [["ns per operation", "1 process", ($yardsticks[] | "/ " + ltrimstr("ratio_to_")), "2 on one component", "2 on their own"],
       (.cases[] | . as {$one, $together, $apart}
        | [.description, ($one | spread), ($yardsticks[] as $yardstick | $one[$yardstick] | number), ($together | spread), ($apart | spread)])];

def microseconds: "\(.median_ns / 1000 | number) (\(.min_ns / 1000 | number) to \(.max_ns / 1000 | number))";

def by_event: [["microseconds", "median (min to max)"], (.cases[] | [.description, microseconds])];

def targets:
    [["target", "at most", "figure", ""],
     (.targets[] | [.target, (.at_most | number), (if .figure == null then "-" else .figure | judged end),
                    (if .met == null then "not measured" elif .met then "met" else "missed" end)])];

def run:
    "\(.rounds) rounds"
    + (if (.components // 0) > 0 then "; names are looked up among \(.components | grouped) components" else "" end)
    + (if .samples == null then "" else "; \(100 * .preempted / .samples | round) % of the samples were preempted and taken again" end)
    + ".";

.[$program]
| if $part == "run" then run
  elif $part == "targets" then targets | table
  elif .cases[0].one == null then by_event | table
  else by_placement | table end
