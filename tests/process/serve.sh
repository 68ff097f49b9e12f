#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota serve: metrics, rows and the page, for good and bad clients, many and slow ones; the page runs in a browser.
#
#     tests/process/serve.sh FOLDER [SCREENSHOTS]      of the programs; where to leave pictures of the page
set -u

shmquota=$1/shmquota
folder=$(mktemp -d)
pictures=${2:-$folder}
name=shmq-test-$$-serve
server=
others=

finish() {
    for pid in $server $others; do
        kill "$pid" 2>/dev/null
    done
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage" "/dev/shm/$name-many.policy" "/dev/shm/$name-many.usage"
}
for program in curl jq nc; do
    command -v "$program" >/dev/null || { echo "$program is missing: tools/setup test installs it" >&2 && exit 1; }
done
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect STATUS PATH [ARGUMENTS OF CURL]; the answer goes to $folder/head and $folder/body.
expect() {
    wanted=$1 path=$2
    shift 2
    status=$(curl -s -g -m 10 -o "$folder/body" -D "$folder/head" -w '%{http_code}' "$@" "$url$path")
    [ "$status" = "$wanted" ] || fail "$path $*: status $status, not $wanted"
}

says() {
    grep -qF -- "$1" "$folder/body" || fail "the body lacks: $1
$(head -c 2000 "$folder/body")"
}

heads() {
    tr -d '\r' <"$folder/head" | grep -qiE -- "^$1\$" || fail "the head lacks: $1
$(cat "$folder/head")"
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
[component:<img src=x onerror=alert(1)>]
storage = 1000
END
"$shmquota" create -q "$folder/policy.ini" || fail "cannot create the segment"
"$shmquota" try "$name" alice messages 100 || fail "cannot use messages"
"$shmquota" try "$name" bob storage 850 || fail "cannot use storage"
"$shmquota" try "$name" '<img src=x onerror=alert(1)>' storage 400 || fail "cannot use storage"

"$shmquota" serve --listen 0 "$name" >"$folder/out" 2>"$folder/err" &
server=$!
for _ in $(seq 100); do
    url=$(sed -n 's|^serving \(http://127\.0\.0\.1:[0-9]*/\) .*|\1|p' "$folder/out")
    [ -z "$url" ] || break
    sleep 0.05
done
[ -n "$url" ] || fail "it does not serve: $(cat "$folder/out" "$folder/err")"

# Metrics, in the format that is asked for.
expect 200 metrics
heads 'content-type: text/plain; version=0\.0\.4; charset=utf-8'
says "shmquota_messages_used{segment=\"/$name\",component=\"alice\"} 100"
"$shmquota" export "$name" >"$folder/export"
[ "$(grep -c '^# TYPE' "$folder/export")" -eq "$(grep -c '^# TYPE' "$folder/body")" ] || fail "export has other metrics"
if command -v promtool >/dev/null; then
    promtool check metrics <"$folder/body" >"$folder/said" 2>&1 || fail "promtool: $(cat "$folder/said")"
fi
expect 200 metrics -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
heads 'content-type: application/openmetrics-text; version=1\.0\.0; charset=utf-8'
says '# EOF'

# Rows: in order, chosen, bounded; what is wrong is said.
expect 200 rows
jq -e '.schema == "shmquota.rows" and .matched == 15 and .critical == 1 and .warning == 1 and
    .rows[0].component == "alice" and .rows[1].component == "bob"' "$folder/body" >/dev/null || fail "$(cat "$folder/body")"
expect 200 'rows?search=used_pct%3E80&sort=used_pct'
jq -e '.matched == 2 and .rows[0].component == "bob"' "$folder/body" >/dev/null || fail "$(cat "$folder/body")"
expect 200 'rows?resource=storage&limit=1'
jq -e '.matched == 3 and (.rows | length) == 1' "$folder/body" >/dev/null || fail "$(cat "$folder/body")"
expect 200 'rows?search=usd%3E1'
jq -e '.error | test("did you mean")' "$folder/body" >/dev/null || fail "$(cat "$folder/body")"
expect 200 'rows?segment=/no-such'
jq -e '.error' "$folder/body" >/dev/null || fail "$(cat "$folder/body")"
expect 200 'rows?limit=-1&sort=nonsense&resource=nonsense&search=%FF%00%7f'
jq -e . "$folder/body" >/dev/null || fail "no JSON: $(cat "$folder/body")"

# The page asks nobody else, and may be framed by nobody.
expect 200 ''
heads 'content-type: text/html; charset=utf-8'
heads "content-security-policy: default-src 'none';.*"
heads 'x-content-type-options: nosniff'
grep -oE '(src|href)="[^"]*"|url\([^)]*\)|https?://[^" ]*' "$folder/body" | grep -vE 'href="data:,"|www\.w3\.org/2000/svg' &&
    fail "the page has an external resource"
expect 200 '' -I
[ ! -s "$folder/body" ] || grep -q '^HTTP' "$folder/body" || fail "HEAD has a body"

# Bad requests.
expect 404 no-such-path
expect 404 ../../etc/passwd --path-as-is
expect 405 metrics -X POST -d x=1
heads 'allow: GET, HEAD'
expect 405 '' -X DELETE
expect 403 '' -H 'Host: evil.example'
expect 403 rows -H "Host: evil.example:${url##*:}"
expect 200 rows -H 'Host: localhost:1'
printf 'nonsense\r\n\r\n' | timeout 5 curl -s -m 3 "telnet://${url#http://}" >/dev/null 2>&1
head -c 100000 /dev/zero | tr '\0' 'a' >"$folder/long"
status=$(curl -s -m 10 -o /dev/null -w '%{http_code}' -H "X-Long: $(head -c 60000 "$folder/long")" "$url")
case $status in 4?? | 000) ;; *) fail "a head of 60 kB gives $status" ;; esac
expect 200 metrics

