#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The guide shows what is compiled: each part of an example that stands between marks is found in it word for word.
#
#     tests/api/snippets.sh SOURCES
set -u
cd -- "$1" || exit 2
awk '
BEGIN {
    guide = "docs/embedding.md"
    while ((getline line <guide) > 0)
        text = text line "\n"
}
/^\/\* \[[a-z]+\] \*\/$/ { part = $0; snippet = "```c\n"; next }
/^\/\* \[\/[a-z]+\] \*\/$/ {
    parts++
    if (index(text, snippet "```\n") == 0) {
        print FILENAME ": " guide " does not show " part " as it stands here"
        wrong++
    }
    part = ""
}
part { snippet = snippet $0 "\n" }
END {
    if (parts < 4)
        print "only " parts + 0 " parts were found"
    exit wrong > 0 || parts < 4
}
' docs/examples/guard.c
