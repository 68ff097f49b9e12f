#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/troubleshooting.md and the messages of the programs. What the page quotes as a message (first column of a table
# headed "message") stands in the sources, and all that fail() and shmq_strerror() can say stands on the page.
. "${0%/*}/sources.sh"

page=docs/troubleshooting.md
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# All literals of the sources as one text: adjacent ones joined, quotes and percent signs as people read them.
cat lib/policy/*.c tools/common/*.c tools/shmquota/*.c tools/shm_dump/*.c tools/prefork/*.c tools/prefork/*.h | tr '\n\t' '  ' |
    sed 's/" *"//g; s/\\"/"/g; s/%%/%/g; s/" SEGMENT_FOLDER/\/dev\/shm/g' >"$scratch/sources"
tr -s ' \n' ' ' <"$page" >"$scratch/page"

# found PIECE IN: pieces that are too short to mean anything are passed over
found() {
    [ ${#1} -lt 8 ] || grep -qF -e "$1" "$2"
}

complaints=$(
    # Words in capitals stand for something, and so do the resource and the column of an example; plurals and verbs are
    # put in when a message is written.
    awk -F '|' '
    /^\| message / { table = 1; next }
    !/^\|/ { table = 0 }
    table && !/^\| ---/ {
        cell = $2
        while (match(cell, /`[^`]*`/)) {
            print NR "\t" substr(cell, RSTART + 1, RLENGTH - 2)
            cell = substr(cell, RSTART + RLENGTH)
        }
    }' "$page" | while IFS="$(printf '\t')" read -r number message; do
        printf '%s\n' "$message" |
            sed "s/'[A-Z]*'/\n/g; s/\"COMPONENT\"/\n/g; s/'message\.send'/\n/; s/; write 100.*//; s/\.\.\.$//
                s/\<\(NAME\|COMPONENT\|FILE\|WHY\|WORD\|COMMAND\|ADDRESS\|PORT\|PATH\|N\|A\|B\)\>/\n/g
                s/of storage\>/of \n/; s/denied if it/denied\nif it/; s/policy: nothing/policy\nnothing/" |
            sed "s/^[: ]*//; s/ *$//; s/^denied: Storage/Storage/; s/^cannot show //; s/^messages is/is/
                s/^'resource' is never/is never/; s/^errors in/in/; s/^requests in/in/; s/^components meets/meets/" |
            while IFS= read -r piece; do
                found "$piece" "$scratch/sources" ||
                    echo "$page:$number: no program says '$piece'"
            done
    done

    { awk -f tests/lint/messages.awk tools/common/*.c tools/shmquota/*.c tools/shm_dump/*.c
        sed -n 's/.*return "\(.*\)";$/\1/p' lib/policy/messages.c; } | sort -u | while IFS= read -r format; do
        printf '%s\n' "$format" | sed 's/\\"/"/g; s/%%/%/g; s/%zu/\n/g; s/%[a-z.*]*/\n/g' | while IFS= read -r piece; do
            piece=$(printf '%s' "$piece" | sed 's/^[: ]*//; s/ *$//')
            found "$piece" "$scratch/page" || echo "$page does not have '$piece', which a program says"
        done
    done
)
verdict "$complaints"
