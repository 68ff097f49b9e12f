# SPDX-License-Identifier: MIT
#
# Numbers and tables for people: Markdown whose columns are aligned, so that it can be read as it is, too.

# 1234567 -> "1,234,567"
def grouped:
    tostring as $digits
    | if ($digits | length) <= 3 then $digits
      else ($digits[:-3] | grouped) + "," + $digits[-3:] end;

# Nanoseconds or a ratio: three digits that count, no more.
def decimals($count):
    (. * pow(10; $count) | round) as $scaled
    | ($scaled / pow(10; $count) | floor | grouped) as $whole
    | if $count == 0 then $whole
      else ($scaled % pow(10; $count) | tostring) as $rest
      | $whole + "." + ("0" * ($count - ($rest | length)) // "") + $rest end;

def number:
    if . >= 99.5 then decimals(0) elif . >= 9.95 then decimals(1) else decimals(2) end;

# What is judged by a bound is shown more exactly: 1.004 is more than 1.
def judged: if . >= 9.95 then number else decimals(3) end;

# A median, and how far the rounds were apart.
def spread: if . == null then "-" else "\(.median_ns | number) (\(.min_ns | number) to \(.max_ns | number))" end;

def padded($width; $right):
    (" " * ($width - length) // "") as $space
    | if $right then $space + . else . + $space end;

# An array of rows, the first of them the head; the first column is text, the others are figures.
def table:
    . as $rows
    | [range($rows[0] | length) as $column | [$rows[][$column] | length] | max] as $widths
    | def line: "| " + ([to_entries[] | .key as $column | .value | padded($widths[$column]; $column > 0)] | join(" | ")) + " |";
      ($rows[0] | line),
      ("| " + ([$widths | to_entries[] | if .key == 0 then "-" * .value else "-" * (.value - 1) + ":" end] | join(" | ")) + " |"),
      ($rows[1:][] | line);
