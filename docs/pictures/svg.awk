# SPDX-License-Identifier: MIT
#
# Turns a screen that 'tmux capture-pane -p -e' wrote into an SVG. It knows the attributes that our programs use: bold, dim,
# underlined, reversed and the sixteen colours. Every run of one look has its place and its width said, so that columns
# stand under each other whatever font the reader has.
#
#     LC_ALL=C awk -v columns=100 -v title='shmquota top' -f svg.awk SCREEN

BEGIN {
    cell = 8.4; line_height = 19; left = 14; top = 40
    split("#3b4252 #e05561 #8cc265 #d6a84b #61a0e8 #c678dd #56b6c2 #c8ccd4", colours, " ")
    background = "#1e222a"; foreground = "#d7dae0"; dim = "#7f848e"
    reset()
}

function reset() { bold = under = reversed = 0; colour = foreground }

function apply(codes,  n, part, i, code) {
    n = split(codes, part, ";")
    if (n == 0)
        reset()
    for (i = 1; i <= n; i++) {
        code = part[i] + 0
        if (code == 0) reset()
        else if (code == 1) bold = 1
        else if (code == 22) bold = 0
        else if (code == 4) under = 1
        else if (code == 24) under = 0
        else if (code == 7) reversed = 1
        else if (code == 27) reversed = 0
        else if (code >= 30 && code <= 37) colour = colours[code - 29]
        else if (code == 39) colour = foreground
        else if (code == 90) colour = dim
    }
}

# Bytes that go on with a character take no cell.
function cells(text,  i, n) {
    n = 0
    for (i = 1; i <= length(text); i++)
        n += substr(text, i, 1) !~ /[\200-\277]/
    return n
}

function run(text,  width, x, y) {
    width = cells(text)
    if (width == 0)
        return
    x = left + at * cell; y = top + row * line_height
    if (reversed)
        body = body sprintf("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x, y - 14, width * cell, line_height, colour)
    if (text !~ /^ *$/)
        words(text, x, y)
    at += width
}

# Each word at its place: what becomes of several spaces is up to whoever draws.
function words(text, x, y,  word) {
    while (match(text, /[^ ]+( [^ ]+)*/)) {
        word = substr(text, RSTART, RLENGTH)
        x += (RSTART - 1) * cell
        text = substr(text, RSTART + RLENGTH)
        body = body sprintf("<text x=\"%.1f\" y=\"%d\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\" fill=\"%s\"%s%s>%s</text>\n", \
            x, y, cells(word) * cell, reversed ? background : colour, bold ? " font-weight=\"bold\"" : "", \
            under ? " text-decoration=\"underline\"" : "", escaped(word))
        x += cells(word) * cell
    }
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
    return text
}

{
    rest = $0
    at = 0
    while (match(rest, /\033\[[0-9;]*m/)) {
        text = substr(rest, 1, RSTART - 1)
        codes = substr(rest, RSTART + 2, RLENGTH - 3)
        rest = substr(rest, RSTART + RLENGTH)
        run(text)
        apply(codes)
    }
    run(rest)
    row++
}

END {
    width = 2 * left + columns * cell; height = top + row * line_height
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"ui-monospace,Menlo,'DejaVu Sans Mono',monospace\" font-size=\"14\">\n", width, height, width, height
    printf "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"%s\"/>\n%s</svg>\n", title, background, body
}
