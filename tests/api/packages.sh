#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The Debian packages of the deb preset, as a machine would have them: installed into a root of its own by dpkg, which
# knows what is installed here and so decides whether their dependencies can be met; used there by programs that find
# the library by CMake and by pkg-config, as C and C++, shared and static; removed without a trace. systemd and AppArmor
# read what is for them, and lintian has nothing to say beyond what the packages themselves own up to.
#
#     tests/api/packages.sh FOLDER
set -u

folder=$(realpath "$1")
sources=$(CDPATH='' cd -- "${0%/*}/../.." && pwd)
work=$(mktemp -d)
root=$work/root
name=shmq-test-$$-packages
status=0

finish() {
    rm -rf "$work" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'exit 1' INT TERM

complain() {
    echo "FAILED: $*" >&2
    status=1
}

run() { # run COMMAND...: says what it printed where it fails
    "$@" >"$work/log" 2>&1 || {
        complain "$*"
        cat "$work/log" >&2
        return 1
    }
}

for program in systemd-analyze apparmor_parser lintian; do
    command -v $program >/dev/null || { echo "$program is missing: tools/setup test installs it" && exit 1; }
done

packages=
for package in libshmquota0 libshmquota-dev shmquota-tools; do
    set -- "$folder/${package}"_*.deb
    if [ $# -ne 1 ] || [ ! -f "$1" ]; then
        echo "one $package was expected, there are: $*"
        exit 1
    fi
    packages="$packages $1"
done
ls "$folder"/libshmquota0-dbgsym_*.ddeb >/dev/null || complain "there is no package of symbols"

# ---- Installing -----------------------------------------------------------------------------------------------------

# A root with nothing in it but what dpkg knows of this machine. Scripts run outside of it, and do nothing there.
mkdir -p "$root" "$work/dpkg/info" "$work/dpkg/updates" "$work/dpkg/triggers"
cp /var/lib/dpkg/status "$work/dpkg/status"
touch "$work/dpkg/available"
dpkg_here() {
    dpkg --force-not-root --force-script-chrootless --force-unsafe-io --no-triggers --log=/dev/null \
        --admindir="$work/dpkg" --instdir="$root" "$@"
}
# What runs the programs here must not be there already.
for package in libshmquota0 libshmquota-dev shmquota-tools; do
    ! dpkg-query --admindir="$work/dpkg" -W "$package" >/dev/null 2>&1 || run dpkg_here --purge --force-depends "$package"
done
# shellcheck disable=SC2086 # a list of files
run dpkg_here --install $packages || exit 1
library=$(dirname "$(find "$root/usr/lib" -name libshmquota.so.0)")
[ -n "$library" ] || { echo "there is no library" >&2 && exit 1; }

for file in usr/bin/shm-dump usr/bin/shmquota usr/include/shmquota.h etc/apparmor.d/abstractions/shmquota \
    usr/lib/systemd/system/shmquota@.service usr/lib/tmpfiles.d/shmquota.conf usr/share/man/man1/shmquota.1.gz \
    usr/share/man/man5/shmquota.ini.5.gz usr/share/man/man3/shmq_commit.3.gz usr/share/shmquota/shmquota.bt \
    usr/share/shmquota/monitoring/alerts.yml usr/share/bash-completion/completions/shm-dump \
    usr/share/zsh/vendor-completions/_shmquota usr/share/fish/vendor_completions.d/shmquota.fish \
    usr/share/doc/libshmquota0/copyright usr/share/doc/shmquota-tools/changelog.gz \
    usr/share/doc/shmquota-tools/operations.md usr/share/doc/libshmquota-dev/docs/embedding.md \
    usr/share/doc/libshmquota-dev/docs/examples/php-fpm/quota.php; do
    [ -s "$root/$file" ] || complain "/$file is missing or empty"
done
gdb_script=$root/usr/share/gdb/auto-load${library#"$root"}/$(basename "$(realpath "$library/libshmquota.so.0")")-gdb.py
[ -s "$gdb_script" ] || complain "gdb would not find its script at $gdb_script"
find "$root" -xtype l | sed 's/^/FAILED: a link to nowhere: /' >"$work/links"
[ ! -s "$work/links" ] || { cat "$work/links" && status=1; }
for unit in "$root"/usr/lib/systemd/system/*; do
    program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
    [ -x "$root$program" ] || complain "${unit##*/} starts $program, which is not there"
done

# What reads the units, the folder that tmpfiles makes, and the abstractions.
mkdir "$work/units" "$work/tmpfiles"
for unit in "$root"/usr/lib/systemd/system/*; do
    base=${unit##*/}
    case $base in *@.service) base=${base%.service}x.service ;; esac
    sed "s|=/usr/bin/|=$root/usr/bin/|" "$unit" >"$work/units/$base"
