#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs a build into a folder, moves that folder, and sees that what was installed works from where it is now. The
# programs that use the moved library are built by the tests that come after this one.
#
#     install.sh BUILD-FOLDER PREFIX
set -eu
build=$1
prefix=$2

rm -rf "$prefix" "$prefix.before"
cmake --install "$build" --prefix "$prefix.before" >/dev/null
mv "$prefix.before" "$prefix"

for program in shm-dump shmquota; do
    [ ! -e "$prefix/bin/$program" ] || "$prefix/bin/$program" --version
done
# A path of the build or of the first prefix in a text file would break the moved tree.
if grep -rIlF -e "$build" -e "$prefix.before" "$prefix"; then
    echo "these files name the folder they were built or first installed in"
    exit 1
fi
