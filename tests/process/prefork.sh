#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The pre-fork host as its users meet it: real processes, a real socket, real files. One line per behaviour.
#
#     prefork.sh BIN       BIN holds shmquota-prefork and shmquota
#
# Limits on rates are per day wherever a test counts, so that no window ends in the middle of it.
set -u
bin=$1
scratch=$(mktemp -d)
segment=/shmquota-test-prefork-$$
host=
under=
failed=0

clean_up() {
    trap - EXIT HUP INT PIPE TERM
    [ -z "$host" ] || kill -KILL "$host" 2>/dev/null
    rm -rf "$scratch"
    rm -f "/dev/shm$segment.policy" "/dev/shm$segment.usage"
}
trap clean_up EXIT
trap 'clean_up; exit 1' HUP INT PIPE TERM

# is WANTED GOT SENTENCE
is() {
    if [ "$1" = "$2" ]; then
        echo "ok      $3"
    else
        echo "not ok  $3: '$1' was expected, it is '$2'"
        failed=$((failed + 1))
    fi
}

# has PATTERN FILE SENTENCE
has() {
    if grep -q -- "$1" "$2"; then
        echo "ok      $3"
    else
        echo "not ok  $3: nothing matches '$1' in:"
        cat "$2"
        failed=$((failed + 1))
    fi
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

start() { # start [OPTION...]: with the policy; sets $host, $url
    serve --policy "$scratch/policy.ini" "$@"
}

# Runs a command that can write no file above 20 blocks of 512 bytes. Only in the background: it does not return.
confined() {
    ulimit -f 20
    exec "$@"
}

serve() { # serve [OPTION...]: run by the command $under, if there is one
    : | tee "$scratch/out" "$scratch/answer" >"$scratch/fields"
    ${under:-exec} "$bin/shmquota-prefork" --name "$segment" --spool "$scratch/spool" "$@" \
        >"$scratch/out" 2>"$scratch/log" &
    host=$!
    if ! eventually grep -q '^http://' "$scratch/out"; then
        echo "not ok  the host starts; it said:"
        cat "$scratch/log"
        exit 1
    fi
    url=$(sed 's|/ .*||' "$scratch/out")
}

stop() {
    kill -TERM "$host"
    wait "$host"
    ended=$?
    host=
    if grep -qE 'Sanitizer|runtime error|ended with status [1-9]|was killed by SIG[^K]' "$scratch/log"; then
        is sound faulty "the host and its workers run without a fault"
        cat "$scratch/log"
    fi
}

# The status code of a request; its answer is in $scratch/answer, the header fields in $scratch/fields.
ask() {
    curl -s -m 20 -o "$scratch/answer" -D "$scratch/fields" -w '%{http_code}' "$@"
}

# Many requests at the same time, "[1-N]" in the URL; their status codes are in $scratch/codes.
at_once() {
    curl -s -m 30 -Z --parallel-max 16 -o /dev/null -w '%{http_code}\n' "$@" >"$scratch/codes" 2>/dev/null
}

figure() { # figure COMPONENT RESOURCE FIGURE
    curl -s -m 20 "$url/$1/status" | jq ".resources.$2.$3"
}

is_figure() { # is_figure COMPONENT RESOURCE FIGURE WANTED
    [ "$(figure "$1" "$2" "$3")" = "$4" ]
}

bytes() { # bytes N: a file of N bytes
    head -c "$1" /dev/zero >"$scratch/bytes.$1"
    echo "$scratch/bytes.$1"
}

on_disk() { # on_disk COMPONENT
    find "$scratch/spool/$1" -type f -printf '%s\n' | awk '{ s += $1 } END { print s + 0 }'
}

workers() {
    cat "/proc/$host/task/$host/children"
}

write_policy() { # write_policy CHAT_LIMIT [LINE...]
    cat >"$scratch/policy.ini" <<END
[segment]
components = 16
threads = 64

[default]
filesystem.read = /files/*
filesystem.write = /files/*
message.send = spool
network.send = 127.0.0.0/8:*
cpu.run = task
memory.hold = cache

[component:chat]
message_rate = $1/d

[component:media]
network_bandwidth = 1MB/d

[component:archive]
storage = 100KB

[component:render]
cpu_time = 1s/d

[component:cache]
memory = 4MB

[component:ü b/c]
storage = 1KB

[component:guest]
filesystem.read = /files/public-*
filesystem.write = /files/guest-*
message.send = []
network.send = 192.0.2.0/24:*
cpu.run = []
memory.hold = []
END
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$scratch/policy.ini"
}

# ---- Paths and methods ----

write_policy 50
start
is 200 "$(ask "$url/")" "the index answers"
has '^  archive$' "$scratch/answer" "the index lists the components"
is 404 "$(ask "$url/nobody/status")" "an unknown component is not found"
is 404 "$(ask "$url/chat/nothing")" "an unknown operation is not found"
is 405 "$(ask -X DELETE "$url/chat/messages")" "a wrong method is refused"
has '^Allow: POST' "$scratch/fields" "a refused method is told what is allowed"
is 400 "$(ask "$url/chat/%zz/x")" "a malformed path is refused"
is 400 "$(ask "$url/media/download?bytes=many")" "a malformed argument is refused"
is 400 "$(ask -X POST "$url/render/compute")" "a missing argument is refused"
is 413 "$(ask --data-binary "@$(bytes 70000)" "$url/chat/messages")" "a message that is too large is refused"

# ---- Messages ----

is 202 "$(ask -d 'hello, spool' "$url/chat/messages")" "a message is accepted"
has '^hello, spool$' "$scratch/spool/chat/messages" "an accepted message lies in the spool"
at_once -d x "$url/chat/messages?n=[1-400]"
is 49 "$(grep -c 202 "$scratch/codes")" "all workers together admit exactly the limit"
is 351 "$(grep -c 429 "$scratch/codes")" "everything else is refused"
is 50 "$(grep -c ' [0-9]*$' "$scratch/spool/chat/messages")" "what was refused does not lie in the spool"
is 429 "$(ask -d x "$url/chat/messages")" "a refusal of a rate is 429"
has '^Message rate quota exceeded: 50 messages/d + 1 messages > limit 50 messages/d$' "$scratch/answer" \
    "a refusal says why"
has '^Retry-After: [0-9]' "$scratch/fields" "a refusal says when to come back"
has '^RateLimit-Policy: "messages";q=50;w=86400' "$scratch/fields" "a refusal states the policy"
has '^RateLimit: "messages";r=0;t=[0-9]' "$scratch/fields" "a refusal states what is left"

# ---- Storage ----

is 201 "$(ask -T "$(bytes 60000)" "$url/archive/files/a")" "a file is stored"
is 507 "$(ask -T "$(bytes 60000)" "$url/archive/files/b")" "a file beyond the limit is refused with 507"
has '^Storage quota exceeded: used 60000 bytes' "$scratch/answer" "a refused file is told why"
is 507 "$(ask -T - "$url/archive/files/b" <"$scratch/bytes.60000")" "so is one whose length is not known before"
is 404 "$(ask "$url/archive/files/b")" "a refused file is not there"
is 200 "$(ask -T "$(bytes 70000)" "$url/archive/files/a")" "only the growth of a larger file is taken"
is 70000 "$(figure archive storage used)" "growth is counted"
is 200 "$(ask -T "$(bytes 5000)" "$url/archive/files/a")" "a file is replaced by a smaller one"
is 5000 "$(figure archive storage used)" "what an overwrite no longer needs is released"
is 200 "$(ask "$url/archive/files/a")" "a file is read back"
is 5000 "$(wc -c <"$scratch/answer")" "a file is read back whole"
at_once -T "$(bytes 3000)" "$url/archive/files/same?n=[1-60]"
is 8000 "$(figure archive storage used)" "uploads of one name at the same time are counted once"
at_once -X DELETE "$url/archive/files/same?n=[1-20]"
is 1 "$(grep -c 200 "$scratch/codes")" "a file is deleted once"
is 5000 "$(figure archive storage used)" "a deleted file is released once"
curl -s -m 60 --limit-rate 4k -T "$(bytes 90000)" "$url/archive/files/slow" >/dev/null 2>&1 &
eventually is_figure archive storage used 95000
is 0 $? "an upload has its storage before it is written"
kill -KILL $!
eventually is_figure archive storage used 5000
is 0 $? "an upload that breaks off gives its storage back"
is 5000 "$(on_disk archive)" "an upload that breaks off leaves nothing"
for name in '..' '.hidden' '%2e%2e' 'a%2Fb' 'a%00' "$(printf '%0200d' 0)"; do
    is 400 "$(ask --path-as-is -X PUT -d x "$url/archive/files/$name")" "no file is called $name"
done
is 201 "$(ask -T "$(bytes 100)" "$url/%C3%BC%20b%2Fc/files/x")" "a component may have any name"
is 100 "$(on_disk 'ü b%2Fc')" "its files lie under that name"

# ---- Capabilities ----

# is_forbidden SENTENCE PERMISSION TARGET [CURL-ARGUMENT...]
is_forbidden() {
    sentence=$1 reason="^Forbidden: the policy does not grant guest the permission $2 on $3$"
    shift 3
    is 403 "$(ask "$@")" "$sentence is forbidden"
    has "$reason" "$scratch/answer" "and is told why"
}

is_forbidden "a message without a capability" message.send spool -d x "$url/guest/messages"
is 0 "$(figure guest messages used)" "and is not counted"
is_forbidden "writing a file" filesystem.write /files/public-a -T "$(bytes 100)" "$url/guest/files/public-a"
is_forbidden "deleting a file" filesystem.write /files/public-a -X DELETE "$url/guest/files/public-a"
is 201 "$(ask -T "$(bytes 100)" "$url/guest/files/guest-a")" "what a pattern grants is written"
is_forbidden "reading another file" filesystem.read /files/guest-a "$url/guest/files/guest-a"
is 404 "$(ask "$url/guest/files/public-a")" "what a pattern grants may be read"
is_forbidden "sending to this client" network.send '127[0-9.:]*' "$url/guest/download?bytes=1KB"
is_forbidden "computing" cpu.run task -X POST "$url/guest/compute?ms=5"
is_forbidden "holding memory" memory.hold cache -X POST "$url/guest/memory?bytes=1MB"
is 0 "$(figure guest memory used)" "and nothing is held"
"$bin/shmquota" audit --kind capability_violation "$segment" | jq -r '.component + " " + .text' >"$scratch/audit"
has '^guest message.send spool$' "$scratch/audit" "what was forbidden is in the audit"
is 200 "$(ask -X DELETE "$url/guest/files/guest-a")" "what a pattern grants is deleted"

# ---- Workers that are killed ----

# The worker that writes a component's unfinished upload.
uploader() {
    for partial in "$scratch/spool/$1/partial/"*; do
        partial=${partial##*/}
        echo "${partial%%.*}"
    done
}

