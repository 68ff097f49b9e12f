#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/examples/nginx at work: one limit over four workers of a real nginx, through a reload and a killed worker.
#
#     tests/process/nginx.sh FOLDER      of the programs
set -u

bin=$1
example=${0%/*}/../../docs/examples/nginx
modules=/usr/lib/nginx/modules
if ! command -v nginx >/dev/null || [ ! -e $modules/ngx_http_lua_module.so ]; then
    echo "NOT CHECKED: there is no nginx with its Lua module here" >&2
    exit 0
fi

name=shmq-test-$$-nginx
port=$((20000 + $$ % 10000))
url=http://127.0.0.1:$port
# shellcheck source=tests/support/server.sh
. "${0%/*}/../support/server.sh"
server=nginx

# What the library was built as, also where it is not installed.
library=$(ldd "$bin/shmquota" | sed -n 's/.*libshmquota.*=> \([^ ]*\) .*/\1/p')
export LD_LIBRARY_PATH="${library%/*}"

mkdir "$folder/logs"
cp "$example/quota.lua" "$folder"
sed "s/8099/$port/; s|/shmquota-nginx|/$name|" "$example/nginx.conf" >"$folder/nginx.conf"
# Windows that end in this test would be another test.
sed "s|/shmquota-nginx|/$name|; s|/h$|/52w|; s|10MB/s|unlimited|" "$example/quota.ini" >"$folder/quota.ini"

"$bin/shmquota" create -q "$folder/quota.ini" || fail "no segment"
nginx -p "$folder" -c nginx.conf -t >"$folder/log" 2>&1 || fail "nginx does not like its configuration"
nginx -p "$folder" -c nginx.conf >"$folder/log" 2>&1 &
host=$!
hosts=$host
tries=0
until curl -fs -o /dev/null "$url/blog/"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "nginx does not answer"
    sleep 0.05
done

figure() {
    "$bin/shm-dump" --no-header -b -c "$1" --filter "resource=$2" -o "$3" "$name" | tr -d ' '
}

is 100 "$(answers shop/ 300 200)" "one limit over four workers"
is 200 "$(answers shop/ 200 429)" "what is above it is refused"
is 404 "$(curl -s -o /dev/null -w '%{http_code}' "$url/nobody/")" "a component that is not there"
curl -si "$url/shop/" | grep -q '^Retry-After: [1-9]' || fail "a refusal says when to come back"
curl -s "$url/shop/" | grep -q '^Message rate quota exceeded: 100 messages' || fail "a refusal says why"
[ "$(figure shop network used)" -gt 1000 ] || fail "what was sent is recorded"

for _ in 1 2 3; do
    kill -HUP "$host"
    sleep 0.2
done
is 100 "$(figure shop messages used)" "a reload of nginx keeps usage"
is 2 "$(grep -c "$name" "/proc/$host/maps")" "reloads leave no segment open but the last"

sed 's/messages = 100/messages = 150/' "$folder/quota.ini" >"$folder/more.ini"
"$bin/shmquota" publish -q "$folder/more.ini" || fail "cannot publish"
kill -KILL "$(pgrep -P "$host" | head -n 1)"
sleep 0.2
is 50 "$(answers shop/ 200 200)" "a raised limit, after a worker was killed"
"$bin/shmquota" verify -q "$name" || fail "the segment is not sound"
echo "checked: four workers of nginx, a reload, a killed worker"
