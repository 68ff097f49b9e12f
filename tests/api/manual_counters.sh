#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota-counters(7) lists the counters as the one table of them does, and the metrics that it names are those of a real
# export. With --write the lists of the manual are replaced by those of the table.
#
#     manual_counters.sh PROGRAM FOLDER-OF-THE-PROGRAMS MANUAL [--write]
set -u
program=$1
shmquota=$2/shmquota
manual=$3
folder=$(mktemp -d)
name=shmq-test-$$-counters
failed=0

finish() {
    "$shmquota" remove -q "$name" 2>/dev/null
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

"$program" >"$folder/lists" || exit 1
if [ "${4-}" = --write ]; then
    awk -v lists="$folder/lists" '
    /^\.\\" begin / {
        mark = $0
        while ((getline line <lists) > 0) { if (line == mark) inside = 1; if (inside) print line; if (line ~ /" end$/) inside = 0 }
        close(lists); skip = 1
    }
    !skip
    /^\.\\" end$/ { skip = 0 }' "$manual" >"$folder/manual" && cat "$folder/manual" >"$manual"
fi

sed -n '/^\.\\" begin /,/^\.\\" end$/p' "$manual" >"$folder/shown"
if ! diff "$folder/lists" "$folder/shown"; then
    echo "The manual does not say what the table of counters says ('<'). This writes it anew:"
    echo "    tests/api/manual_counters.sh $program $2 docs/man/shmquota-counters.7 --write"
    failed=1
fi

# Every kind of figure is there once something was taken, and some of it ahead.
printf '[component:a]\nmessages.lease = 64\n' >"$folder/policy.ini"
"$shmquota" create -q -n "/$name" "$folder/policy.ini" && "$shmquota" try "$name" a messages 1 || failed=1
"$shmquota" export "$name" | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' |
    sed -E 's/^(shmquota)_(storage|network|memory)_(.*)_bytes/\1_RESOURCE_\3_UNIT/
            s/^(shmquota)_cpu_(.*)_seconds/\1_RESOURCE_\2_UNIT/
            s/^(shmquota)_messages_(.*)_total$/\1_RESOURCE_\2_UNIT_total/
            s/^(shmquota)_messages_(.*[a-z])$/\1_RESOURCE_\2_UNIT/
            s/_UNIT_total_UNIT_total$/_UNIT_total/' | sort -u >"$folder/exported"
sed -n 's/^\.\(It \)*Li \(shmquota_[A-Za-z_]*\).*/\2/p' "$manual" | sort -u >"$folder/named"
if ! diff "$folder/exported" "$folder/named"; then
    echo "The metrics of an export ('<') are not those that the manual names."
    failed=1
fi
exit $failed
