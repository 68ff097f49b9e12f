#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mandoc has nothing to say of the manuals, style included, and each is installed. Which other manuals this machine has is
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
done)
verdict "$complaints"
