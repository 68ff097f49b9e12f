#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/operations.md at its word: the sizes in its table, the two users and the one who only watches. And the policy that
# README.md shows is accepted.
#
#     tests/process/operations.sh FOLDER      of the programs
set -u

bin=$1
page=${0%/*}/../../docs/operations.md
name=shmq-test-$$-operations
folder=$(mktemp -d)
trap 'rm -rf "$folder"; "$bin/shmquota" remove -q "$name" 2>/dev/null' EXIT
chmod 755 "$folder"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# policy MODE COMPONENTS THREADS
policy() {
    printf '[segment]\nname = /%s\nmode = %s\ncomponents = %s\nthreads = %s\n[component:mailer]\n[component:web]\n' \
        "$name" "$1" "$2" "$3" >"$folder/site.ini"
    chmod 644 "$folder/site.ini"
}

# ---- Sizes: what the page says is what is created, give or take a tenth ----

kib() {
    awk -v n="$1" -v unit="$2" 'BEGIN { print int(unit == "MiB" ? n * 1024 : n) }'
}

rows=0
while read -r components threads said unit; do
    rows=$((rows + 1))
    [ "$components" -le 10000 ] || continue
    policy 0600 "$components" "$threads"
    "$bin/shmquota" create -q "$folder/site.ini" || fail "cannot create $components components"
    real=$(stat -c %s "/dev/shm/$name.policy" "/dev/shm/$name.usage" | awk '{ n += $1 } END { print int(n / 1024) }')
    "$bin/shmquota" remove -q "$name"
    said=$(kib "$said" "$unit")
    if [ $((real * 10)) -gt $((said * 11)) ] || [ $((real * 10)) -lt $((said * 9)) ]; then
        fail "operations.md says $said KiB for $components components and $threads threads; it is $real KiB"
    fi
done <<END
$(sed -n 's/^| \([0-9]*\) | \([0-9]*\) | \([0-9.]*\) \([KM]iB\) |$/\1 \2 \3 \4/p' "$page")
END
[ "$rows" -ge 5 ] || fail "the table of sizes was not found"

# ---- The policy that the README shows ----

awk '/^```/ { if (code) exit; code = $0 == "```ini"; next } code' "${0%/*}/../../README.md" >"$folder/readme.ini"
grep -q '^\[component:' "$folder/readme.ini" || fail "README.md shows no policy"
"$bin/shmquota" policy check "$folder/readme.ini" >"$folder/out" 2>&1 || fail "README.md: $(cat "$folder/out")"
grep -q '1 component, 1 group, 0 errors, 0 warnings' "$folder/out" || fail "README.md: $(cat "$folder/out")"

# ---- Users ----

if [ "$(id -u)" -ne 0 ]; then
    echo "NOT CHECKED: only root can be several users" >&2
    exit 0
fi
if ! setpriv --reuid 64001 --regid 64000 --clear-groups test -x "$bin/shmquota"; then
    echo "NOT CHECKED: other users cannot reach $bin" >&2
    exit 0
fi

as_quota() { setpriv --reuid 64001 --regid 64000 --clear-groups "$@"; }
as_root_with_group() { setpriv --regid 64000 --clear-groups "$@"; }
as_web() { setpriv --reuid 64002 --regid 64002 --groups 64000 "$@"; }
as_nobody() { setpriv --reuid 64003 --regid 64003 --clear-groups "$@"; }

# refused TEXT COMMAND...
refused() {
    text=$1
    shift
    ! "$@" >"$folder/out" 2>&1 || fail "$* succeeded"
    grep -qF "$text" "$folder/out" || fail "$* says $(cat "$folder/out"), not '$text'"
}

no_permission="this process may not do that: no permission, or not the segment's controller"

policy 0660 100 16
as_quota "$bin/shmquota" create -q "$folder/site.ini" || fail "the controller cannot create"
[ "$(stat -c %a "/dev/shm/$name.policy" "/dev/shm/$name.usage" | paste -sd' ')" = "640 660" ] || fail "modes"
as_web "$bin/shmquota" try "$name" mailer messages 1 || fail "the worker cannot consume"
refused "$no_permission" as_web "$bin/shmquota" set "$name" mailer --message-rate 10/s
refused "need its group, one without a name (gid 64000)" as_nobody "$bin/shm-dump" "$name"
refused "belongs to a user this process does not trust" "$bin/shmquota" try "$name" mailer messages 1
as_quota "$bin/shmquota" remove -q "$name" || fail "the controller cannot remove"

policy 0664 100 16
as_root_with_group "$bin/shmquota" create -q "$folder/site.ini" || fail "root cannot create"
as_web "$bin/shmquota" try "$name" mailer messages 1 || fail "the worker cannot consume of root's segment"
as_nobody "$bin/shmquota" check "$name" | grep -q "^SHMQUOTA OK - /$name: 2 components within their limits" ||
    fail "who watches cannot watch"
refused "$no_permission" as_nobody "$bin/shmquota" try "$name" mailer messages 1
echo "checked: sizes, two users, one who watches"
