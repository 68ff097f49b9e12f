#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The manuals of section 3 say what the public header says: each function stands in one page with the header's prototype,
# each structure with the header's members, each constant is explained somewhere, and the errors that a function's comment
# names stand in its page. References from one manual of ours to another lead to a page or to a name of one.
. "${0%/*}/sources.sh"

header=include/shmquota.h
look_at sources 'docs/man/*.[1-9]'
pages=$(printf '%s\n' "$looked_at" | grep '\.3$')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Declarations, structures, constants and errors of the header: "KIND<tab>NAME<tab>TEXT", white space brought to one form.
awk '
function plain(text,  begin, end) {
    while ((begin = index(text, "/*")) > 0) {
        end = index(substr(text, begin), "*/")
        text = substr(text, 1, begin - 1) " " substr(text, begin + end + 1)
    }
    gsub(/[ \t]+/, " ", text); gsub(/^ | $/, "", text); gsub(/ ,/, ",", text); return text
}
function name_of(text) { sub(/\(.*/, "", text); sub(/.*[ *]/, "", text); return text }
function is_private(name) { return name ~ /_$|^SHMQUOTA_H$|^SHMQ_API$|guard$|^shmq_reservation$|_NAMED_/ }
/^\/\*/ { comment = ""; in_comment = 1 }
in_comment { comment = comment " " $0; if (/\*\//) in_comment = 0; next }
/^SHMQ_API / { text = ""; inside = 1 }
inside {
    text = text " " $0
    if (!/;$/) next
    inside = 0
    text = plain(text); sub(/^SHMQ_API /, "", text); sub(/;$/, "", text)
    print "function\t" name_of(text) "\t" text
    rest = comment
    while (match(rest, /-E[A-Z]+/)) {
        print "error\t" name_of(text) "\t" substr(rest, RSTART + 1, RLENGTH - 1)
        rest = substr(rest, RSTART + RLENGTH)
    }
    next
}
/^(struct|enum) [a-z_]+ {$/ { kind = $1; name = $2; body = ""; in_body = 1; next }
in_body && /^};/ {
    in_body = 0
    body = plain(body)
    if (is_private(name)) next
    print kind "\t" name "\t" body
    if (kind == "enum") {
        gsub(/ = [0-9]+/, "", body)
        count = split(body, part, /, */)
        for (i = 1; i <= count; i++) if (part[i] != "") print "constant\t" part[i] "\t"
    }
    next
}
in_body { body = body " " $0; next }
/^#define SHMQ/ { name = $2; sub(/\(.*/, "", name); if (!is_private(name)) print "constant\t" name "\t" }
' "$header" >"$work/header"

# What the manuals say, in the same form, with their file in front; names of a page as "name".
for page in $looked_at; do
    awk -v page="$page" '
    function plain(text) { gsub(/[ \t]+/, " ", text); gsub(/^ | $/, "", text); return text }
    function declare(name, arguments) {
        declared = type (type ~ /\*$/ ? "" : " ") name "(" arguments ")"
        if (name ~ /^shmq_/) print page "\tfunction\t" name "\t" plain(declared)
    }
    function argument(text) { gsub(/"/, "", text); return text }
    /^\.Sh / { section = $2 }
    /^\.Dt / { volume = $3 }
    section == "NAME" && /^\.Nm / { print page "\tname\t" $2 "\t" volume }
    section == "SYNOPSIS" && /^\.Ft / { type = substr($0, 5) }
    section == "SYNOPSIS" && /^\.Fo / { name = $2; arguments = "" }
    section == "SYNOPSIS" && /^\.Fa / { arguments = arguments (arguments == "" ? "" : ", ") argument(substr($0, 5)) }
    section == "SYNOPSIS" && /^\.Fc/ { declare(name, arguments) }
    section == "SYNOPSIS" && /^\.Fn / {
        arguments = substr($0, 6 + length($2))
        gsub(/" "/, ", ", arguments)
        declare($2, argument(arguments))
    }
    section != "EXAMPLES" && /^(struct|enum) [a-z_]+ {$/ { kind = $1; name = $2; body = ""; in_body = 1; next }
    in_body && /^};/ { in_body = 0; print page "\t" kind "\t" name "\t" plain(body) }
    in_body { body = body " " $0 }
    /Er E/ {
        rest = $0
        while (match(rest, /Er E[A-Z]+/)) {
            print page "\terror\t" substr(rest, RSTART + 3, RLENGTH - 3) "\t"
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' "$page"
done >"$work/pages"

complaints=$(
    awk -F '\t' '
    FNR == NR {
        if ($2 == "function") { page_of[$3] = $1; pages_of[$3]++; prototype[$3] = $4 }
        else if ($2 == "struct") { shown[$3] = $4; where[$3] = $1 }
        else if ($2 == "enum") { listed[$3] = $4; where[$3] = $1 }
        else if ($2 == "name") { named[$1 " " $3] }
        else if ($2 == "error") errors[$1 " " $3]
        next
    }
    $1 == "function" {
        functions++
        known[$2]
        if (pages_of[$2] != 1)
            print $2 ": " pages_of[$2] + 0 " manuals have its prototype, and it should be one"
        else if (prototype[$2] != $3)
            print page_of[$2] ": the header says\n    " $3 "\nand not\n    " prototype[$2]
        else if (!((page_of[$2] " " $2) in named))
            print page_of[$2] ": " $2 " is missing under NAME"
    }
    $1 == "struct" && !($2 in shown) { print "no manual shows struct " $2 }
    $1 == "struct" && ($2 in shown) && shown[$2] != $3 { print where[$2] ": struct " $2 " has other members in the header:\n    " $3 }
    $1 == "enum" && ($2 in listed) && listed[$2] != $3 { print where[$2] ": enum " $2 " differs in the header:\n    " $3 }
    $1 == "error" && ($2 in page_of) && !((page_of[$2] " " $3) in errors) {
        print page_of[$2] ": the header says that " $2 "() gives -" $3
    }
    END {
        for (name in prototype) if (!(name in known)) print page_of[name] ": the header has no " name "()"
        if (functions < 50) print "only " functions + 0 " functions were found in the header"
    }' "$work/pages" "$work/header"

    # shellcheck disable=SC2086 # names of the project have no spaces
    cat $pages | tr -cs 'A-Za-z0-9_' '\n' | sort -u >"$work/words"
    awk -F '\t' '$1 == "constant" { print $2 }' "$work/header" | sort -u | comm -23 - "$work/words" |
        sed 's/^/no manual explains /'

    # shellcheck disable=SC2086
    awk -F '\t' '
    FNR == NR { if ($2 == "name") known[$3 " " $4]; next }
    FNR == 1 {
        name = FILENAME; sub(/.*\//, "", name)
        section = name; sub(/.*\./, "", section); sub(/\.[0-9]$/, "", name)
    }
    /^\.Dt / && $0 != ".Dt " toupper(name) " " section { print FILENAME ": its title is not " toupper(name) " " section }
    /^\.(It )?Xr (shm-dump|shmquota|shmq_|SHMQ_)/ {
        split($0, word, " "); first = word[1] == ".It" ? 3 : 2
        if (!((word[first] " " word[first + 1]) in known)) print FILENAME ": there is no " word[first] "(" word[first + 1] ")"
    }' "$work/pages" $looked_at
)
verdict "$complaints"
