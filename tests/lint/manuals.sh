#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mandoc has nothing to say of the manuals, style included. What it says of manuals that are not installed here is not
# about ours.
. "${0%/*}/sources.sh"

if ! command -v mandoc >/dev/null; then
    echo "lint.manuals: mandoc is missing; 'tools/setup test' installs it" >&2
    exit 1
fi
look_at sources 'docs/man/*.[1-9]'
# shellcheck disable=SC2086 # names of the project have no spaces
complaints=$(mandoc -T lint $looked_at 2>&1 | grep -v ' outdated mandoc\.db lacks ')
verdict "$complaints"
