#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The programs on a segment of 50,000 components and 3,000 patterns: right figures, and none of them takes time that grows
# faster than what it looks at. What is linear takes a second at most; what were quadratic in the components, or cubic in
# the patterns, is ended after fifteen of processor time.
#
#     tests/process/tools_at_scale.sh FOLDER      of the programs
set -u

count=50000
name=/shmq-test-$$-scale
folder=$(mktemp -d)
shmquota=$1/shmquota
shm_dump=$1/shm-dump

finish() {
    "$shmquota" remove -q $name 2>/dev/null
    rm -rf "$folder"
}
trap finish EXIT

fail() {
    echo "FAILED: $*" >&2
    head -n 20 "$folder/out" >&2
    exit 1
}

# run STATUS COMMAND...
run() {
    wanted=$1
    shift
    prlimit --cpu=15:16 "$@" >"$folder/out" 2>&1
    status=$?
    [ $status -lt 128 ] || fail "ended by signal $((status - 128)), SIGXCPU where it took too long: $*"
    [ $status -eq "$wanted" ] || fail "status $status, not $wanted: $*"
}

says() {
    grep -qE -- "$1" "$folder/out" || fail "lacks: $1"
}

# A policy that names all of them, in classes and a group, and patterns that come after them.
write_policy() { # write_policy LIMIT
    awk -v name=$name -v count=$count -v limit="$1" 'BEGIN {
        printf "[segment]\nname = %s\ncomponents = %d\nrules = 4MB\n\n", name, count + 100
        printf "[class:small]\nmessages = %d/s\nstorage = 10MB\n\n[class:big]\nclass = small\nnetwork = 1GB/s\n\n", limit
        printf "[group:all]\nmemory = 100GB\n\n"
        for (i = 0; i < 3000; i++)
            printf "[component:job-%04d-*]\nmessages = %d/s\n\n", i, i + 1
        for (i = 0; i < count; i++)
            printf "[component:tenant-%05d]\nclass = %s\n%s\n", i, i % 3 ? "big" : "small", i % 7 ? "" : "group = all\n"
    }' >"$folder/policy.ini"
}

write_policy 100
run 0 "$shmquota" create "$folder/policy.ini"
says "50000 components of 50100"
run 0 "$shmquota" policy diff "$folder/policy.ini"
[ ! -s "$folder/out" ] || fail "a policy differs from itself"

# One component among many is found at once, and changed without a word about the others.
run 0 "$shmquota" try $name tenant-33333 messages 99 -- true
run 0 "$shmquota" set $name tenant-33333 --message-rate 7/h
run 0 "$shmquota" show $name tenant-33333
says '7/h'
run 0 "$shmquota" register $name job-0042-last
run 0 "$shm_dump" --component job-0042-last --json $name
says '"limit": *43'

# All of them, in text, the first of them, and sorted.
run 0 "$shm_dump" --no-header -o component $name
[ "$(sort -u "$folder/out" | wc -l)" -eq 50002 ] || fail "shm-dump shows $(sort -u "$folder/out" | wc -l) components"
run 0 "$shm_dump" --no-header -n 3 -s -used_pct -o component,resource $name
[ "$(wc -l <"$folder/out")" -eq 3 ] || fail "not three rows"
run 0 "$shm_dump" --no-header -I 'tenant-4999?' -o component $name
[ "$(sort -u "$folder/out" | wc -l)" -eq 10 ] || fail "not ten components"
run 0 "$shmquota" export -I 'tenant-4999?' $name
run 0 "$shmquota" verify $name
run 2 "$shmquota" check $name
says "CRITICAL: tenant-33333 messages 99 of 7/h"
run 0 "$shmquota" list
says "$name"

# Another policy: what changes is said of each class's members, and all of it is there.
write_policy 200
run 1 "$shmquota" policy diff -q "$folder/policy.ini"
run 0 "$shmquota" publish "$folder/policy.ini"
run 0 "$shmquota" show $name tenant-00003
says '200'
echo "tools_at_scale: all is well"
