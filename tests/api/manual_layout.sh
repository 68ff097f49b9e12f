#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shmquota-segment(5) and docs/layout.md show the fields that a segment has. A real one is asked for all of them, while it
# is worked with, so that every structure is there: each field stands in its table at its offset and with its width, no
# table has another field, and with what is reserved a table covers its structure.
#
#     manual_layout.sh PROGRAM SOURCES
set -u
program=$1
manual=$2/docs/man/shmquota-segment.5
overview=$2/docs/layout.md
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$program" "/shmq-test-$$-layout" >"$folder/raw" || exit 1
sort -u "$folder/raw" | grep -v '^segment' >"$folder/fields"
bytes=$(sed -n 's/^segment\tsize\t//p' "$folder/raw" | tr -d '\t')

# Rows of tables as "STRUCTURE<tab>FIELD<tab>OFFSET<tab>BYTES", and "STRUCTURE<tab>size<tab>BYTES".
awk -v OFS='\t' '
/^\.\\" table / { structure = $3; print structure, "size", $4; next }
/^\.El/ { structure = "" }
structure && /^\.It [0-9]/ {
    row = substr($0, 5)
    split(row, cell, / Ta */)
    print structure, cell[3], cell[1], cell[2]
}' "$manual" >"$folder/manual"

# In Markdown a heading names the structure and its size, and an array is one row: its elements are looked for below it.
awk -v OFS='\t' '
/^##+ / {
    structure = tolower($2); sub(/,$/, "", structure)
    if (structure == "ledgers:") structure = "holding"
    if (structure == "leases:") structure = "lease"
    size = $0; sub(/ bytes.*/, "", size); sub(/.* /, "", size)
    if (structure ~ /^(header|control|entry|quota|slot|holding|lease|tracker)$/) print structure, "size", size
    else structure = ""
}
/^\*\*(Rate|Level)\*\*/ { structure = "" }
structure && /^\| *[0-9][^|]*\| *[0-9]+ *\|/ {
    split($0, cell, / *\| */)
    gsub(/`/, "", cell[4])
    print structure, cell[4], cell[2], cell[3]
}' "$overview" >"$folder/overview"

cat >"$folder/compare.awk" <<'PROGRAM'
# Numbers in brackets of a name, and their values in order: "rate[1].base[2]" becomes "rate[].base[]" with 1 and 2.
function split_name(name,  count) {
    template = ""; count = 0
    while (match(name, /\[[^]]*\]/)) {
        index_of[++count] = substr(name, RSTART + 1, RLENGTH - 2)
        template = template substr(name, 1, RSTART) "]"
        name = substr(name, RSTART + RLENGTH)
    }
    template = template name
    return count
}
# "16 + 64 i + 8 b", with the values of the letters.
function evaluate(text, letters, count,  part, parts, i, j, factor, sum) {
    parts = split(text, part, / *\+ */); sum = 0
    for (i = 1; i <= parts; i++) {
        factor = part[i]; sub(/ .*/, "", factor)
        if (part[i] !~ / /) { sum += factor; continue }
        for (j = 1; j <= count; j++) if (letters[j] == substr(part[i], length(part[i]))) sum += factor * value[j]
    }
    return sum
}
FNR == NR && $2 == "size" { size[$1] = $3; next }
FNR == NR && $2 == "reserved" { covered[$1] += $4; next }
FNR == NR {
    rows++
    structure[rows] = $1; field[rows] = $2; offset[rows] = $3; bytes[rows] = $4
    next
}
{
    fields++
    covered[$1] += $4
    seen[$1]
    raw_count = split_name($2); raw_template = template
    raw_base = $2; part_name = $2
    sub(/[[.].*/, "", raw_base); sub(/^intent\./, "", part_name)
    for (i = 1; i <= raw_count; i++) value[i] = index_of[i]
    found = 0
    for (row = 1; row <= rows && !found; row++) {
        if (structure[row] != $1) continue
        if (is_markdown) {
            # The row of an array or of a part covers its elements; the others are exact.
            base = field[row]
            sub(/[[.].*/, "", base)
            split_name(field[row])
            letters[1] = index_of[1]
            at = evaluate(offset[row], letters, 1)
            if (field[row] ~ /\.(limit|mode|burst)$|^lease\[/)
                found = template == raw_template && at == $3 && bytes[row] == $4
            else if (raw_base == "intent" && field[row] == "intent")
                used[row]
            else if (raw_base == "intent")
                found = field[row] == part_name && at == $3 && bytes[row] == $4
            else
                found = base == raw_base && $3 >= at && $3 + $4 <= at + bytes[row]
        } else {
            count = split_name(field[row])
            if (template != raw_template) continue
            for (i = 1; i <= count; i++) letters[i] = index_of[i]
            found = evaluate(offset[row], letters, count) == $3 && bytes[row] == $4
        }
        if (found) used[row]
    }
    if (!found) print where ": " $1 "." $2 " is at " $3 " and has " $4 " bytes; no row says so"
}
END {
    for (row = 1; row <= rows; row++)
        if (!(row in used)) print where ": there is no " structure[row] "." field[row] " at " offset[row]
    for (name in seen)
        if (covered[name] != size[name])
            print where ": " name " has " size[name] + 0 " bytes, its rows cover " covered[name]
    if (fields < 100) print where ": only " fields + 0 " fields were found"
}
PROGRAM
# Both headers are one structure in the dump, and what is there twice counts once.
awk -F '\t' -v where=shmquota-segment.5 -f "$folder/compare.awk" "$folder/manual" "$folder/fields" >"$folder/complaints"
awk -F '\t' -v where=docs/layout.md -v is_markdown=1 -f "$folder/compare.awk" "$folder/overview" "$folder/fields" >>"$folder/complaints"

# The size of a default segment, which the manual names.
grep -q "segment of 1024 components and 256 threads has $bytes bytes" "$manual" ||
    echo "shmquota-segment.5: a default segment has $bytes bytes" >>"$folder/complaints"

cat "$folder/complaints"
[ ! -s "$folder/complaints" ]
