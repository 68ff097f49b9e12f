#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The programs under EXAMPLES in the manuals of section 3 compile without a warning and print what the manual says. A
# display that begins with "#include" is a program, one that begins with a section a policy whose name stands above it,
# and what follows "prints:" is what it prints. /myhost becomes a segment of this test's own.
#
#     manual_examples.sh LIBRARY INCLUDE-FOLDER FOLDER-OF-THE-MANUALS COMPILER [FLAG...]
set -u
library=$1
include=$2
manuals=$3
shift 3
folder=$(mktemp -d)
prefix=shmq-test-$$-manual

finish() {
    wait
    rm -rf "$folder" /dev/shm/"$prefix"-*.policy /dev/shm/"$prefix"-*.usage
}
trap finish EXIT
trap 'exit 1' INT TERM

# Into FOLDER/PAGE: program.c, NAME.ini, expected.
extract() { # extract PAGE FOLDER
    awk -v folder="$2" '
    function plain(text) {
        gsub(/\\e/, "\\", text); gsub(/\\&/, "", text); gsub(/\\\(dq/, "\"", text); gsub(/\\-/, "-", text)
        return text
    }
    /^\.Sh / { inside = $2 == "EXAMPLES"; next }
    !inside { next }
    /prints:$/ { prints = 1; next }
    /^\.Pa .*\.ini$/ { ini = $2; next }
    /^\.Bd / { display = 1; first = 1; next }
    /^\.Ed/ { display = 0; prints = 0; next }
    prints && /^\.Dl / { print plain(substr($0, 5)) > (folder "/expected"); prints = 0; next }
    display && first {
        first = 0
        file = prints ? "expected" : /^#include/ ? "program.c" : /^\[/ ? ini : "other"
    }
    display { print plain($0) > (folder "/" file) }' "$1"
}

check() { # check NAME COMPILER [FLAG...]
    name=$1
    shift
    cd "$folder/$name" || return
    sed -i "s|/myhost|/$prefix-$name|g" program.c ./*.ini 2>/dev/null
    if ! "$@" -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Werror -I "$include" program.c \
        -o program "$library" "-Wl,-rpath,${library%/*}" >log 2>&1; then
        echo "$name: the program does not compile:"
        cat log
        return
    fi
    if ! ./program >printed 2>&1; then
        echo "$name: the program failed:"
        cat printed
        return
    fi
    sed "s|/$prefix-$name|/myhost|g" printed >shown
    cmp -s shown expected || {
        echo "$name: the program prints what the manual does not say:"
        diff shown expected
    }
}

pages=0
for page in "$manuals"/*.3; do
    name=${page##*/}
    name=${name%.3}
    mkdir "$folder/$name"
    extract "$page" "$folder/$name"
    if [ ! -s "$folder/$name/program.c" ] || [ ! -s "$folder/$name/expected" ]; then
        echo "$name: there is no example, or not what it prints"
    else
        # Two at a time.
        (check "$name" "$@") &
        pages=$((pages + 1))
        [ $((pages % 2)) -ne 0 ] || wait
    fi
done >"$folder/complaints"
wait
[ "$pages" -ge 15 ] || echo "only $pages pages with examples were found" >>"$folder/complaints"
cat "$folder/complaints"
[ ! -s "$folder/complaints" ]
