# SPDX-License-Identifier: MIT
#
# Completion of shmquota and shm-dump in fish, which looks for a file under the name of each. The program itself says
# what may stand where (shmquota __complete WORD...), so a new verb, option, segment or component needs nothing here.

function __shmquota_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    set -l begun (string unescape -- "$token"; or printf '%s' "$token")
    set -l asked
    for line in ($words[1] __complete $words[2..-1] "$begun" 2>/dev/null)
        if string match -q \t'*' -- $line
            set asked (string split ' ' -- (string sub -s 2 -- $line))
        else
            printf '%s\n' $line
        end
    end
    switch "$asked[1]"
        case files
            __fish_complete_path "$token"
        case folders
            __fish_complete_directories "$token"
        case command
            # A command line of its own begins at that word.
            set -l from (math $asked[2] + 1)
            complete -C (string join ' ' -- (string escape -- $words[$from..-1]) "$token")
    end
end

for program in shmquota shm-dump
    complete -c $program -f -k -a '(__shmquota_complete)'
end