curl -s -m 60 --limit-rate 4k -T "$(bytes 90000)" "$url/archive/files/slow" >/dev/null 2>&1 &
eventually is_figure archive storage used 95000
kill -KILL "$(uploader archive)"
eventually is_figure archive storage used 5000
is 0 $? "a worker that is killed in an upload has its storage given back"
is 5000 "$(on_disk archive)" "and leaves nothing on the disk"
{ cat "$scratch/bytes.60000"; sleep 20; } | curl -s -m 60 -T - "$url/archive/files/slow" >/dev/null 2>&1 &
used_is_over() {
    [ "$(figure "$1" "$2" used)" -gt "$3" ]
}
eventually used_is_over archive storage 64000
[ "$(figure archive storage used)" -le 102400 ]
is 0 $? "an upload of unknown length is reserved in parts within the limit"
kill -KILL "$(uploader archive)"
eventually is_figure archive storage used 5000
is 0 $? "and is given back in all its parts"
for _ in 1 2 3 4; do
    ask -X POST "$url/cache/memory?bytes=1MB" >/dev/null
done
is 4194304 "$(figure cache memory used)" "workers hold memory"
number=$(sed -n 's/^Worker \([0-9]*\) holds [0-9]* bytes$/\1/p' "$scratch/answer")
held=$(sed -n 's/^Worker [0-9]* holds \([0-9]*\) bytes$/\1/p' "$scratch/answer")
kill -KILL "$(sed -n "s/.*worker $number started, pid //p" "$scratch/log" | tail -n 1)"
eventually is_figure cache memory used $((4194304 - held))
is 0 $? "a worker that is killed has its memory given back, and only its own"
ask -X DELETE "$url/cache/memory" >/dev/null
eventually is_figure cache memory used 0
is 0 $? "and the others theirs"
"$bin/shmquota" verify "$segment" >"$scratch/answer"
is 0 $? "the segment is sound after all that"

