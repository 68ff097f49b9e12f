#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota top on real terminals: tmux is the terminal, and what stands on its screen is looked at.
#
#     tests/process/top.sh FOLDER      of the programs
set -u

shmquota=$1/shmquota
folder=$(mktemp -d)
name=shmq-test-$$-top
started=0
export TMUX_TMPDIR="$folder" TZ=UTC

finish() {
    tmux -L "top$started" kill-server 2>/dev/null
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*" >&2
    echo "--- the screen" >&2
    screen >&2
    exit 1
}

screen() {
    tmux -L "top$started" capture-pane -p
}

# Start top on a screen of its own: COLUMNS ROWS LOCALE [ARGUMENT...]
start() {
    columns=$1 rows=$2 locale=$3
    shift 3
    tmux -L "top$started" kill-server 2>/dev/null
    started=$((started + 1)) # a name of its own: the old server may still be ending
    tmux -L "top$started" -f /dev/null -u new-session -d -x "$columns" -y "$rows" \
        "env LC_ALL=$locale TERM=screen-256color '$shmquota' top -d 200ms $* $name; echo ended with \$?; sleep 60" ||
        { echo "tmux is missing: tools/setup test installs it" >&2 && exit 1; }
}

# Wait until the screen has, or has no more, a line that matches.
sees() {
    for _ in $(seq 100); do
        screen 2>/dev/null | grep -qE -- "$1" && return
        sleep 0.05
    done
    fail "the screen never shows: $1"
}

loses() {
    for _ in $(seq 100); do
        screen | grep -qE -- "$1" || return 0
        sleep 0.05
    done
    fail "the screen still shows: $1"
}

keys() {
    tmux -L "top$started" send-keys "$@"
}

# No line is longer than the screen, and the titles stand once: nothing wrapped around.
fits() {
    [ "$(screen | LC_ALL=C.UTF-8 wc -L)" -le "$1" ] || fail "a line is longer than $1"
    [ "$(screen | grep -c COMPONENT)" -eq 1 ] || fail "the titles stand more than once"
}

cat >"$folder/policy.ini" <<END
[segment]
name = /$name
components = 64
[component:alice]
message_rate = 100/h
storage = 1000
[component:bob]
storage = 1000
message_rate = 10/s
[component:日本語]
storage = 1000
END
"$shmquota" create -q "$folder/policy.ini" || fail "cannot create the segment"
"$shmquota" try "$name" alice messages 100 || fail "cannot use messages"
"$shmquota" try "$name" bob storage 850 || fail "cannot use storage"
"$shmquota" try "$name" 日本語 storage 300 || fail "cannot use storage"

# The nearest to its limit stands first, with its bar, and refusals are seen as they happen.
start 110 24 C.UTF-8
sees "^/$name  (idle|crashed|live)  workers 0"
sees '^alice +messages +100 +100/h +100 ████████ '
sees '^bob +storage +850 B +1000 B +85\.0 ██████▊ '
screen | sed -n 4p | grep -q '^alice' || fail "alice is not first"
sees '^1 critical  1 warning'
sees '[▁▂▃▄▅▆▇█]{3}'
fits 110
i=0
while [ $i -lt 20 ]; do
    "$shmquota" try -q "$name" alice messages 1
    i=$((i + 1))
done
sees '^alice +messages .* 20$|^alice +messages .* 20 '

# Sort, filter, one resource, busy rows, help, pause.
keys N
sees '^COMPONENT\^'
keys N
sees '^COMPONENTv'
keys P
sees ' %v '
keys /
keys -l 'bob'
sees 'filter \(.*\): bob'
keys Enter
loses '^alice'
sees '^1-5 of 5'
keys Escape
sees '^alice'
keys / C-u
keys -l 'used_pct>80'
keys Enter
sees '^1-2 of 2'
keys / C-u
keys -l 'usd>80'
keys Enter
sees "did you mean 'used'"
keys Escape
sees '^1-15 of 15'
keys r
sees '^1-3 of 3'
keys Escape
keys z
sees '^1-3 of 3'
keys z
keys h
sees 'Any key goes on'
keys x
loses 'Any key goes on'
keys p
sees 'PAUSED'
keys p
loses 'PAUSED'

# A window that is over does not let its row fall back at once. It may also end before it is seen.
row_stays() {
    for _ in 1 2 3 4 5; do
        "$shmquota" try -q "$name" bob messages 10
        for _ in $(seq 30); do
            screen | sed -n 5p | grep -q '^bob  *messages  *0 ' && return
            sleep 0.05
        done
    done
    return 1
}
row_stays || fail "a row falls back as soon as its window ends"

# Resizing, down to screens on which hardly anything fits.
for size in 80x24 60x12 40x10 25x6 12x3 5x2 1x1 200x50 110x24; do
    tmux -L "top$started" resize-window -x "${size%x*}" -y "${size#*x}"
    sleep 0.3
    if [ "${size%x*}" -ge 25 ]; then
        sees '^alice'
        fits "${size%x*}"
    fi
done

# The host goes and comes back.
"$shmquota" remove -q "$name"
sees 'waiting for the host'
"$shmquota" create -q "$folder/policy.ini"
sees '^alice +storage +0 '
keys q
sees '^ended with 0'

# No UTF-8: plain characters only, names escaped.
"$shmquota" try "$name" bob storage 850
start 100 20 C
sees '^bob +storage .* ###### '
sees '^.xe6.x97.*storage'
[ -z "$(screen | LC_ALL=C tr -d '\000-\177')" ] || fail "there are bytes that are no ASCII"
fits 100
keys q
sees '^ended with 0'

start 100 20 C.UTF-8 --ascii
sees '^bob +storage .* ###### '
sees '^日本語'
keys C-c
sees 'ended with|^$'

# Without a terminal it says what else there is.
"$shmquota" top "$name" >"$folder/out" 2>"$folder/err" </dev/null && fail "it ran without a terminal"
grep -q 'top needs a terminal' "$folder/err" || fail "$(cat "$folder/err")"
tmux -L "top$started" kill-server
started=$((started + 1))
tmux -L "top$started" -f /dev/null new-session -d "env TERM=no-such-terminal '$shmquota' top $name; sleep 60"
sees "terminal 'no-such-terminal' is not known"
"$shmquota" remove -q "$name"
echo "top: all is well"
