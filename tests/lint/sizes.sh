#!/bin/sh
# SPDX-License-Identifier: MIT
#
# No C file is longer than 600 lines, no function longer than 80, braces included. The public header is one by decision:
# it is the manual that people read from top to bottom, and most of it is comments.
. "${0%/*}/sources.sh"

look_at sources '*.c' '*.h'
# shellcheck disable=SC2086 # names of the project have no spaces
complaints=$(awk '
FNR == 1 { begin = 0 }
FNR == 601 && FILENAME !~ /include\/shmquota\.h$/ { print FILENAME ": longer than 600 lines; is there a second idea in it?" }
/^{/ { begin = FNR; name = before }
/^}/ && begin {
    if (FNR - begin + 1 > 80)
        print FILENAME ":" begin ": " FNR - begin + 1 " lines, more than 80: " name
    begin = 0
}
/^[A-Za-z]/ { before = $0 }
' $looked_at)
verdict "$complaints"
