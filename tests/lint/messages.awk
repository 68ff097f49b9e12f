# SPDX-License-Identifier: MIT
#
# Prints the format of each call of fail(CODE, ADVICE, FORMAT, ...) in C files, one per line: adjacent literals joined,
# those of a choice apart. Formats that are no literal print nothing: their texts stand elsewhere.

function finish_call() {
    if (format != "")
        print format
    inside = 0
}

# One call is scanned character by character; strings and commas of its own level are all that counts.
function scan(line,  i, c) {
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (quoted && c == "\\") {
            if (argument == 3)
                format = format substr(line, i, 2)
            i++
        } else if (c == "\"") {
            quoted = !quoted
        } else if (quoted) {
            if (argument == 3)
                format = format c
        } else if (argument == 3 && c ~ /[?:]/ && format != "") {
            format = format "\n"
        } else if (c == "(") {
            depth++
        } else if (c == ")" && --depth == 0) {
            finish_call()
            return substr(line, i + 1)
        } else if (c == "," && depth == 1) {
            argument++
        }
    }
    return ""
}

{
    line = $0
    if (line ~ /^ *\*|^\/\*/)
        next
    while (inside || match(line, /(^|[^a-z_])fail\(/)) {
        if (!inside) {
            line = substr(line, RSTART + RLENGTH - 1)
            inside = argument = 1
            depth = quoted = 0
            format = ""
        }
        line = scan(line)
        if (inside)
            next
    }
}
