#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/operations.md on containers at its word, with bubblewrap: two that share /dev/shm and the pid namespace count
# together and recover each other's dead; one with pids of its own, one that may only read, one that sees another /proc,
# and one that starts again.
#
#     tests/process/containers.sh FOLDER      of the programs
set -u

bin=$1
if ! command -v bwrap >/dev/null || [ "$(id -u)" -ne 0 ] || ! bwrap --bind / / --unshare-pid --proc /proc true 2>/dev/null; then
    echo "NOT CHECKED: containers need root, bubblewrap, and a kernel that lets it" >&2
    exit 0
fi

shm=/dev/shm/shmq-test-$$-containers
folder=$(mktemp -d)
keepers=

clean_up() {
    trap - EXIT HUP INT PIPE TERM
    for keeper in $keepers; do
        kill -KILL "$keeper" 2>/dev/null
        wait "$keeper" 2>/dev/null
    done
    rm -rf "$folder" "$shm"
}
trap clean_up EXIT
trap 'clean_up; exit 1' HUP INT PIPE TERM
mkdir "$shm"
printf '[segment]\nname = /site\ncomponents = 10\nthreads = 16\npersistent = yes\n[component:mail]\nmessages = 100/52w\n' >"$folder/site.ini"

fail() {
    echo "FAILED: $*" >&2
    cat "$folder/out" >&2
    exit 1
}

# start NAME OPTION...: a container that stays. $inside becomes a process of it, to enter it by.
start() {
    what=$1
    shift
    bwrap --ro-bind / / --dev /dev --proc /proc --unshare-ipc --unshare-uts --unshare-net --die-with-parent \
        --info-fd 3 "$@" "$shm" /dev/shm sleep 60 3>"$folder/$what" >/dev/null 2>&1 &
    keepers="$keepers $!"
    tries=0
    until inside=$(sed -n 's/.*"child-pid": \([0-9]*\).*/\1/p' "$folder/$what" 2>/dev/null) && [ -n "$inside" ] &&
        its_root=/proc/$inside/root && [ "$(stat -c %i "$its_root/dev/shm" 2>/dev/null)" = "$(stat -c %i "$shm")" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "bubblewrap starts no container"
        sleep 0.02
    done
}

# within PID COMMAND...: as 'docker exec' does it
within() {
    pid=$1
    shift
    nsenter --target "$pid" --mount --pid --ipc --net --uts "$@" >"$folder/out" 2>&1
}

# refused TEXT PID COMMAND...
refused() {
    text=$1
    shift
    ! within "$@" || fail "admitted: $*"
    grep -qF "$text" "$folder/out" || fail "'$*' does not say '$text'"
}

# ---- Two that share /dev/shm and the pid namespace: one host, or a host and its tools ----

start host --unshare-pid --bind
host=$inside
start worker --pidns 4 --bind 4<"/proc/$host/ns/pid"
worker=$inside
within "$host" "$bin/shmquota" create -q "$folder/site.ini" || fail "a container cannot create"
within "$host" "$bin/shmquota" try site mail messages 60 || fail "a container cannot consume"
within "$worker" "$bin/shmquota" try site mail messages 40 || fail "another one of the same pids cannot"
refused "denied: Message rate quota exceeded" "$host" "$bin/shmquota" try site mail messages 1
# What a killed process of one container held, the other gives back.
# shellcheck disable=SC2016 # its parent is the one that is to die
within "$worker" "$bin/shmquota" try --hold site mail storage 1000 -- sh -c 'kill -KILL $PPID; sleep 0.1'
within "$host" "$bin/shmquota" reap site || fail "cannot reap"
grep -q '^recovered 1 dead thread' "$folder/out" || fail "the dead of another container are not recovered"
within "$host" "$bin/shmquota" verify site || fail "not sound"

# ---- One with the same /dev/shm and pids of its own ----

foreign="the segment was made in another pid or time namespace"
start stranger --unshare-pid --bind
stranger=$inside
refused "$foreign" "$stranger" "$bin/shmquota" try site mail messages 1
refused "it exists already" "$stranger" "$bin/shmquota" create "$folder/site.ini"
within "$stranger" "$bin/shm-dump" --no-header -c mail --filter resource=messages -o used site || fail "it cannot even look"
[ "$(tr -d ' ' <"$folder/out")" = 100 ] || fail "what it sees is wrong"
# What watches may stand beside the host: its figures are as good there.
within "$stranger" "$bin/shmquota" export site || fail "an exporter beside the host cannot read"
grep -q '^shmquota_messages_used{segment="/site",component="mail"} 100$' "$folder/out" || fail "it exports something else"
within "$stranger" "$bin/shmquota" why site mail || fail "why cannot look"
! within "$stranger" "$bin/shmquota" check site || fail "check does not see what is full"
grep -q '^SHMQUOTA CRITICAL' "$folder/out" || fail "check cannot look"

# ---- One that may only read ----

start watcher --pidns 4 --ro-bind 4<"/proc/$host/ns/pid"
within "$inside" "$bin/shmquota" check --crit 101 --warn 101 site || fail "who may read cannot look"
refused "the segment is open for observing only" "$inside" "$bin/shmquota" try site mail messages 1

# ---- From the machine, by its own programs ----

# The right pids with the machine's /proc, where they are those of others: nobody may be called dead by that.
! nsenter --target "$host" --pid "$bin/shmquota" reap "$shm/site" >"$folder/out" 2>&1 || fail "judged by another /proc"
grep -q "of another pid namespace" "$folder/out" || fail "a foreign /proc is not named"
# shellcheck disable=SC2016 # the inner shell's
nsenter --target "$host" --pid unshare --mount-proc \
    sh -c 'cd /proc/1/root && "$0" verify "$PWD/dev/shm/site"' "$bin/shmquota" >"$folder/out" 2>&1 ||
    fail "the machine's programs cannot enter"

# ---- The container ends, its /dev/shm stays, another one comes ----

# shellcheck disable=SC2086 # the first two
set -- $keepers
kill -KILL "$1" "$2"
wait "$1" "$2" 2>/dev/null
refused "$foreign" "$stranger" "$bin/shmquota" try site mail messages 1
within "$stranger" "$bin/shmquota" remove -q site || fail "what is left cannot be removed"
within "$stranger" "$bin/shmquota" create -q "$folder/site.ini" || fail "a new one cannot be created"
echo "checked: containers that share pids, that do not, that only read; entered from outside; started again"
