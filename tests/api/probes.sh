#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The library's static probes: the notes that tracers read name those that the script of bpftrace documents and uses,
# each with as many arguments as it says, and gdb, which needs no rights of its own, finds in them what there should be.
#
#     tests/api/probes.sh SOURCES PROGRAM LIBRARY
set -u

script=$1/tools/bpftrace/shmquota.bt.in
program=$2
library=$3
folder=$(mktemp -d)
name=shmq-test-$$-probes
failed=0

finish() {
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'exit 1' INT TERM

complain() {
    echo "FAILED: $*" >&2
    failed=1
}

# "denial 4": what stands in the table at the head of the script, and what the library has.
awk '/^ \*     [a-z_]+   / {
    name = $2
    sub(/^ \*     [a-z_]+ +/, "")
    sub(/   .*/, "")
    print name, gsub(/,/, ",") + 1
}' "$script" | sort >"$folder/documented"
readelf --notes --wide "$library" |
    awk '/ Provider: / { ours = $NF == "shmquota" } ours && /^ *Name: / { name = $2 } ours && /^ *Arguments: / { print name, NF - 1 }' |
    sort -u >"$folder/present"
diff -u "$folder/documented" "$folder/present" >&2 || complain "the script of bpftrace and the library have different probes"
[ "$(wc -l <"$folder/present")" -ge 8 ] || complain "there are too few probes"
while read -r probe _; do
    grep -q "^usdt:.*:shmquota:$probe\$" "$script" || complain "the script of bpftrace does not use $probe"
done <"$folder/present"

cat >"$folder/commands" <<'END'
set breakpoint pending on
set debuginfod enabled off
set pagination off
break main
END
printf 'run /%s\n' "$name" >>"$folder/commands"
cat >>"$folder/commands" <<'END'
break -probe-stap shmquota:denial
commands
silent
printf "denial of %d in %s: resource %d, amount %lu\n", (int)$_probe_arg1, (char *)$_probe_arg0, (int)$_probe_arg2, (unsigned long)$_probe_arg3
continue
end
break -probe-stap shmquota:lease
commands
silent
printf "component %d of %s takes %lu of resource %d\n", (int)$_probe_arg1, (char *)$_probe_arg0, (unsigned long)$_probe_arg3, (int)$_probe_arg2
continue
end
break -probe-stap shmquota:event
commands
silent
printf "event %d of %s, resource %d, in %s\n", (int)$_probe_arg1, (char *)$_probe_arg3, (int)$_probe_arg4, (char *)$_probe_arg0
continue
end
break -probe-stap shmquota:window_begin
commands
silent
printf "a window begins, total %lu\n", (unsigned long)$_probe_arg2
continue
end
break stopped
continue
kill
END
gdb -nx -batch -x "$folder/commands" "$program" >"$folder/gdb" 2>&1
expect() {
    [ "$(grep -cxF -- "$2" "$folder/gdb")" -eq "$1" ] || complain "gdb should see this $1 times: $2"
}
expect 2 "denial of 0 in /$name: resource 1, amount 1"
expect 1 "event 9 of two words, resource -1, in /$name"
expect 1 "event 1 of two words, resource 1, in /$name"
expect 2 'a window begins, total 0'
expect 1 "component 1 of /$name takes 100 of resource 1"

[ $failed -eq 0 ] || cat "$folder/gdb"
exit $failed
