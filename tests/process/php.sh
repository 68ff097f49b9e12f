#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/examples/php-fpm at work: one limit over four workers of a real PHP-FPM behind nginx, and of a real Apache; one of
# them killed. As root the workers are another user, who opens root's segment as a member of its group.
#
#     tests/process/php.sh FOLDER      of the programs
set -u

bin=$1
examples=${0%/*}/../../docs/examples
name=shmq-test-$$-php
port=$((10000 + $$ % 5000)) # below what the kernel gives to clients
url=http://127.0.0.1:$port
# shellcheck source=tests/support/server.sh
. "${0%/*}/../support/server.sh"

# The library where workers of another user find it.
cp "$(ldd "$bin/shmquota" | sed -n 's/.*libshmquota.*=> \([^ ]*\) .*/\1/p')" "$folder/libshmquota.so.0"
mkdir "$folder/logs"
for file in quota.php index.php php.ini fpm.conf nginx.conf apache.conf; do
    sed "s|/shmquota-nginx|/$name|; s/8098/$port/; s/8097/$((port + 5000))/" "$examples/php-fpm/$file" >"$folder/$file"
done
sed "s|/shmquota-nginx|/$name|; s|/h$|/52w|" "$examples/nginx/quota.ini" >"$folder/quota.ini"
create="$bin/shmquota"
if [ "$(id -u)" -eq 0 ]; then
    sed -i "s|^name = .*|&\\nmode = 0660|" "$folder/quota.ini"
    create="setpriv --regid www-data --clear-groups $bin/shmquota"
fi
cd "$folder" || exit 1

start() {
    case $server in
    php-fpm)
        LD_LIBRARY_PATH=$folder "$fpm" --fpm-config fpm.conf --php-ini php.ini >log 2>&1 &
        master=$!
        nginx -p "$folder" -c nginx.conf >>log 2>&1 &
        hosts="$master $!"
        ;;
    apache)
        sed -i "s|/[^ ]*/libphp[0-9.]*so|$libphp|" apache.conf
        # It ends by a signal to its process group, in which it must be alone.
        LD_LIBRARY_PATH=$folder setsid apache2 -f "$folder/apache.conf" -D FOREGROUND >log 2>&1 &
        master=$!
        hosts=$master
        ;;
    esac
    tries=0
    until curl -fs -o /dev/null "$url/blog/"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "it does not answer"
        sleep 0.05
    done
}

check() {
    $create create -q quota.ini || fail "no segment"
    start
    is 100 "$(answers shop/ 300 200)" "one limit over four workers"
    is 200 "$(answers shop/ 200 429)" "what is above it is refused"
    is 404 "$(curl -s -o /dev/null -w '%{http_code}' "$url/nobody/")" "a component that is not there"
    curl -si "$url/shop/" | grep -q '^Retry-After: [1-9]' || fail "a refusal says when to come back"
    curl -s "$url/shop/" | grep -q '^Message rate quota exceeded: 100 messages' || fail "a refusal says why"
    is 4 "$(pgrep -c -P "$master")" "the number of workers"
    for worker in $(pgrep -P "$master"); do
        [ "$(grep -c "$name" "/proc/$worker/maps")" -le 2 ] || fail "a worker opens the segment for each request"
    done

    sed 's/messages = 100/messages = 150/' quota.ini >more.ini
    "$bin/shmquota" publish -q more.ini || fail "cannot publish"
    kill -KILL "$(pgrep -P "$master" | head -n 1)"
    is 50 "$(answers shop/ 100 200)" "a raised limit, after a worker was killed"
    # A component that goes and comes back: workers keep handles of the first one.
    "$bin/shmquota" unregister -q "$name" blog || fail "cannot unregister"
    is 404 "$(curl -s -o /dev/null -w '%{http_code}' "$url/blog/")" "a component that is gone"
    "$bin/shmquota" register -q "$name" blog || fail "cannot register"
    is 20 "$(answers blog/ 20 200)" "a component that has come back"
    "$bin/shmquota" verify -q "$name" || fail "the segment is not sound"
    stop
    echo "checked: four workers of $server, one killed, a component that came back"
}

fpm=
for program in /usr/sbin/php-fpm[0-9]*; do
    ! "$program" -m 2>/dev/null | grep -q '^FFI$' || fpm=$program
done
libphp=$(find /usr/lib/apache2/modules -name 'libphp*.so' 2>/dev/null | tail -n 1)
server=php-fpm
if [ -n "$fpm" ] && command -v nginx >/dev/null; then
    check
else
    echo "NOT CHECKED: there is no PHP-FPM with FFI, or no nginx, here" >&2
fi
server=apache
if [ -n "$libphp" ] && [ "$(id -u)" -eq 0 ]; then
    check
else
    echo "NOT CHECKED: Apache wants root, and its module for PHP" >&2
fi
