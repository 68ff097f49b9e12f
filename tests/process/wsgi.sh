#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/examples/gunicorn at work: one limit over four workers of a real gunicorn and of a real uWSGI, one of them killed.
#
#     tests/process/wsgi.sh FOLDER      of the programs
set -u

bin=$1
examples=${0%/*}/../../docs/examples
name=shmq-test-$$-wsgi
port=$((30000 + $$ % 2700)) # below what the kernel gives to clients
url=http://127.0.0.1:$port
# shellcheck source=tests/support/server.sh
. "${0%/*}/../support/server.sh"

start() {
    case $server in
    gunicorn) set -- --chdir "$folder" --preload --workers 4 --bind "127.0.0.1:$port" app:application ;;
    uwsgi) set -- --plugin python3 --master --die-on-term --processes 4 --http-socket "127.0.0.1:$port" --chdir "$folder" \
        --module app --need-app ;;
    esac
    "$server" "$@" >"$folder/log" 2>&1 &
    host=$!
    hosts=$host
    tries=0
    until curl -fs -o /dev/null "$url/blog/"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "it does not answer"
        sleep 0.05
    done
}

admitted() {
    curl -sZ --parallel-max 16 -o /dev/null -w '%{http_code}\n' "$url/shop/?[1-$1]" 2>/dev/null | grep -c '^200$'
}

check() {
    "$bin/shmquota" create -q "$folder/quota.ini" || fail "no segment"
    start
    [ "$(admitted 200)" -eq 100 ] || fail "the limit did not hold"
    curl -si "$url/shop/" | grep -q '^Retry-After: [1-9]' || fail "a refusal says when to come back"
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/nobody/")" = 404 ] || fail "a component that is not there"
    kill -KILL "$(pgrep -P "$host" | head -n 1)"
    "$bin/shmquota" publish -q "$folder/more.ini" || fail "cannot publish"
    [ "$(admitted 100)" -eq 50 ] || fail "the raised limit did not hold after a worker was killed"
    "$bin/shmquota" verify -q "$name" || fail "the segment is not sound"
    stop
}

library=$(ldd "$bin/shmquota" | sed -n 's/.*libshmquota.*=> \([^ ]*\) .*/\1/p')
export LD_LIBRARY_PATH="${library%/*}" PYTHONDONTWRITEBYTECODE=yes
cp "$examples"/gunicorn/*.py "$folder"
sed "s|/shmquota-nginx|/$name|" "$examples/gunicorn/app.py" >"$folder/app.py"
sed "s|/shmquota-nginx|/$name|; s|/h$|/52w|" "$examples/nginx/quota.ini" >"$folder/quota.ini"
sed 's/messages = 100/messages = 150/' "$folder/quota.ini" >"$folder/more.ini"

for server in gunicorn uwsgi; do
    if command -v $server >/dev/null; then
        check
        echo "checked: four workers of $server, a killed worker"
    else
        echo "NOT CHECKED: there is no $server here" >&2
    fi
done
