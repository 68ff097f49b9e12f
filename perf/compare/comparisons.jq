# SPDX-License-Identifier: MIT
#
# What perf/run shows of the comparisons: a table of figures for each number of keys, one of the bounds, one of the
# targets. `$part` says which of them.
include "format";

def comparisons: .comparisons;

def figure($limiter; $path; $keys; $processes):
    first(.figures[] | select(.limiter == $limiter and .path == $path and .keys == $keys and .processes == $processes)) // null;

def ratio($one; $other): if $one == null or $other == null then "-" else ($one.median_ns / $other.median_ns | number) end;

def figures($keys):
    . as $all
    | [["limiter", "1 process, admitted", "refused", "times ours", "2 processes, admitted", "refused", "times ours"],
       (.limiters[] | select(.measured) | . as {$key, $name} | $all
        | [$name,
           (figure($key; "admit"; $keys; 1) | spread),
           (figure($key; "refuse"; $keys; 1) | spread),
           ratio(figure($key; "admit"; $keys; 1); figure("shmquota_rate"; "admit"; $keys; 1)),
           (figure($key; "admit"; $keys; 2) | spread),
           (figure($key; "refuse"; $keys; 2) | spread),
           ratio(figure($key; "admit"; $keys; 2); figure("shmquota_rate"; "admit"; $keys; 2))])]
    | table;

def verdict($exact):
    if . == null then "-"
    elif .admitted > .allowed then "**over by \(.admitted - .allowed | grouped)**"
    elif .admitted < .allowed and $exact then "short by \(.allowed - .admitted | grouped)"
    elif $exact then "exact"
    else "held" end;

def of: if . == null then "-" else "\(.admitted | grouped) of \(.allowed | grouped)" end;

def bounds:
    [["limiter", "one window: admitted", "", "many windows: admitted", "length, ms", ""],
     (.limiters[] | select(.measured)
      | [.name, (.one_window | of, verdict(true)), (.many_windows | of, (if . == null then "-" else (.window_ms | tostring) end), verdict(false))])]
    | table;

def target($what; $figure; $bound; $at_least):
    if $figure == null then [$what, "-", "-", "not measured"]
    else [$what, (if $at_least then "at least " else "at most " end) + ($bound | tostring), ($figure | judged),
          (if ($at_least and $figure >= $bound) or (($at_least | not) and $figure <= $bound) then "met" else "missed" end)]
    end;

def quotient($one; $other): if $one == null or $other == null then null else $one.median_ns / $other.median_ns end;

def targets:
    def rate($path; $processes): figure("shmquota_rate"; $path; 1; $processes);
    def mutex($path; $processes): figure("robust_mutex"; $path; 1; $processes);
    [["one key; quotients of medians", "target", "figure", ""],
     (range(1; 3) as $n
      | ("\($n) process" + if $n > 1 then "es" else "" end) as $processes
      | target("Redis, INCR / a rate, \($processes)"; quotient(figure("redis_incr"; "admit"; 1; $n); rate("admit"; $n)); 1000; true)),
     target("a rate / robust mutex, 2 processes"; quotient(rate("admit"; 2); mutex("admit"; 2)); 0.5; false),
     target("a rate, refused / admitted, 1 process"; quotient(rate("refuse"; 1); rate("admit"; 1)); 1; false),
     target("a rate, refused / robust mutex, 2 processes"; quotient(rate("refuse"; 2); mutex("refuse"; 2)); 0.33; false)]
    | table;

def keys_of: [.figures[].keys] | unique;

# What a host has to know at once: does anything of ours admit too much?
def ours_over:
    [.limiters[] | select(.key | startswith("shmquota")) | (.one_window, .many_windows) | select(. != null and .admitted > .allowed)] | length;

# Whether the check of bounds finds what is wrong.
def control:
    .control
    | if . == null then empty
      elif .admitted > .allowed then "That the check finds what is wrong shows a counter that is read and written back: it admitted \(.admitted | grouped) of \(.allowed | grouped)."
      else "The check found nothing wrong with a counter that is read and written back, so it proves little in this run." end;

def over:
    [.limiters[] | select((.one_window, .many_windows) | . != null and .admitted > .allowed) | .name] | unique | join(", ");

comparisons
| if $part == "bounds" then bounds
  elif $part == "targets" then targets
  elif $part == "keys" then keys_of[]
  elif $part == "ours_over" then ours_over
  elif $part == "over" then over
  elif $part == "control" then control
  elif $part == "left_out" then [.limiters[] | select(.measured | not) | .name] | join(", ")
  else figures($part | tonumber) end