done
run systemd-analyze verify --man=no "$work"/units/*.service
[ ! -s "$work/log" ] || { complain "systemd-analyze says" && cat "$work/log" >&2; }
if [ "$(id -u)" -eq 0 ]; then
    mkdir -p "$work/tmpfiles/usr/lib/tmpfiles.d"
    cp "$root/usr/lib/tmpfiles.d/shmquota.conf" "$work/tmpfiles/usr/lib/tmpfiles.d"
    run systemd-tmpfiles --root="$work/tmpfiles" --create shmquota.conf
    [ "$(stat -c '%a %u' "$work/tmpfiles/run/shmquota")" = "755 0" ] || complain "tmpfiles makes no /run/shmquota"
fi
printf 'include <tunables/global>\nprofile a /bin/a {\n  include <abstractions/%s>\n}\n' shmquota >"$work/profile"
printf 'profile b /bin/b {\n  include <abstractions/%s>\n}\n' shmquota-control >>"$work/profile"
run apparmor_parser --skip-kernel-load --skip-cache --Include "$root/etc/apparmor.d" "$work/profile"

# ---- Using ----------------------------------------------------------------------------------------------------------

export LD_LIBRARY_PATH="$library"
for program in shm-dump shmquota; do
    run "$root/usr/bin/$program" --version
done
# The example of the documents, from a policy to a refusal.
run "$root/usr/bin/shmquota" create -n "$name" "$root/usr/share/doc/shmquota-tools/examples/policy.ini"
run "$root/usr/bin/shmquota" verify "$name"
run "$root/usr/bin/shm-dump" "$name"
run "$root/usr/bin/shmquota" remove "$name"

# build HOW [VARIABLE=VALUE...]: the user's project, found in that way, built and run. Development packages of
# dependencies are this machine's.
build() {
    how=$1
    shift
    run cmake -S "$sources/tests/api/consumer" -B "$work/$how" -DHOW="$how" -DVERSION="$version" \
        -DCMAKE_PREFIX_PATH="$root/usr" -DCMAKE_BUILD_TYPE=Release "$@" &&
        run cmake --build "$work/$how" --parallel 2 && run ctest --test-dir "$work/$how" --no-tests=error --output-on-failure
}
version=$(dpkg-deb --field "$folder"/libshmquota-dev_*.deb Version)
build find_package
export PKG_CONFIG_PATH="$library/pkgconfig"
build pkg_config

# What reads /usr/share/doc/libshmquota-dev/examples by hand.
for file in "$root"/usr/share/doc/libshmquota-dev/examples/*.c; do
    # shellcheck disable=SC2046 # words
    run cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -o "$work/example" "$file" $(pkg-config --cflags --libs shmquota)
done

# The examples of the installed manuals, with the installed library and programs.
mkdir "$work/manuals"
for page in "$root"/usr/share/man/man[1357]/*.gz; do
    [ -L "$page" ] || gzip -dc "$page" >"$work/manuals/$(basename "$page" .gz)"
done
run "$sources/tests/api/manual_examples.sh" "$library/libshmquota.so" "$root/usr/include" "$work/manuals" cc -O2
run "$sources/tests/api/manual_shell.sh" "$root/usr/bin" "$work/manuals"

# ---- Removing -------------------------------------------------------------------------------------------------------

run dpkg_here --purge shmquota-tools libshmquota-dev libshmquota0
left=$(find "$root" -mindepth 1 ! -type d)
[ -z "$left" ] || complain "removed, the packages leave behind: $left"
for package in libshmquota0 libshmquota-dev shmquota-tools; do
    ! dpkg-query --admindir="$work/dpkg" -W "$package" >/dev/null 2>&1 || complain "$package is still known"
done

# ---- Form -----------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2086 # a list of files
run lintian --allow-root --fail-on error,warning $packages
[ $status -eq 0 ]
