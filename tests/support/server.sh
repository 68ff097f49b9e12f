# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Read by the tests of real servers, which set $bin, $name and $url before: a folder and a segment of their own, that go
# with the test however it ends, and what a server answers.
#
#     $server      whom a complaint is about
#     $hosts       the processes to end
#     $folder/log  what they say

server=
hosts=
folder=$(mktemp -d)
chmod 755 "$folder"

stop() {
    for host in $hosts; do
        kill -TERM "$host" 2>/dev/null
        wait "$host" 2>/dev/null
    done
    hosts=
    "${bin:?}/shmquota" remove -q "${name:?}" 2>/dev/null
}

clean_up() {
    trap - EXIT HUP INT PIPE TERM
    stop
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'clean_up; exit 1' HUP INT PIPE TERM

fail() {
    echo "FAILED: $server: $*" >&2
    cat "$folder/log" >&2
    exit 1
}

is() {
    [ "$1" = "$2" ] || fail "$3: expected $1, got $2"
}

# answers PATH NUMBER CODE: how many of so many requests, side by side, have this status
answers() {
    curl -sZ --parallel-max 16 -o /dev/null -w '%{http_code}\n' "${url:?}/$1?[1-$2]" 2>/dev/null | grep -c "^$3\$"
}
