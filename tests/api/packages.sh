#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Looks into the Debian packages of the deb preset: each holds what it should, depends on what it needs, and the
# programs run from the unpacked trees.
#
#     packages.sh FOLDER
set -eu
folder=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
status=0

expect() { # expect PACKAGE TEXT PATTERN
    if ! printf '%s\n' "$2" | grep -qE -- "$3"; then
        echo "$1: nothing matches '$3' in"
        printf '%s\n' "$2"
        status=1
    fi
}

for package in libshmquota0 libshmquota-dev shmquota-tools; do
    set -- "$folder/${package}"_*.deb
    if [ $# -ne 1 ] || [ ! -f "$1" ]; then
        echo "one $package was expected, there are: $*"
        exit 1
    fi
    contents=$(dpkg-deb --contents "$1")
    depends=$(dpkg-deb --field "$1" Depends)
    dpkg-deb --extract "$1" "$tree"
    case $package in
    libshmquota0)
        expect $package "$contents" ' \./usr/lib/[^ ]*/libshmquota\.so\.0 -> libshmquota\.so\.0\.'
        for needed in libc6 libinih1 liburcu8; do
            expect $package "$depends" "(^|, )$needed "
        done
        ;;
    libshmquota-dev)
        for file in include/shmquota.h 'lib/.*/libshmquota\.a' 'lib/.*/libshmquota\.so' 'lib/.*/pkgconfig/shmquota\.pc' \
            'lib/.*/cmake/shmquota/shmquota-config\.cmake'; do
            expect $package "$contents" " \\./usr/$file( |\$)"
        done
        expect $package "$depends" 'libshmquota0 \(= .*liburcu-dev .*libinih-dev '
        ;;
    shmquota-tools)
        expect $package "$contents" ' \./usr/bin/shm-dump$'
        expect $package "$contents" ' \./usr/bin/shmquota$'
        expect $package "$depends" '(^|, )libshmquota0 \(= '
        expect $package "$depends" '(^|, )libjansson4 '
        ;;
    esac
done

library=$(dirname "$(find "$tree" -name 'libshmquota.so.0')")
for program in shm-dump shmquota; do
    LD_LIBRARY_PATH=$library "$tree/usr/bin/$program" --version || status=1
done
exit $status
