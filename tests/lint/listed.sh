#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every C file is named by the CMakeLists.txt of its folder or of one above: a file that is not built is not tested.
# Tests may be named without test_, torture_ or fuzz_ and without .c, as the functions that add them take them.
. "${0%/*}/sources.sh"

look_at sources '*.c' '*.cpp'
complaints=$(printf '%s\n' "$looked_at" | while IFS= read -r file; do
    name=${file##*/}
    short=${name%.c}
    short=${short#test_}
    short=${short#torture_}
    short=${short#fuzz_}
    folder=$file
    found=
    while [ -z "$found" ] && [ "$folder" != "${folder%/*}" ]; do
        folder=${folder%/*}
        [ -f "$folder/CMakeLists.txt" ] || continue
        ! grep -v '^ *#' "$folder/CMakeLists.txt" |
            grep -qE "(^|[ /(])($name|$short|${name%.c})([ )]|\$)" || found=yes
    done
    [ -n "$found" ] || echo "$file: no CMakeLists.txt above it names it"
done)
verdict "$complaints"
