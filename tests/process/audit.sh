#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota audit: every kind of event as a line of JSON with all that a reader needs, one line a second for who floods,
# no line lost when its file is rotated, and a clean end.
#
#     tests/process/audit.sh FOLDER      of the programs
#
# Limits on rates are per day, so that no window ends in the middle.
set -u

shmquota=$1/shmquota
folder=$(mktemp -d)
name=shmq-test-$$-audit
audits=

finish() {
    trap - EXIT INT TERM
    for pid in $audits; do
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'finish; exit 1' INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# is WANTED GOT SENTENCE
is() {
    [ "$1" = "$2" ] || fail "$3: '$1' was expected, it is '$2'"
}

# eventually COMMAND...: waits until it succeeds, for 10 s at most
eventually() {
    tries=200
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}

has_kind() { # has_kind FILE KIND
    grep -q "\"kind\":\"$2\"" "$1"
}

# the only event of a kind and a component, by a jq expression
of() { # of KIND COMPONENT EXPRESSION
    "$shmquota" audit --kind "$1" "$name" | jq -r "select(.component == \"$2\") | $3"
}

write_policy() { # write_policy LIMIT
    cat >"$folder/policy.ini" <<END
[segment]
name = /$name
components = 64
threads = 64
events = 1024
[group:team]
storage = 100
[component:flood]
message_rate = $1/d
[component:member]
group = team
storage = 1000
[component:warned]
storage = 10
storage.enforce = warn
[component:near]
storage = 100
END
}

write_policy 10
"$shmquota" create -q "$folder/policy.ini" || fail "cannot create the segment"

# ---- What a line says ----

"$shmquota" try "$name" member storage 60 || fail "cannot use storage"
"$shmquota" try -q "$name" member storage 41 && fail "the group did not refuse"
line=$(grep -n '^\[group:team\]' "$folder/policy.ini" | cut -d : -f 1)
is "storage 60 41 100 group:team 0 0 $folder/policy.ini:$((line + 1))" \
    "$(of quota_violation member '[.resource, .used, .requested, .limit, .refused_by, .suppressed, .lost, .rule] | map(tostring) | join(" ")')" \
    "a violation"
of quota_violation member .time | grep -qE '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{9}Z$' ||
    fail "the time is not as RFC 3339 has it: $(of quota_violation member .time)"
when=$(date -u -d "$(of quota_violation member .time)" +%s)
age=$(($(date +%s) - when))
case $age in
-1 | [0-9] | 1[0-9]) ;;
*) fail "the time is wrong by $age s" ;;
esac
is "/$name 1 true true" "$(of quota_violation member '[.segment, .policy_generation, .pid > 0, .id >= 0] | map(tostring) | join(" ")')" \
    "where a violation happened"
"$shmquota" try "$name" warned storage 15 || fail "was not admitted"
is "15 10 warned" "$(of would_deny warned '[.requested, .limit, .refused_by] | map(tostring) | join(" ")')" \
    "what would be refused"
# Of thresholds, too, there is one event a second.
"$shmquota" try "$name" near storage 85 || fail "cannot use storage"
sleep 1.1
"$shmquota" try "$name" near storage 11 || fail "cannot use storage"
is "warning:85 critical:96" "$(of warning,critical near '.kind + ":" + (.used | tostring)' | paste -sd ' ')" "thresholds"
sleep 1.1
"$shmquota" release -q "$name" near storage 60
has_kind_now() {
    "$shmquota" audit "$name" >"$folder/now" && has_kind "$folder/now" "$1"
}
has_kind_now warning_cleared || fail "a threshold that is left has no event"

# ---- A killed worker ----

mkfifo "$folder/hold"
"$shmquota" try "$name" near storage 1 -- sh -c "echo \$PPID >$folder/worker; read _ <$folder/hold" &
job=$!
eventually test -s "$folder/worker" || fail "no worker"
worker=$(cat "$folder/worker")
kill -KILL "$worker"
wait $job 2>/dev/null
"$shmquota" reap -q "$name" || fail "reap failed"
is "$worker" "$(of worker_recovered near '.dead_pid'; "$shmquota" audit --kind worker_recovered "$name" | jq -r 'select(.component == null) | .dead_pid')" \
    "the worker that was recovered"
echo >"$folder/hold" &
wait $!

# ---- Following, with rotation, while processes flood ----

"$shmquota" audit --follow --output "$folder/log" "$name" &
audits=$!
follower=$!
eventually has_kind "$folder/log" worker_recovered || fail "what happened before is not there"
rm -f "$folder/stop"
flood() {
    until [ -e "$folder/stop" ]; do
        "$shmquota" try -q "$name" flood messages 1
    done
}
flooders=
for _ in 1 2 3; do
    flood &
    flooders="$flooders $!"
done
begin=$(date +%s)
for i in 1 2 3 4 5 6; do
    sleep 0.5
    # Something else to write meanwhile: lines of both sides of the rotation.
    "$shmquota" publish -q "$folder/policy.ini" || fail "publish failed"
    mv "$folder/log" "$folder/log.$i"
    kill -HUP "$follower"
    eventually test -e "$folder/log" || fail "the log is not opened anew"
done
touch "$folder/stop"
for pid in $flooders; do
    wait "$pid"