# ---- Network, CPU time, memory ----

is 200 "$(ask "$url/media/download?bytes=768KB")" "bytes are streamed"
is 786432 "$(wc -c <"$scratch/answer")" "as many as were asked for"
is 429 "$(ask "$url/media/download?bytes=512KB")" "bytes beyond the bandwidth are refused"
is 786432 "$(figure media network used)" "bytes are counted"
is 200 "$(ask -X POST "$url/render/compute?ms=30")" "work is done"
[ "$(figure render cpu used)" -ge 30000 ]
is 0 $? "the CPU time of work is counted"
is 429 "$(ask -X POST "$url/render/compute?ms=990")" "work beyond the CPU time is refused"
for _ in 1 2 3; do
    ask -X POST "$url/cache/memory?bytes=1MB" >/dev/null
done
is 507 "$(ask -X POST "$url/cache/memory?bytes=2MB")" "memory beyond the limit is refused with 507"
is 3145728 "$(figure cache memory used)" "held memory is counted over all workers"
is 202 "$(ask -X DELETE "$url/cache/memory")" "memory is given back"
eventually is_figure cache memory used 0
is 0 $? "all workers give back what they hold"

# ---- Reload ----

write_policy 60
kill -HUP "$host"
eventually grep -q 'policy loaded again' "$scratch/log"
is 202 "$(ask -d x "$url/chat/messages")" "a new policy is in force after SIGHUP"
is 51 "$(figure chat messages used)" "a reload keeps usage"
write_policy 70 'mesage_rate = 1/s'
kill -HUP "$host"
eventually grep -q 'old policy stays' "$scratch/log"
has 'policy.ini:[0-9]*:[0-9]*: error: .*mesage_rate' "$scratch/log" "a bad policy is complained about, with its place"
is 60 "$(figure chat messages limit)" "a bad policy leaves the old one in force"
write_policy 60

