#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota doctor on a machine of its own: a mount namespace with a /dev/shm that no other test sees, in which one thing
# after the other is made to hurt.
#
#     tests/process/doctor.sh FOLDER      of the programs
set -u

if [ -z "${SHMQ_DOCTOR_INSIDE-}" ]; then
    if [ "$(id -u)" -eq 0 ]; then
        flags=-m
    else
        flags=-rm
    fi
    if ! unshare $flags true 2>/dev/null; then
        echo "NOT CHECKED: no mount namespace may be made here" >&2
        exit 0
    fi
    export SHMQ_DOCTOR_INSIDE=yes
    exec unshare $flags "$0" "$@"
fi

shmquota=$1/shmquota
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mount -t tmpfs -o size=512m,mode=1777 tmpfs /dev/shm || exit 1

fail() {
    echo "FAILED: $*" >&2
    cat "$folder/out" >&2
    exit 1
}

# diagnose STATUS [ARGUMENT...]
diagnose() {
    wanted=$1
    shift
    "$shmquota" doctor --root "$folder" "$@" >"$folder/out" 2>&1
    status=$?
    [ $status -eq "$wanted" ] || fail "status $status, not $wanted"
}

says() {
    grep -qE -- "$1" "$folder/out" || fail "lacks: $1"
}

says_not() {
    ! grep -qE -- "$1" "$folder/out" || fail "says: $1"
}

make() {
    printf '[segment]\nname = /%s\ncomponents = 8\n%s\n[component:alice]\nstorage = 100\n' "$1" "${2-}" >"$folder/policy.ini"
    "$shmquota" create -q "$folder/policy.ini" || fail "cannot create $1"
}

# A sound machine.
diagnose 0
says '^ok +kernel +Linux '
says '^ok +/dev/shm +tmpfs, 512 MiB, '
says '^ok +segment +there is none'
says '^ok +liburcu +built with [0-9]+\.[0-9]+'
says '^ok +inih +built with [0-9]+'
says '^All is well\.'
make well
diagnose 0
says '^ok +segment +/well: idle and sound, 1 of 8 components'
diagnose 0 -q
[ ! -s "$folder/out" ] || fail "says something although all is well"
diagnose 0 -j
jq -e '.schema == "shmquota.doctor" and .problems == 0 and any(.findings[]; .subject == "segment" and .severity == "ok")' \
    "$folder/out" >/dev/null || fail "the document"

# systemd removes the shared memory of users who log out, but not that of system users, and not where it is told not to.
mkdir -p "$folder/etc/systemd/logind.conf.d"
echo '[Login]' >"$folder/etc/systemd/logind.conf"
diagnose 0
says '^note +RemoveIPC +on: '
if [ "$(id -u)" -eq 0 ] && chown 4242 /dev/shm/well.policy 2>/dev/null; then
    chown 4242 /dev/shm/well.usage
    diagnose 1
    says '^problem +RemoveIPC +/well goes when .* \(uid 4242\) logs out'
    says 'enable-linger'
    printf 'SYS_UID_MAX\t5000\n' >"$folder/etc/login.defs"
    diagnose 0
    rm "$folder/etc/login.defs"
    printf '[Login]\n RemoveIPC = no\n' >"$folder/etc/systemd/logind.conf.d/keep.conf"
    diagnose 0
    says '^ok +RemoveIPC +off'
    printf '[Login]\nRemoveIPC=yes\n' >"$folder/etc/systemd/logind.conf.d/later.conf"
    diagnose 1
    rm -r "$folder/etc/systemd/logind.conf.d"
    chown 0 /dev/shm/well.policy /dev/shm/well.usage
fi
printf '[Login]\nRemoveIPC=no\n' >"$folder/etc/systemd/logind.conf"

