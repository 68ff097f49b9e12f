#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The examples of shmquota.ini(5) are policies and manifests that load, the lines it shows for each key are taken, and
# every key and every section has its place in it. Which keys there are is asked of the program.
#
#     tests/api/manual.sh FOLDER-OF-THE-PROGRAMS MANUAL
set -u

shmquota=$1/shmquota
manual=$2
folder=$(mktemp -d)
name=shmq-test-$$-manual
failed=0

finish() {
    "$shmquota" remove -q "$name" 2>/dev/null
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

complain() {
    echo "FAILED: $*" >&2
    failed=1
}

# Displays of sections, one file each, and example lines as "SECTION-OF-THE-MANUAL<tab>LINE".
awk -v folder="$folder" '
function plain(text) { gsub(/\\e/, "\\", text); gsub(/\\&/, "", text); gsub(/\\\(dq/, "\"", text); return text }
/^\.Sh / { heading = $2 }
/^\.Bd -literal/ { inside = 1; first = 1; next }
/^\.Ed/ { inside = 0; next }
inside && first { number += substr($0, 1, 1) == "["; file = sprintf("%s/%s-%02d.ini", folder, \
                  substr($0, 1, 1) == "[" ? "example" : "other", number); first = 0 }
inside { print plain($0) > file }
/^\.Dl / && $2 != "$" { print heading "\t" plain(substr($0, 5)) > (folder "/lines") }
' "$manual"

examples=0
for file in "$folder"/example-*.ini; do
    examples=$((examples + 1))
    if grep -qx '\[component\]' "$file"; then
        "$shmquota" create -q -n "$name" "$folder/example-01.ini"
        "$shmquota" register -q "$name" --manifest "$file" || complain "this manifest of the manual:
$(cat "$file")"
    else
        "$shmquota" policy check -q "$file" || complain "this policy of the manual:
$(cat "$file")"
    fi
done
[ "$examples" -ge 8 ] || complain "only $examples examples were found"

lines=0
while IFS='	' read -r heading line; do
    lines=$((lines + 1))
    if [ "$heading" = SEGMENT ]; then
        printf '[segment]\n%s\n' "$line" >"$folder/line.ini"
    else
        printf '[class:web]\n[group:tenant]\n[component:a]\n%s\n' "$line" >"$folder/line.ini"
    fi
    "$shmquota" policy check -q "$folder/line.ini" || complain "this line of the manual: $line"
done <"$folder/lines"
[ "$lines" -ge 30 ] || complain "only $lines lines were found"

# What the program lists where it does not know a key, as words.
words_of() {
    printf '[%s]\nnonsense = 1\n' "$1" >"$folder/nonsense.ini"
    "$shmquota" policy check "$folder/nonsense.ini" 2>&1 | sed -n 's/.* takes \(.*\)/\1/p' |
        sed 's/their settings ([a-z.]*)//; s/and permissions ([a-z.]*)//; s/,/ /g; s/ and / /g'
}

documented() { # documented WORD: an item of a list is about it
    grep -qE "^\.It .*(Ic|,) $1( ,.*)?\$" "$manual"
}

keys=0
for word in $(words_of segment) $(words_of component:a) messages.burst messages.lease; do
    keys=$((keys + 1))
    case $word in
    messages.*) grep -q "^\.It Ar RATE Ns Ic \.${word#*.}" "$manual" ;;
    *) documented "$word" ;;
    esac || complain "the manual lacks the key '$word'"
done
[ "$keys" -ge 20 ] || complain "only $keys keys were found"

for section in segment default class:NAME group:NAME component:NAME component:PATTERN capabilities quota; do
    grep -qx "\.It Cm \[$section\]" "$manual" || complain "the manual lacks the section [$section]"
done
exit $failed