# ---- Processes ----

# shellcheck disable=SC2046 # pids
set -- $(workers)
is 4 $# "there are as many workers as asked for"
kill -KILL "$1"
all_workers_are_new() {
    # shellcheck disable=SC2046 # pids
    set -- "$1" $(workers)
    [ $# -eq 5 ] && ! [ -e "/proc/$1" ]
}
eventually all_workers_are_new "$1"
is 0 $? "a worker that is killed is replaced"
has 'was killed by SIGKILL' "$scratch/log" "and that is logged"
is 51 "$(figure chat messages used)" "nothing is lost with a worker"
if "$bin/shmquota-prefork" --name "$segment" --spool "$scratch/spool" >/dev/null 2>"$scratch/second"; then
    is refused accepted "a spool belongs to one host"
else
    has 'in use by another host' "$scratch/second" "a spool belongs to one host"
fi
ask -X POST "$url/render/compute?ms=500" >"$scratch/late" &
late=$!
sleep 0.2
stop
wait $late
is 0 "$ended" "the host ends well after SIGTERM"
is 200 "$(cat "$scratch/late")" "what is in flight at SIGTERM is finished"
is '' "$(ls "/dev/shm$segment".* 2>/dev/null)" "the host removes the segment that it created"

start --drain 1
is 5000 "$(figure archive storage used)" "files in the spool are counted when the segment is new"
curl -s -m 60 --limit-rate 1k -T "$(bytes 90000)" "$url/archive/files/slow" >/dev/null 2>&1 &
slow=$!
eventually is_figure archive storage used 95000
begin=$(date +%s)
stop
kill -KILL $slow 2>/dev/null
[ $(($(date +%s) - begin)) -le 4 ]
is 0 $? "a client that is slow does not keep the host from ending"

# ---- A segment that outlives its hosts ----

sed 's/^\[segment\]/&\npersistent = yes/' "$scratch/policy.ini" >"$scratch/persistent.ini"
mv "$scratch/persistent.ini" "$scratch/policy.ini"
"$bin/shmquota" create --name "$segment" "$scratch/policy.ini" >/dev/null
start
is 201 "$(ask -X POST "$url/cache/memory?bytes=1MB")" "a host serves a segment that it finds"
"$bin/shmquota" verify "$segment" >"$scratch/answer"
is 0 $? "a segment in use is sound"
ask -d x "$url/chat/messages" >/dev/null
stop
start
is 0 "$(figure cache memory used)" "a worker that ends gives back the memory it held"
is 1 "$(figure chat messages used)" "a window goes on over a restart of the host"
orphans=$(workers)
kill -KILL "$host"
wait "$host" 2>/dev/null
host=
no_orphans() {
    for pid in $orphans; do
        ! kill -0 "$pid" || return 1
    done
}
eventually no_orphans
is 0 $? "workers end with their master"
"$bin/shmquota" remove "$segment" >/dev/null

# ---- Writing that fails ----

"$bin/shmquota" create --name "$segment" "$scratch/policy.ini" >/dev/null
# Without a policy: the host need not even try to make a segment, which is a file, too.
under=confined
serve
under=
before=$(on_disk archive)
is 500 "$(ask -T "$scratch/bytes.60000" "$url/archive/files/big")" "an upload that cannot be written fails"
is "$before" "$(figure archive storage used)" "a failed write gives its storage back"
is "$before" "$(on_disk archive)" "and leaves nothing"
messages=$(figure chat messages used)
is 202 "$(ask -d x "$url/chat/messages")" "a message is accepted while there is room"
is 507 "$(ask --data-binary "@$(bytes 11000)" "$url/chat/messages")" "a message that cannot be written fails"
is $((messages + 1)) "$(figure chat messages used)" "a message that was not written is not counted"
stop
"$bin/shmquota" remove "$segment" >/dev/null

# ---- Options ----

write_policy 20
start --count-per-worker --workers 2
at_once -d x -H 'Connection: close' "$url/chat/messages?n=[1-400]"
is 40 "$(grep -c 202 "$scratch/codes")" "two workers that count for themselves admit twice the limit"
stop
if "$bin/shmquota-prefork" --name "$segment" "$scratch/policy.ini" --workers 64 2>"$scratch/log"; then
    is refused accepted "a segment with too few thread slots is refused"
else
    has 'room for 64 threads' "$scratch/log" "a segment with too few thread slots is refused"
fi
is '' "$(ls "/dev/shm$segment".* 2>/dev/null)" "a host that cannot start leaves nothing"

echo "$failed failed"
[ "$failed" -eq 0 ]
