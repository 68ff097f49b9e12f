#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The printers and commands of tools/gdb, on a live process, where gdb finds the script by itself, and on its core, when
# the segment's name is gone.
#
#     tests/api/gdb.sh SOURCES PROGRAM LIBRARY VERSION
set -u

script=$1/tools/gdb/shmquota.py
program=$2
library=$(realpath "$3")
folder=$(realpath "$(mktemp -d)")
name=shmq-test-$$-gdb
failed=0

finish() {
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'exit 1' INT TERM

command -v gdb >/dev/null || { echo "gdb is missing: tools/setup test installs it"; exit 1; }

expect() { # expect WHERE TEXT
    if ! grep -qF -- "$2" "$folder/$1"; then
        echo "FAILED: on a $1 gdb does not say: $2" >&2
        failed=1
    fi
}

cat >"$folder/commands" <<'END'
print *segment
print *component
print reservation
print finished
print segment->policy->header
print segment->policy->control
print segment->entries[0]
print segment->trackers[0]
print segment->quotas[0][0]
print segment->slots[reservation.slot]
shmquota segments
shmquota workers
shmquota components
shmquota component "two words"
shmquota component nobody
END

looks_right() {
    expect "$1" "{name = /$name, access = control, components = 2 of 1024, threads = 1 of 256, policy generation = "
    expect "$1" "component = {name = two words, id = 0, generation = 1, segment = /$name, references = 1, state = in force}"
    expect "$1" 'reservation = {state = open, amount = 1000, resource = storage, component = two words, slot = '
    expect "$1" 'reservation = {state = finished}'
    expect "$1" 'header = {magic = shmquota, layout = 1.0, kind = policy, components = 1024, threads = 256, '
    expect "$1" 'control = {policy generation = '
    expect "$1" 'entry = {name = two words, state = live, generation = 1, '
    expect "$1" 'tracker = {messages = total 3, 3 used in window '
    expect "$1" 'storage = 5096 used (in 5096 by slot '
    expect "$1" 'thresholds = messages critical'
    expect "$1" 'messages = 3 messages per 3600000 ms, window, deny, warning at 80 %, critical at 95 %'
    expect "$1" 'slot = {owner = thread '
    expect "$1" "section = idle"
    expect "$1" "  /$name  control, components 2 of 1024, threads 1 of 256"
    expect "$1" '  holds 1000 bytes of storage of component 0, generation 1'
    expect "$1" '     0  two words                 storage 5096, memory 0, denied 2'
    expect "$1" '  has on lease 99 of messages of component 1'
    expect "$1" '     1  leased                    storage 0, memory 0, denied 0'
    expect "$1" 'component 0, two words'
    expect "$1" "There is no component 'nobody'; 'shmquota components' lists them."
    ! grep -qE 'Traceback|Python Exception' "$folder/$1" || failed=1
}

# gdb looks below its folder of scripts under the whole path of the library.
mkdir -p "$folder/scripts${library%/*}"
cp "$script" "$folder/scripts$library-gdb.py"
gdb -nx -batch -iex "set auto-load scripts-directory $folder/scripts" -iex "set auto-load safe-path $folder" \
    -iex 'set debuginfod enabled off' -ex 'set breakpoint pending on' -ex 'break stopped' -ex "run /$name" \
    -ex "generate-core-file $folder/core.of" -x "$folder/commands" "$program" >"$folder/process" 2>&1
looks_right process
[ "${library##*/}" = "libshmquota.so.$4" ] || { echo "FAILED: installed as libshmquota.so.$4-gdb.py, the library is $library"; failed=1; }

rm -f "/dev/shm/$name.policy" "/dev/shm/$name.usage"
gdb -nx -batch -iex 'set debuginfod enabled off' -ex "source $script" -x "$folder/commands" \
    "$program" "$folder/core.of" >"$folder/core" 2>&1
looks_right core

[ $failed -eq 0 ] || cat "$folder/process" "$folder/core"
exit $failed
