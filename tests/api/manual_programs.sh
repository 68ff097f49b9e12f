#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The manuals of section 1 say what the programs say: every verb has its place and its summary, every option stands under
# its verb and none that is not there, and exit codes, columns and the members of audit lines are the programs' own.
#
#     manual_programs.sh FOLDER-OF-THE-PROGRAMS FOLDER-OF-THE-MANUALS
set -u
shmquota=$1/shmquota
shm_dump=$1/shm-dump
manuals=$2
folder=$(mktemp -d)
name=shmq-test-$$-programs
failed=0
export ARGP_HELP_FMT=rmargin=250 # no line is broken

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

compare() { # compare WHAT: the files "said" by the program and "shown" by the manual
    diff "$folder/said" "$folder/shown" >"$folder/difference" ||
        complain "$1; '<' is the program, '>' the manual:
$(cat "$folder/difference")"
}

# Options as "n name=", "hold": the letter if there is one, the word, "=" where an argument follows.
options_of_help() {
    sed -nE 's/^  -(.), --([a-z-]+)(\[?=)?.*/\1 \2\3/p; s/^      --([a-z-]+)(\[?=)?.*/\1\2/p' |
        grep -vxE '\? help|usage|V version' | sort
}

# Those of a manual from stdin; "-" is written "Fl -word", "=ARG" as "Ns = Ns Ar ARG".
options_of_manual() {
    sed -nE 's/\\&//g; s/^\.It Fl (.) , Fl -([a-z-]+)( Ns (=).*)?$/\1 \2\4/p; s/^\.It Fl -([a-z-]+)( Ns (=).*)?$/\1\3/p' |
        grep -vxE '\? help|usage|V version' | sort
}

# The page that has a verb, and the part of it that is about the verb: below its .Ss where there is one.
page_of() {
    grep -lxE "\.Nm shmquota-$1( ,)?" "$manuals"/shmquota*.1
}
part_of() { # part_of PAGE VERB
    if grep -qx "\.Ss $2" "$1"; then
        awk -v heading=".Ss $2" '/^\.S[sh] / { inside = $0 == heading } inside' "$1"
    else
        cat "$1"
    fi
}

exit_codes_of_help() {
    sed -n '/^Exit codes:/,$s/^  \([0-9]\)  /\1 /p'
}
exit_codes_of_manual() {
    awk '/^\.Sh / { inside = $0 == ".Sh EXIT STATUS" } inside && /^\.It [0-9]$/ { code = $2; next }
         inside && code != "" { print code " " $0; code = "" }' "$1"
}

# ---- shmquota ---------------------------------------------------------------------------------------------------------

"$shmquota" --help >"$folder/help"
sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z ]*[a-z]\)   *\(.*\)/\1	\2/p' "$folder/help" | grep -v '^help' >"$folder/verbs"
[ "$(wc -l <"$folder/verbs")" -ge 25 ] || complain "only $(wc -l <"$folder/verbs") verbs were found"

sort "$folder/verbs" >"$folder/said"
awk -v OFS='\t' '/^\.It Cm / { verb = substr($0, 8); next }
verb != "" { sub(/[:.]$/, ""); print verb, $0; verb = "" }' "$manuals/shmquota.1" | sort >"$folder/shown"
compare "verbs and their summaries in shmquota(1)"

while IFS='	' read -r verb _; do
    page=$(page_of "${verb%% *}")
    if [ ! -f "$page" ]; then
        complain "one manual should have shmquota-${verb%% *} under NAME; these have: $page"
        continue
    fi
    # shellcheck disable=SC2086 # a verb may be two words
    "$shmquota" help $verb | options_of_help >"$folder/said"
    part_of "$page" "$verb" | options_of_manual >"$folder/shown"
    compare "options of '$verb' in ${page##*/}"
    grep -q "^\.Nm shmquota Cm $verb\$" "$page" || complain "'$verb' is not in the SYNOPSIS of ${page##*/}"
done <"$folder/verbs"

exit_codes_of_help <"$folder/help" >"$folder/said"
[ -s "$folder/said" ] || complain "shmquota --help shows no exit codes"
exit_codes_of_manual "$manuals/shmquota.1" >"$folder/shown"
compare "exit codes in shmquota(1)"

# ---- shm-dump ---------------------------------------------------------------------------------------------------------

"$shm_dump" --help >"$folder/help"
options_of_help <"$folder/help" >"$folder/said"
[ "$(wc -l <"$folder/said")" -ge 15 ] || complain "only $(wc -l <"$folder/said") options of shm-dump were found"
options_of_manual <"$manuals/shm-dump.1" >"$folder/shown"
compare "options in shm-dump(1)"

exit_codes_of_help <"$folder/help" >"$folder/said"
exit_codes_of_manual "$manuals/shm-dump.1" >"$folder/shown"
compare "exit codes in shm-dump(1)"

sed -n '/^Columns,/,/^$/s/^  \([a-z_]*\)  *\(.*\)/\1	\2/p' "$folder/help" >"$folder/said"
[ -s "$folder/said" ] || complain "shm-dump --help shows no columns"
awk -v OFS='\t' '/^\.Sh / { inside = $0 == ".Sh COLUMNS" } inside && /^\.It Ic / { column = $3; next }
inside && column != "" { print column, $0; column = "" }' "$manuals/shm-dump.1" >"$folder/shown"
compare "columns in shm-dump(1)"

# ---- JSON -------------------------------------------------------------------------------------------------------------

printf '[component:a]\n' >"$folder/policy.ini"
"$shmquota" create -q -n "/$name" "$folder/policy.ini" || complain "no segment could be made"

"$shmquota" audit "$name" | head -n 1 | jq -r keys_unsorted[] | sort >"$folder/said"
[ -s "$folder/said" ] || complain "shmquota audit shows no event"
awk '/^\.S[sh] / { inside = $0 == ".Ss Members of an event" }
inside && /^\.It Ic / { gsub(/ , /, " "); for (i = 3; i <= NF; i++) print $i }' "$manuals/shmquota-audit.1" |
    sort >"$folder/shown"
compare "members of an event in shmquota-audit(1)"

for view in '' --policy --workers --events --raw; do
    # shellcheck disable=SC2086 # or none
    schema=$("$shm_dump" --json $view "$name" | jq -r .schema)
    # shellcheck disable=SC2086
    arrays=$("$shm_dump" --json $view "$name" |
        jq -r '[to_entries[] | select(.value | type == "array") | .key] | join(" , ")')
    grep -qxF ".It Li $schema Ta Ic $arrays" "$manuals/shm-dump.1" ||
        complain "shm-dump(1) lacks the schema $schema with '$arrays'"
done
for member in $("$shm_dump" --json "$name" | jq -r 'to_entries[] | select(.value | type != "array") | .key'); do
    grep -qE "^\.Ic (.* )?$member( |\$)" "$manuals/shm-dump.1" || complain "shm-dump(1) lacks the member '$member'"
done
exit $failed