# Segments: a dead worker, one that everybody may write to, damage, half of one, no room.
(
    "$shmquota" try --hold well alice storage 10 -- sleep 3 &
    try=$!
    sleep 0.5
    kill -KILL $try
) 2>/dev/null
sleep 0.2
diagnose 0
says '^warning +segment +/well: crashed, all 1 workers are dead'
"$shmquota" reap -q well
diagnose 0 -q
chmod 666 /dev/shm/well.usage
diagnose 1
says '^problem +segment +/well: everybody may write'
chmod 600 /dev/shm/well.usage
printf 'not a magic number' | dd of=/dev/shm/well.policy conv=notrunc 2>/dev/null
diagnose 1
says '^problem +segment +/well: not a segment'
says "Stop its host, 'shmquota remove /well', and start it again"
rm /dev/shm/well.policy
diagnose 0
says '^warning +leftover +/dev/shm/well.usage is half'
says "Where it is yours: 'shmquota remove /well'"
"$shmquota" remove -q well
make well
"$shmquota" try --hold well alice storage 1 -- sleep 30 &
holder=$!
tries=0
until "$shmquota" workers well | grep -q '^1 alive'; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "nobody is attached"
    sleep 0.05
done
rm /dev/shm/well.policy /dev/shm/well.usage
diagnose 0
says "^warning +names +pid $holder \\(shmquota\\): the name of their segment was removed"
kill $holder
wait $holder
diagnose 0
says '^ok +names +no process'
make full 'threads = 1'
for name in b c d e f g h; do
    "$shmquota" register -q full $name
done
diagnose 0
says '^warning +segment +/full: 8 of 8 components are taken'
"$shmquota" remove -q full

# Huge pages: whoever asks for them is told whether they came.
make small 'hugepages = yes' 2>/dev/null
diagnose 0
says 'smaller than one of 2 MiB'
"$shmquota" remove -q small
printf '[segment]\nname = /huge\ncomponents = 20000\nhugepages = yes\n' >"$folder/policy.ini"
"$shmquota" create -q "$folder/policy.ini" 2>"$folder/out" || fail "cannot create huge"
says 'huge: no huge pages, its mount gives none'
diagnose 0
says '^note +huge pages +/huge asked for them and got 0 B of '
says 'mount -o remount,huge=advise /dev/shm; then make the segment anew'
"$shmquota" remove -q huge
if mount -o remount,huge=advise /dev/shm 2>/dev/null; then
    "$shmquota" create -q "$folder/policy.ini" 2>/dev/null || fail "cannot create huge"
    diagnose 0
    # Where memory is short of them there may be none: that is said, too.
    says '^(ok +huge pages +/huge: |note +huge pages +/huge asked for them)'
    says_not 'remount,huge=advise'
    "$shmquota" remove -q huge
fi

# The place: small, full, read-only, not there.
mount -o remount,size=64m /dev/shm
diagnose 0
says '^warning +/dev/shm +64 MiB is what containers get'
dd if=/dev/zero of=/dev/shm/ballast bs=1M count=63 2>/dev/null
diagnose 1
says '^problem +/dev/shm +64 MiB, only 1 MiB left'
rm /dev/shm/ballast
chmod 777 /dev/shm
diagnose 1
says 'without the sticky bit'
chmod 1777 /dev/shm
mount -o remount,ro /dev/shm
diagnose 1
says 'mounted read-only'
umount /dev/shm
if [ "$(stat -f -c %T /dev/shm)" != tmpfs ]; then
    diagnose 1
    says 'it is no tmpfs'
fi
mount -t tmpfs -o size=512m,mode=1777 tmpfs /dev/shm

# /proc that hides others, or is not there; files that may not grow.
if mount -t proc -o hidepid=2 proc /proc 2>/dev/null; then
    diagnose 0
    says '^warning +/proc +it hides processes'
    umount /proc
fi
# shellcheck disable=SC3045 # dash has it
(ulimit -f 1000 && diagnose 0 && says '^warning +limits +files may have') || exit 1
says_not '^ok +limits'
echo "doctor: all is well"
