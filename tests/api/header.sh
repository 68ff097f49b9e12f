#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A user's program compiles without a warning wherever the header stands: as C11 and later, as C++11 and later, with
# every compiler that is here and the warnings that people switch on. Some functions are called like the structure that
# they fill, which g++ takes for a mistake if it is not told.
#
#     tests/api/header.sh SOURCES
set -u
cd -- "$1" || exit 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp tests/api/consumer/consumer.c "$folder/consumer.c"
cp tests/api/consumer/consumer.c "$folder/consumer.cpp"
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wundef -Wredundant-decls -Werror'
tried=0
failed=0

try() { # try COMPILER STANDARD FILE [WARNING...]
    command -v "$1" >/dev/null || return
    compiler=$1 standard=$2 file=$3
    shift 3
    # shellcheck disable=SC2086 # a list of words
    "$compiler" -std="$standard" $warnings "$@" -D_DEFAULT_SOURCE -Iinclude -fsyntax-only "$folder/$file" || {
        echo "FAILED: $compiler as $standard" >&2
        failed=1
    }
    tried=$((tried + 1))
}

for compiler in gcc clang; do
    for standard in c11 c17 gnu2x; do
        try "$compiler" "$standard" consumer.c -Wstrict-prototypes -Wmissing-prototypes
    done
done
for compiler in g++ clang++; do
    for standard in c++11 c++17 c++20; do
        try "$compiler" "$standard" consumer.cpp
    done
done
[ $tried -ge 6 ] || { echo "only $tried ways were tried: tools/setup test installs gcc and g++" >&2; failed=1; }
exit $failed
