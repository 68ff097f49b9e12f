# SPDX-License-Identifier: MIT
#
# The bars of one plot, for bars.gp: a line each with its place from the top, half its height, median, least and most in
# nanoseconds, its colour, the name beside it and the text at its end. `$keys` is "all" or a number, `$processes` a
# number.
include "format";

def colour:
    if startswith("shmquota") then "0x2f6f9f" elif . == "unlocked" then "0xc9a27a" else "0x9aa7b3" end;

def time:
    if .median_ns < 995 then "\(.median_ns | number) ns" else "\(.median_ns / 1000 | number) us" end;

def bar($y; $half; $name; $text):
    [$y, $half, .median_ns, .min_ns, .max_ns, (.limiter | colour), $name, $text]
    | map(tostring) | join("\t");

.comparisons as $all
| ([$all.figures[].keys] | unique) as $sets
| [$all.limiters[] | select(.measured)] | to_entries[]
| .key as $row | .value as $limiter
| [$all.figures[] | select(.limiter == $limiter.key and .path == "admit" and .processes == ($processes | tonumber))]
| if $keys == "all" then
      sort_by(.keys) | to_entries[]
      | .key as $place | .value
      | bar($row + ($place - (($sets | length) - 1) / 2) * 0.28; 0.12;
            if $place == ((($sets | length) - 1) / 2 | floor) then $limiter.name else "" end;
            "\(.keys | grouped) \(if .keys == 1 then "key" else "keys" end): \(time)")
  else
      .[] | select(.keys == ($keys | tonumber)) | bar($row; 0.34; $limiter.name; time)
  end
