# SPDX-License-Identifier: MIT
#
# Tables of what the programs bench_* write with --json. `$program` is one of them; `$part` is cases, targets, run (a
# sentence about the run), or of bench_policy reload or stall.
include "format";

# Columns of ratios have the names of the members: ratio_to_cas.
def yardsticks: [.cases[0].one | keys_unsorted[] | select(startswith("ratio_to_"))];

def by_placement:
    yardsticks as $yardsticks
    | [["ns per operation", "1 process", ($yardsticks[] | "/ " + ltrimstr("ratio_to_")), "2 on one component", "2 on their own"],
       (.cases[] | . as {$one, $together, $apart}
        | [.description, ($one | spread), ($yardsticks[] as $yardstick | $one[$yardstick] | if . == null then "-" else number end), ($together | spread), ($apart | spread)])];

def microseconds: "\(.median_ns / 1000 | number) (\(.min_ns / 1000 | number) to \(.max_ns / 1000 | number))";

def by_event: [["microseconds", "median (min to max)"], (.cases[] | [.description, microseconds])];

def milliseconds: "\(.median_ns / 1e6 | number) (\(.min_ns / 1e6 | number) to \(.max_ns / 1e6 | number))";

def reload:
    [["components", "", "milliseconds, median (min to max)", "ns per component"],
     (.reload[] | [(.components | grouped), .description, milliseconds, (.ns_per_component | number)])];

def stall:
    [["published meanwhile", "median, ns", "1 in 10,000", "once each", "longest", "operations", "publications"],
     (.stall[] | [.description, ([.median_ns, .p9999_ns, .once_each_ns, .longest_ns, .operations, .publications][] | grouped)])];

def quantity: "\(.median | number)" + (if .min == .max then "" else " (\(.min | number) to \(.max | number))" end) + " \(.unit)";

def by_quantity: [["", "median (min to max)"], (.cases[] | [.description, quantity])];

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
  elif $part == "reload" then reload | table
  elif $part == "stall" then if .stall == [] then "Not measured: it takes two cores." else stall | table end
  elif .cases[0].unit != null then by_quantity | table
  elif .cases[0].one == null then by_event | table
  else by_placement | table end
