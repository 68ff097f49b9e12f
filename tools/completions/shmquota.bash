# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of shmquota and shm-dump in bash. The program itself says what may stand where (shmquota __complete WORD...),
# so a new verb, option, segment or component needs nothing here. Works with and without the package bash-completion.

# A word as the program would get it, into $plain. What is typed is not evaluated: no $(command) in it is run.
_shmquota_plain() {
    plain=${1//\\/}
    plain=${plain//\"/}
    plain=${plain//\'/}
}

# bash splits words at ':' and '=', programs do not. The words up to the cursor into $words, and into $first_part which
# of COMP_WORDS each begins with.
_shmquota_words() {
    local line=${COMP_LINE:0:COMP_POINT} part index
    for ((index = 0; index <= COMP_CWORD; index++)); do
        if ((index == 0)) || [[ $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            words+=("")
            first_part+=("$index")
        fi
        part=${COMP_WORDS[index]:0:${#line}}
        words[-1]+=$part
        line=${line#"$part"}
    done
}

_shmquota_command() { # _shmquota_command NUMBER: a command line of its own begins with this word
    if declare -F _command_offset >/dev/null; then
        _command_offset "${first_part[$1]}"
    elif ((${#words[@]} - 1 == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$plain")
    else
        compopt -o default
    fi
}

_shmquota() {
    local plain line kept='' breaks='' asked=''
    local -a words=() first_part=() plainly=()

    _shmquota_words
    for line in "${words[@]:1}"; do
        _shmquota_plain "$line"
        plainly+=("$plain")
    done
    # Up to a ':' or '=' the word is not bash's to replace, if it takes them for the end of a word.
    [[ ${words[-1]} == [\"\']* ]] || breaks=${COMP_WORDBREAKS//[^:=]/}
    [[ -z $breaks ]] || kept=${plain%"${plain##*["$breaks"]}"}

    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        $'\t'*) asked=${line#?} ;;
        *)
            line=${line%%$'\t'*}
            line=${line#"$kept"}
            [[ ${words[-1]} == [\"\']* ]] || printf -v line %q "$line"
            COMPREPLY+=("${line//\\,/,}") # a comma, which %q escapes, is harmless
            ;;
        esac
    done < <("${1/#\~/$HOME}" __complete "${plainly[@]}" 2>/dev/null)
    case $asked in
    files) compopt -o default ;;
    folders) compopt -o dirnames ;;
    nospace) compopt -o nospace ;;
    command*) _shmquota_command "${asked#command }" ;;
    esac
}

complete -F _shmquota shmquota shm-dump