# Clients that send half a request and then nothing hold up nobody, and are left after a while.
port=${url##*:}
port=${port%/}
# They read on from a pipe into which nobody writes, until this script ends: what they wait for then ends with it.
mkfifo "$folder/never"
exec 9<>"$folder/never"
for _ in $(seq 50); do
    (printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n' && exec cat "$folder/never") 9>&- |
        nc 127.0.0.1 "$port" >/dev/null 2>&1 9>&- &
    others="$others $!"
done
connections() {
    find "/proc/$server/fd" -lname 'socket:*' | wc -l
}
for _ in $(seq 100); do
    [ "$(connections)" -lt 51 ] || break
    sleep 0.05
done
[ "$(connections)" -ge 51 ] || fail "there are only $(connections) sockets"
i=0
while [ $i -lt 20 ]; do
    expect 200 metrics -m 3
    i=$((i + 1))
done

# Many at a time, all of them whole.
seq 200 | xargs -P 20 -I{} curl -s -m 20 -o "$folder/many.{}" "${url}rows"
for file in "$folder"/many.*; do
    jq -e '.matched == 15' "$file" >/dev/null || fail "$(head -c 300 "$file")"
done
[ "$(find "$folder" -name 'many.*' | wc -l)" -eq 200 ] || fail "answers are missing"

# What waits for slow clients is bounded: metrics are refused then, the page goes on, and all is well when they are gone.
awk -v name="/$name-many" 'BEGIN {
    printf "[segment]\nname = %s\ncomponents = 10000\n", name
    for (i = 0; i < 10000; i++)
        printf "[component:tenant-with-a-name-that-is-rather-long-%05d]\n", i
}' >"$folder/many.ini"
"$shmquota" create -q "$folder/many.ini" || fail "cannot create the large segment"
usual=$url
"$shmquota" serve --listen 0 "$name-many" >"$folder/out.many" &
many=$!
others="$others $many"
for _ in $(seq 100); do
    url=$(sed -n 's|^serving \(http://127\.0\.0\.1:[0-9]*/\) .*|\1|p' "$folder/out.many")
    [ -z "$url" ] || break
    sleep 0.05
done
slow=
for _ in 1 2 3 4 5 6 7 8 9 10; do
    curl -s -m 60 --limit-rate 1k -o "$folder/slow" "${url}metrics" &
    slow="$slow $!"
done
others="$others $slow"
is_refused() {
    [ "$(curl -s -m 20 -o "$folder/body" -w '%{http_code}' "${url}metrics")" = 503 ]
}
until_it() {
    for _ in $(seq 100); do
        "$@" && return
        sleep 0.1
    done
    fail "never: $*"
}
until_it is_refused
says 'Too many clients take their answers slowly'
expect 200 ''
expect 200 'rows?limit=1'
for pid in $slow; do
    kill "$pid" 2>/dev/null # those that were refused have ended
done
is_answered() {
    ! is_refused
}
until_it is_answered
kill -TERM "$many"
wait "$many" || fail "the server of the large segment did not end well"
"$shmquota" remove -q "$name-many"
url=$usual

# Half requests were left by now, or will be.
for _ in $(seq 300); do
    [ "$(connections)" -gt 20 ] || break
    sleep 0.05
done
[ "$(connections)" -le 20 ] || fail "idle clients are kept: $(connections) sockets"

# The segment goes and comes back.
"$shmquota" remove -q "$name"
sleep 0.6
expect 200 metrics
says "shmquota_up{segment=\"/$name\"} 0"
expect 200 rows
jq -e '.error' "$folder/body" >/dev/null || fail "$(cat "$folder/body")"
"$shmquota" create -q "$folder/policy.ini"
"$shmquota" try "$name" alice messages 100
"$shmquota" try "$name" bob storage 850
"$shmquota" try "$name" '<img src=x onerror=alert(1)>' storage 400
sleep 0.6
expect 200 metrics
says "shmquota_up{segment=\"/$name\"} 1"

# The page in a browser: rows are there, bars and sparklines drawn, names are only text; a picture of each theme.
browse() {
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
        --user-data-dir="$folder/browser" --window-size=1280,800 --virtual-time-budget=6000 "$@" 2>/dev/null
}

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -n "$browser" ]; then
    browse --dump-dom "$url" >"$folder/dom"
    grep -q '<tr class="critical"><td class="left name" title="alice">alice</td>' "$folder/dom" ||
        fail "the page has no row of alice: $(head -c 3000 "$folder/dom")"
    grep -q '<i style="width: 85%;"></i>' "$folder/dom" || fail "bob has no bar"
    grep -qE '<path d="M[0-9]+ ' "$folder/dom" || fail "there is no sparkline"
    grep -q '&lt;img src=x' "$folder/dom" || fail "the name with a tag is not text"
    grep -q '<img' "$folder/dom" && fail "a name became a tag"
    browse --dump-dom "${url}?search=used_pct%3E80&resource=storage" >"$folder/dom"
    grep -q '1 of 1 rows' "$folder/dom" || fail "the filter of the address is not taken"
    for theme in light dark; do
        browse --screenshot="$pictures/serve-$theme.png" "${url}?theme=$theme" >/dev/null
        [ "$(head -c 8 "$pictures/serve-$theme.png" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] ||
            fail "no picture of the $theme page"
    done
else
    echo "NOT CHECKED: no browser is here; the Debian package chromium is one" >&2
fi

# It ends when it is asked to, and says why it cannot begin.
kill -TERM "$server"
wait "$server" || fail "it did not end well"
server=
"$shmquota" serve --listen 192.0.2.1:1 "$name" 2>"$folder/err" && fail "listens where it cannot"
grep -q -- '--listen takes another' "$folder/err" || fail "$(cat "$folder/err")"
"$shmquota" serve --listen '[' 2>"$folder/err" && fail "takes nonsense"
"$shmquota" remove -q "$name"
echo "serve: all is well"
