#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Four lists are one: the functions that the public header declares, those that the version script names, those that
# the shared library exports, and the global names of the static library, which could meet a program's own.
#
#     symbols.sh shmquota.h shmquota.map libshmquota.so libshmquota.a
set -u
header=$1
map=$2
shared=$3
static=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A declaration starts with SHMQ_API and may go on over several lines, up to its first parenthesis.
awk '
/^SHMQ_API / { text = ""; inside = 1 }
inside { text = text " " $0 }
inside && /\(/ { sub(/\(.*/, "", text); sub(/.*[ *]/, "", text); print text; inside = 0 }
' "$header" | sort >"$work/declared"
sed -n 's/^[ \t]*\(shmq_[a-z0-9_]*\);.*/\1/p' "$map" | sort >"$work/mapped"
nm --dynamic --defined-only --format=posix "$shared" | awk '$2 != "A" { sub(/@.*/, "", $1); print $1 }' | sort >"$work/exported"
nm --extern-only --defined-only --format=posix "$static" | awk 'NF > 2 && $1 !~ /^__(asan|odr_asan)/ { print $1 }' | sort >"$work/global"

status=0
compare() { # compare LIST LIST WHAT-THE-FIRST-HAS WHAT-THE-SECOND-HAS
    comm -23 "$work/$1" "$work/$2" | sed "s/\$/: $1, but not $2/" >"$work/difference"
    comm -13 "$work/$1" "$work/$2" | sed "s/\$/: $2, but not $1/" >>"$work/difference"
    [ ! -s "$work/difference" ] || { cat "$work/difference"; status=1; }
}
compare declared mapped
compare declared exported
compare declared global
[ -s "$work/declared" ] || { echo "$header declares no function"; status=1; }
exit $status
