#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mandoc has nothing to say of the manuals, style included, and each is installed; shmquota-probes(7) lists the probes as
# the script of bpftrace does. Which other manuals this machine has is
# not about ours; lint.manual_header looks at references among them.
. "${0%/*}/sources.sh"

if ! command -v mandoc >/dev/null; then
    echo "lint.manuals: mandoc is missing; 'tools/setup test' installs it" >&2
    exit 1
fi
look_at sources 'docs/man/*.[1-9]'
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
# shellcheck disable=SC2086 # names of the project have no spaces
complaints=$(mandoc -T lint $looked_at 2>"$errors" | grep -v ' referenced manual not found: '
grep -v ' outdated mandoc\.db lacks ' "$errors"
for page in $looked_at; do
    grep -qxE " *${page##*/}" cmake/install_manuals.cmake || echo "$page: cmake/install_manuals.cmake does not name it"
done
awk '
FILENAME ~ /\.in$/ && /^ \*     [a-z_]+   / {
    name = $2
    sub(/^ \*     [a-z_]+ +/, "")
    arguments = $0
    sub(/   .*/, "", arguments)
    sub(/.*   +/, "")
    documented[name ": " $0 " (" arguments ")"]
}
/^\.It Ic / { name = $3; getline when }
/^\.Pq / && name != "" {
    shown++
    row = name ": " when " (" substr($0, 5) ")"
    if (!(row in documented)) print FILENAME ": no such probe: " row
    delete documented[row]
    name = ""
}
END {
    for (row in documented) print FILENAME ": the script of bpftrace has " row
    if (shown < 8) print FILENAME ": only " shown + 0 " probes are listed"
}' tools/bpftrace/shmquota.bt.in docs/man/shmquota-probes.7)
verdict "$complaints"
