#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Links of Markdown files that stay inside the tree lead to a file or folder that is there and, where they name a
# heading, to a heading of that name. Links in code blocks are no links.
. "${0%/*}/sources.sh"

look_at sources '*.md'
complaints=$(printf '%s\n' "$looked_at" | while IFS= read -r file; do
    awk '
    /^ *(```|~~~)/ { code = !code }
    code { next }
    {
        line = $0
        gsub(/`[^`]*`/, "", line)
        while (match(line, /\]\([^) ]+/)) {
            print FNR, substr(line, RSTART + 2, RLENGTH - 2)
            line = substr(line, RSTART + RLENGTH)
        }
    }' "$file" | while read -r number link; do
        case $link in
        [a-z]*:*) continue ;;
        '#'*) path=$file ;;
        *) path=$(dirname "$file")/${link%%#*} ;;
        esac
        if [ ! -e "$path" ]; then
            echo "$file:$number: the link leads nowhere: $link"
            continue
        fi
        case $link in *'#'*) ;; *) continue ;; esac
        # A heading in lower case, without punctuation, hyphens for spaces: what forges make of it.
        sed -n 's/^#\{1,6\} //p' "$path" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g' |
            grep -qxF -e "${link#*#}" || echo "$file:$number: there is no such heading: $link"
    done
done)
verdict "$complaints"
