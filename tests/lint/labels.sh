#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Memory-order labels, such as (W2): each stands at two places of lib/ or more, the sides of its pair, and in the table
# of docs/concurrency.md; each label of that table stands in the code.
. "${0%/*}/sources.sh"

table=docs/concurrency.md
look_at sources 'lib/*.c' 'lib/*.h'
[ -f "$table" ] || verdict "$table is missing: it holds the table of labels"
# shellcheck disable=SC2086 # names of the project have no spaces
complaints=$(awk '
FNR == NR {
    if (match($0, /^\|[ `(]*[A-Z][0-9]+[ `)]*\|/)) {
        label = substr($0, RSTART, RLENGTH)
        gsub(/[^A-Z0-9]/, "", label)
        if (label in listed)
            print FILENAME ":" FNR ": label " label " has two rows"
        listed[label] = FNR
    }
    next
}

{
    line = $0
    while (match(line, /\([A-Z][0-9]+\)/)) {
        label = substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, RSTART + RLENGTH)
        if (!(label in places))
            where[label] = FILENAME ":" FNR
        places[label]++
    }
}

END {
    for (label in places) {
        if (places[label] < 2)
            print where[label] ": label (" label ") stands at one side only"
        if (!(label in listed))
            print where[label] ": label (" label ") is not in the table of '"$table"'"
    }
    for (label in listed)
        if (!(label in places))
            print "'"$table"':" listed[label] ": no code in lib/ carries the label " label
}
' "$table" $looked_at | sort)
verdict "$complaints"
