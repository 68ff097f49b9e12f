# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Read by every lint script: goes to the top of the tree, lists its files, and turns complaints into an exit status.
# In a git checkout the files are those that git tracks or would add; elsewhere (a tarball) all but build/.
#
#     . "${0%/*}/sources.sh"
#     look_at sources '*.c' '*.h'          into $looked_at; fails where there is none
#     verdict "$complaints"

root=${1:-$(CDPATH='' cd -- "${0%/*}/../.." && pwd)}
cd -- "$root" || exit 2

sources() {
    if [ -e .git ]; then
        git ls-files --cached --others --exclude-standard -- "$@"
    else
        for pattern in "$@"; do
            find . \( -name .git -o -path ./build \) -prune -o -type f -path "./$pattern" -print
        done | sed 's|^\./||'
    fi | sort -u | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# Shell scripts, which carry no suffix where people call them.
scripts() {
    sources '*' | while IFS= read -r file; do
        case $file in
        *.sh) printf '%s\n' "$file" ;;
        *.*) ;;
        *) ! head -n 1 "$file" | grep -q '^#!/bin/sh' || printf '%s\n' "$file" ;;
        esac
    done
}

# Runs a command that lists files, into $looked_at. A lint test that finds nothing to look at fails.
look_at() {
    looked_at=$("$@")
    if [ -z "$looked_at" ]; then
        echo "nothing was looked at: no file of that kind was found under $root"
        exit 1
    fi
}

# Ends the script; it failed where there are complaints.
verdict() {
    [ -n "$1" ] || exit 0
    printf '%s\n' "$1"
    exit 1
}
