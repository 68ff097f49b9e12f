#!/bin/sh
# SPDX-License-Identifier: MIT
#
# README.md shows what is compiled and what was measured: its C program is docs/examples/hello.c and has 25 lines at most,
# its ratios are those of docs/performance.md.
. "${0%/*}/sources.sh"

shown=$(awk '/^```/ { if (code) exit; code = $0 == "```c"; next } code' README.md)
compiled=$(awk '/^#include/ { begun = 1 } begun' docs/examples/hello.c)
complaints=
if [ -z "$shown" ] || [ "$shown" != "$compiled" ]; then
    complaints="README.md does not show docs/examples/hello.c as it stands"
elif [ "$(printf '%s\n' "$shown" | wc -l)" -gt 25 ]; then
    complaints="docs/examples/hello.c has more than the 25 lines that a reader of README.md has patience for"
fi
figures=$(perf/quote --check) || complaints="$complaints${complaints:+
}$figures"
verdict "$complaints"
