#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Programs that were built against the last release run with this library: abidiff compares its functions and the
# structures that they take with the recorded ones, and the numbers of the header are what they were. Both may grow.
#
#     tests/api/abi.sh SOURCES LIBRARY              compares with the last release, in tests/api/abi
#     tests/api/abi.sh --record SOURCES LIBRARY     records this one, when it is released
set -u

record=
if [ "${1-}" = --record ]; then
    record=yes
    shift
fi
[ $# -eq 2 ] || { sed -n 's/^#     //p' "$0" >&2 && exit 2; }
library=$(realpath "$2")
cd -- "$1" || exit 2
header=include/shmquota.h
recorded=tests/api/abi/$(uname -m).abi
numbers=tests/api/abi/constants
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in abidw abidiff; do
    command -v $program >/dev/null || { echo "$program is missing: tools/setup test installs it"; exit 1; }
done

# The functions and what they take, without where this machine has its files.
dump() { # dump FILE
    abidw --headers-dir include --exported-interfaces-only --drop-private-types --no-show-locs --no-comp-dir-path \
        --no-corpus-path --out-file "$work/dump" "$library" && sed "s| path='$PWD/| path='|" "$work/dump" >"$1"
}

# Every enumerator and every number that is defined, as the compiler sees it: "SHMQ_DENIED 1".
constants() {
    awk '
    /^enum / { inside = 1 }
    /^}/ { inside = 0 }
    inside && /^\tSHMQ_/ { sub(/^\t/, ""); sub(/[^A-Z0-9_].*/, ""); print }
    /^#define SHMQ_[A-Z0-9_]+[ \t]+[^ \t\\]/ && !/SHMQ_API|__attribute__/ { print $2 }
    ' $header | sort -u >"$work/names"
    {
        printf '#include <stdio.h>\n#include <shmquota.h>\nint main(void)\n{\n'
        sed 's/.*/\tprintf("& %lld\\n", (long long)(&));/' "$work/names"
        printf '\treturn 0;\n}\n'
    } >"$work/constants.c"
    cc -Iinclude -o "$work/constants" "$work/constants.c" && "$work/constants"
}

if [ "$record" ]; then
    dump "$recorded" && constants >$numbers || exit 1
    echo "recorded: $recorded and $numbers"
    exit 0
fi
[ -f "$recorded" ] || { echo "no release is recorded in tests/api/abi for this kind of machine" >&2 && exit 1; }
version=$(sed -n 's/^SHMQ_VERSION_[A-Z]* //p' $numbers | paste -s -d .) # in the order of their names: major, minor, patch

failed=0
dump "$work/now.abi" || exit 1
abidiff --no-added-syms --no-show-locs --suppressions tests/api/abi/suppressions.ini \
    "$recorded" "$work/now.abi" >"$work/difference"
case $? in
0) ;;
4 | 8 | 12) failed=1 ;;
*) echo "abidiff could not compare $recorded" >&2 && exit 1 ;;
esac
constants >"$work/now.constants" || exit 1
# The version changes, and how many kinds there are may rise.
grep -vE '^SHMQ_(VERSION_|(EVENT|RULE)_KINDS )' $numbers | sort >"$work/then"
sort "$work/now.constants" | comm -23 "$work/then" - | sed 's/$/: not so any more/' >"$work/numbers"
[ ! -s "$work/numbers" ] || failed=1
[ $failed -eq 0 ] && exit 0

cat "$work/difference" "$work/numbers"
cat <<END

Programs that were built against $version would break with this library.
If that was not meant, undo it: a structure that starts with its size may grow at its end, a new function or a new number
does no harm, anything else needs a name of its own.
If it was meant, it is a new version of the interface: raise SHMQ_VERSION_MINOR (from 1.0 on SHMQ_VERSION_MAJOR) in
$header, say in CHANGELOG.md who has to do what, and record it with the release:
    tests/api/abi.sh --record . build/deb/lib/libshmquota.so
END
exit 1
