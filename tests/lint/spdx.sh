#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every source file names its licence in its first line, a script in its second, below the interpreter. A C file then
# says in a comment of three lines or more what it is about.
. "${0%/*}/sources.sh"

files() {
    sources '*.c' '*.h' '*.cpp' '*.map' '*.cmake' '*.in' '*CMakeLists.txt'
    scripts
}
look_at files
# shellcheck disable=SC2086 # names of the project have no spaces
complaints=$(awk '
FNR == 1 { script = /^#!/ || /^# shellcheck/; in_comment = 0 }
FNR == 1 + script && !/SPDX-License-Identifier: MIT/ && FILENAME !~ /[.]pc[.]in$/ {
    print FILENAME ":" FNR ": SPDX-License-Identifier: MIT belongs here"
}
FILENAME ~ /[.](c|h|cpp)$/ {
    if (FNR == 2 && !/^\/\*$/)
        print FILENAME ":2: a comment that says what the file is about belongs here"
}
' $looked_at)
verdict "$complaints"
