#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The commands that the manuals show behind "$" do what they say: they run, in their order, on a segment of this test's
# own, and succeed. A comment before one says that it is endless (it is stopped a moment later), or that it is for
# elsewhere. Programs of other people that would do something are put aside by empty ones.
#
#     manual_shell.sh FOLDER-OF-THE-PROGRAMS FOLDER-OF-THE-MANUALS
set -u
manuals=$2
folder=$(mktemp -d)
name=shmq-test-$$-shell
run=/dev/shm/$name-run
complaints=$folder.complaints
PATH=$folder/bin:$1:$PATH
export PATH TERM=xterm

finish() {
    wait
    for segment in "$name" "$name-new" "$run/quota"; do shmquota remove -q "$segment" 2>/dev/null; done
    rm -rf "$folder" "$run" "$complaints"
}
trap finish EXIT
trap 'exit 1' INT TERM

mkdir "$folder/bin" "$run"
: >"$complaints"
cd "$folder" || exit 1
for program in sendmail mail systemctl; do
    printf '#!/bin/sh\ncat >/dev/null\n' >"bin/$program"
done
printf '#!/bin/sh\n' >report
chmod +x bin/* report
echo 'Dear Alice,' >letter
cat >policy.ini <<END
[segment]
name = /$name

[default]
storage = 100MB
messages = 1000/s

[component:alice]
messages = 100/s

[component:bob]
[component:batch]
[component:shop-1]
[component:web-*]
messages = 10/s
END
printf '[component:alice]\nmessages = 200/s\n' >local.ini
sed 's/100MB/200MB/' policy.ini >new.ini
printf '[component]\nname = resizer\n[quota]\nstorage = 50MB\n' >manifest.ini

# What a manual shows, as it is to be run here.
adapted() {
    printf '%s\n' "$1" | sed -e 's/\\e/\\/g' -e 's/\\(dq/"/g' -e 's/\\&//g' -e 's/\\-/-/g' \
        -e "s|/run/myhost|$run|g" -e "s|newhost|$name-new|g" -e "s|myhost|$name|g" \
        -e "s|/run/metrics|$folder|g" -e "s|/var/log|$folder|g"
}

run_endless() { # run_endless PAGE COMMAND; top wants a terminal
    case $2 in
    *' top '*) script -qec "timeout --foreground 0.3 $2" /dev/null ;;
    *) timeout 0.3 sh -c "$2" ;;
    esac >"$folder/endless-$3" 2>&1 </dev/null
    [ $? -eq 124 ] || echo "$1: '$2' ended:
$(cat "$folder/endless-$3")" >>"$complaints"
}

commands=0
for page in "$manuals"/*.[157]; do
    shmquota remove -q "$name" 2>/dev/null
    shmquota create -q policy.ini || exit 1
    how=
    while IFS= read -r line; do
        case $line in
        '.\" endless') how=endless ;;
        '.\" elsewhere') how=elsewhere ;;
        '.Dl $ '*)
            commands=$((commands + 1))
            command=$(adapted "${line#.Dl \$ }")
            case $how in
            elsewhere) ;;
            endless) run_endless "${page##*/}" "$command" "$commands" & ;;
            *)
                sh -c "$command" >"$folder/output" 2>&1 </dev/null || echo "${page##*/}: '$command' failed:
$(cat "$folder/output")" >>"$complaints"
                ;;
            esac
            how=
            ;;
        esac
    done <"$page"
    wait
done
[ "$commands" -ge 50 ] || echo "only $commands commands were found" >>"$complaints"
cat "$complaints"
[ ! -s "$complaints" ]