done
took=$(($(date +%s) - begin + 1))
# The next second's violation tells how many were suppressed before it.
sleep 1.1
"$shmquota" try -q "$name" flood messages 1
"$shmquota" try -q "$name" near storage 1000
near_is_there() {
    grep '"component":"near"' "$folder/log" | grep -q '"requested":1000'
}
eventually near_is_there || fail "the last event is not there"
kill -TERM "$follower"
wait "$follower"
is 0 $? "the end by SIGTERM"
audits=
cat "$folder/log.1" "$folder/log.2" "$folder/log.3" "$folder/log.4" "$folder/log.5" "$folder/log.6" "$folder/log" >"$folder/all"
jq -e . "$folder/all" >/dev/null || fail "what was written is not JSON"
"$shmquota" audit "$name" >"$folder/once"
jq -r .sequence "$folder/once" >"$folder/wanted"
jq -r .sequence "$folder/all" >"$folder/found"
cmp -s "$folder/wanted" "$folder/found" || fail "lines were lost or stand twice: $(diff "$folder/wanted" "$folder/found")"
is 0 "$(jq -s 'map(.lost) | add' "$folder/all")" "lost events"
is 7 "$(grep -c policy_published "$folder/all")" "published policies"

grep '"component":"flood"' "$folder/all" | grep '"kind":"quota_violation"' >"$folder/flood"
denied=$("$shmquota" show --json "$name" flood | jq .resources.messages.denied)
told=$(jq -s 'map(1 + .suppressed) | add' "$folder/flood")
[ "$denied" -gt 20 ] || fail "that was no flood: $denied"
is "$denied" "$told" "violations and how many were suppressed"
[ "$(wc -l <"$folder/flood")" -le $((took + 3)) ] || fail "$(wc -l <"$folder/flood") violations in $took s"
jq -s -e '[.[] | .time | .[11:19]] | group_by(.) | all(length <= 2)' "$folder/flood" >/dev/null ||
    fail "several violations in one second: $(jq -r .time "$folder/flood")"

# ---- A host that starts again; pipes; arguments ----

"$shmquota" audit -f --kind policy_published "$name" >"$folder/pipe" &
audits=$!
eventually has_kind "$folder/pipe" policy_published || fail "nothing is followed"
"$shmquota" remove -q "$name"
"$shmquota" create -q "$folder/policy.ini"
is_anew() {
    [ "$(jq -s 'map(select(.sequence < 20 and .policy_generation == 1)) | length' "$folder/pipe")" -eq 2 ]
}
eventually is_anew || fail "the segment that was made anew is not followed"
kill -INT "$audits"
wait "$audits"
is 0 $? "the end by SIGINT"
audits=

# Whoever reads no more does not keep it from ending.
mkfifo "$folder/stalled"
tail -f /dev/null <"$folder/stalled" &
sleeper=$!
"$shmquota" audit -f "$name" >"$folder/stalled" &
audits=$!
sleep 0.3
kill -TERM "$audits"
wait "$audits"
is 0 $? "the end with a reader that stands still"
audits=
kill "$sleeper"

"$shmquota" audit --kind quota_violatoin "$name" 2>"$folder/said"
is 2 $? "a kind that is none"
grep -q "Did you mean 'quota_violation'?" "$folder/said" || fail "no advice: $(cat "$folder/said")"
"$shmquota" audit "no-such-$name" 2>/dev/null
is 3 $? "a segment that is not there"
"$shmquota" audit -o "$folder/no/such/folder" "$name" 2>"$folder/said"
is 1 $? "a file that cannot be made"
if [ -e /dev/full ]; then
    "$shmquota" audit "$name" >/dev/full 2>"$folder/said"
    is 1 $? "a full disk"
    grep -q 'cannot write' "$folder/said" || fail "a full disk is not told: $(cat "$folder/said")"
fi

# ---- The journal ----

"$shmquota" audit --journald "$name" 2>"$folder/said"
code=$?
if grep -q 'built without libsystemd' "$folder/said"; then
    is 1 $code "a journal that was not built in"
    echo "NOT CHECKED: built without libsystemd" >&2
# A journal of its own, in a mount namespace: a socket at the place where the journal has its own.
elif unshare -rm true 2>/dev/null && command -v perl >/dev/null; then
    cat >"$folder/journal" <<END
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal || exit 9
timeout 20 perl -MSocket -e 'socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un(shift)); recv(S, \$_, 65536, 0); print' \\
    /run/systemd/journal/socket >"$folder/entries" &
for i in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/systemd/journal/socket ] || sleep 0.1; done
"$shmquota" audit --journald --kind policy_published "$name"
code=\$?
wait
exit \$code
END
    unshare -rm sh "$folder/journal" || fail "the journal: $?"
    grep -aq '^SHMQUOTA_KIND=policy_published$' "$folder/entries" || fail "no entry: $(cat "$folder/entries")"
    grep -aq "^SHMQUOTA_SEGMENT=/$name$" "$folder/entries" || fail "no field: $(cat "$folder/entries")"
    grep -aq '^MESSAGE=' "$folder/entries" || fail "no message: $(cat "$folder/entries")"
else
    echo "NOT CHECKED: the journal needs user namespaces and perl" >&2
fi
echo "all is well"
