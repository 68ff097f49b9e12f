# SPDX-License-Identifier: MIT
#
# gnuplot -c bars.gp DATA OUT TITLE ROW_HEIGHT: horizontal bars over a logarithmic scale, with the range of all rounds.

data = ARG1
set datafile separator "\t"
stats data using 1 nooutput
rows = ceil(STATS_max + 0.5)

set terminal svg size 980, 110 + rows * ARG4 font "sans-serif,13" background "#ffffff" noenhanced
set output ARG2
set title ARG3 font "sans-serif,15"
set logscale x
set xrange [3 : 3e7]
set yrange [rows - 0.4 : -0.6]
set xtics textcolor "#303030" ("10 ns" 10, "100 ns" 100, "1 us" 1e3, "10 us" 1e4, "100 us" 1e5, "1 ms" 1e6)
set mxtics 10
set ytics scale 0 textcolor "#000000"
set grid xtics linecolor "#d8d8d8" linetype 1
set border 1 linecolor "#888888"
unset key
set xlabel "median time of one count; the whisker is the range of all rounds" textcolor "#303030"

plot data using 3:1:(3):3:($1 - $2):($1 + $2):6:ytic(7) with boxxyerror fillstyle solid noborder linecolor rgb variable, \
     data using 3:1:4:5 with xerrorbars pointtype -1 linecolor "#404040" linewidth 1, \
     data using ($5 * 1.15):1:8 with labels left font "sans-serif,12"
