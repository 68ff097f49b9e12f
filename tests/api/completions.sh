#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Completions, in real shells: bash and zsh on a terminal of tmux, fish through its own `complete`. What the programs
# offer is compared with what their help says.
#
#     tests/api/completions.sh FOLDER-OF-THE-PROGRAMS SOURCES
set -u

programs=$1
scripts=$2/tools/completions
folder=$(mktemp -d)
name=shmq-test-$$-completions
failed=0
export TMUX_TMPDIR="$folder" PATH="$programs:$PATH" LC_ALL=C.UTF-8

finish() {
    tmux -L completions kill-server 2>/dev/null
    rm -rf "$folder" "/dev/shm/$name.policy" "/dev/shm/$name.usage"
}
trap finish EXIT
trap 'exit 1' INT TERM

complain() {
    echo "FAILED: $*" >&2
    failed=1
}

for shell in bash zsh fish tmux; do
    command -v $shell >/dev/null || { echo "$shell is missing: tools/setup test installs it"; exit 1; }
done

cd "$folder" || exit 1
cat >policy.ini <<'END'
[group:shop]
messages = 10/s
[component:chat]
group = shop
[component:two words]
END
shmquota create -q -n "$name" policy.ini || exit 1

# ---- What is offered is what help lists ---------------------------------------------------------------------------

offered() { # offered PROGRAM WORD...
    program=$1
    shift
    "$program" __complete "$@" | cut -f 1
}

options_of_help() {
    "$@" --help | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z-]\{2,\}\).*/\2/p' | sort -u
}

verbs=$(shmquota --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z ]*[a-z]\)  .*/\1/p')
[ "$(printf '%s\n' "$verbs" | wc -l)" -ge 20 ] || complain "help lists too few verbs: $verbs"
for first in $(printf '%s\n' "$verbs" | sed 's/ .*//' | sort -u); do
    offered shmquota '' | grep -qx "$first" || complain "the verb '$first' is not offered"
done
printf '%s\n' "$verbs" >verbs
while read -r first second; do
    # shellcheck disable=SC2086 # one word or two
    [ "$first" = help ] || [ "$(offered shmquota $first $second -- | sort)" = "$(options_of_help shmquota $first $second)" ] ||
        complain "options of '$first $second' differ from its help"
done <verbs
[ "$(offered shm-dump -- | sort)" = "$(options_of_help shm-dump)" ] || complain "options of shm-dump differ from its help"

# ---- Shells on a terminal -----------------------------------------------------------------------------------------

screen() {
    tmux -L completions capture-pane -p -J -t "$1"
}

becomes() { # becomes SHELL LINE: within five seconds
    looks=0
    line=$(printf '> %s' "$2" | sed 's/ *$//')
    until screen "$1" | sed 's/ *$//' | grep -qxF -- "$line"; do
        looks=$((looks + 1))
        [ $looks -le 100 ] || return 1
        sleep 0.05
    done
}

# Type a line and a tab in a shell, and wait for what it should become; then clear the line. A shell on a busy machine may
# take keys for another line while it still starts or completes: then all is typed once more, on a new line.
expect() { # expect SHELL TYPED LINE
    for attempt in 1 2 3; do
        tmux -L completions send-keys -t "$1" -l "$2"
        tmux -L completions send-keys -t "$1" Tab
        if becomes "$1" "$3"; then
            tmux -L completions send-keys -t "$1" C-u
            tmux -L completions send-keys -t "$1" C-l
            becomes "$1" "" && return
        fi
        tmux -L completions send-keys -t "$1" C-c
        tmux -L completions send-keys -t "$1" C-l
        sleep "0.$attempt"
    done
    complain "$1: '$2' and a tab should give '$3', the screen is"
    screen "$1" | grep . >&2
    exit 1
}

cat >bashrc <<END
PS1='> '
[ "\$WITHOUT" ] || . /usr/share/bash-completion/bash_completion
. '$scripts/shmquota.bash'
END
cat >.zshrc <<END
PS1='> '
fpath=('$scripts' \$fpath)
autoload -Uz compinit
compinit -u -D
END
tmux -L completions -f /dev/null new-session -d -s bash -x 150 -y 40 "bash --noprofile --rcfile bashrc -i"
tmux -L completions new-session -d -s plain -x 150 -y 40 "WITHOUT=1 bash --noprofile --rcfile bashrc -i"
tmux -L completions new-session -d -s zsh -x 150 -y 40 "ZDOTDIR='$folder' zsh -d -i"

for shell in bash plain zsh; do
    looks=0
    until screen $shell | grep -q '^>' || [ $looks -gt 200 ]; do
        looks=$((looks + 1))
        sleep 0.05
    done
    expect $shell 'shmquota unreg' 'shmquota unregister'
    expect $shell 'shmquota policy ch' 'shmquota policy check'
    expect $shell "shmquota show ${name%?}" "shmquota show $name"
    expect $shell "shm-dump -c ch ${name%?}" "shm-dump -c ch $name"
    expect $shell "shmquota set $name c" "shmquota set $name chat"
    expect $shell "shmquota show $name group:" "shmquota show $name group:shop"
    expect $shell "shmquota reset $name chat tw" "shmquota reset $name chat two\\ words"
    expect $shell "shmquota set $name chat --inherit=r" "shmquota set $name chat --inherit=reset"
    expect $shell "shmquota try $name chat mes" "shmquota try $name chat messages"
    expect $shell "shmquota try $name chat messages 1 -- shm-d" "shmquota try $name chat messages 1 -- shm-dump"
    expect $shell "shmquota audit --kind reset,policy" "shmquota audit --kind reset,policy_published"
    expect $shell 'shmquota create pol' 'shmquota create policy.ini'
done

# ---- fish ----------------------------------------------------------------------------------------------------------

expect_fish() { # expect_fish TYPED CANDIDATE
    printf 'source %s/shmquota.fish\ncomplete -C "%s"\n' "$scripts" "$1" >line.fish
    HOME=$folder fish line.fish | cut -f 1 | grep -qxF -- "$2" || complain "fish does not offer '$2' behind '$1'"
}
expect_fish 'shmquota unreg' unregister
expect_fish 'shmquota policy ' check
expect_fish "shmquota set $name " 'two words'
expect_fish "shmquota show $name gr" group:shop
expect_fish 'shmquota set --inherit=' --inherit=reset
expect_fish "shmquota try $name chat messages 1 -- shm-d" shm-dump
expect_fish 'shmquota create pol' policy.ini

exit $failed
