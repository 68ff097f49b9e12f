#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every C file is as clang-format writes it. To mend: clang-format -i FILE.
. "${0%/*}/sources.sh"

look_at sources '*.c' '*.h' '*.cpp'
complaints=$(printf '%s\n' "$looked_at" | xargs clang-format --dry-run -Werror 2>&1)
verdict "$complaints"
