#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The include rule. A layer of lib/ includes itself and the layers before it: base, shm, core, policy; lib/shmquota.c
# includes all. A third-party header lives in one file of lib/ (liburcu in two). Whoever uses the library includes
# <shmquota.h> and nothing else of it.
. "${0%/*}/sources.sh"

look_at sources '*.c' '*.h' '*.cpp'
# shellcheck disable=SC2086 # names of the project have no spaces
complaints=$(awk '
function complain(what) {
    print FILENAME ":" FNR ": " what
}

BEGIN {
    rank["base"] = 1; rank["shm"] = 2; rank["core"] = 3; rank["policy"] = 4
    home["ini.h"] = "lib/policy/parse.c"
    home["stdatomic.h"] = "lib/base/atomic.h"
    home["sys/sdt.h"] = "lib/base/probe.h"
}

FNR == 1 {
    parts = split(FILENAME, part, "/")
    in_lib = part[1] == "lib"
    layer = in_lib && parts > 2 ? part[2] : ""
    if (layer != "" && !(layer in rank))
        complain("lib/ has no layer " layer)
    outside = FILENAME ~ /^(tools|perf|docs\/examples|tests\/(process|api|support))\//
}

!/^[ \t]*#[ \t]*include[ \t]*[<"]/ { next }

{
    header = $0
    sub(/^[^<"]*/, "", header)
    quoted = substr(header, 1, 1) == "\""
    sub(/^[<"]/, "", header)
    sub(/[>"].*/, "", header)
    folder = header
    if (!sub(/\/.*/, "", folder))
        folder = ""
    internal = folder in rank
}

in_lib {
    if (layer == "base" && header == "shmquota.h")
        complain("layer base knows nothing of quotas, so it does not include shmquota.h")
    if (layer in rank && internal && rank[folder] > rank[layer])
        complain("layer " layer " may not include " header ": " folder " comes after it")
    if (quoted && folder != "" && !internal)
        complain(header " is in no layer of lib/")
    if (header in home && home[header] != FILENAME)
        complain("<" header "> belongs to " home[header] " alone")
    if (header ~ /^urcu([.-]|\/)/ && !(FILENAME in urcu)) {
        urcu[FILENAME]
        if (++urcu_files > 2)
            complain("<" header ">: liburcu belongs to two files at most")
    }
    if (header ~ /^(jansson|microhttpd)[.]h$|^criterion\//)
        complain("the library does not depend on <" header ">")
}

outside {
    if (internal || header ~ /(^|\/)lib\//)
        complain("only <shmquota.h> of the library may be included here, not " header)
    if (quoted && header ~ /(^|\/)shmquota[.]h$/)
        complain("write <shmquota.h>, as users do")
}
' $looked_at)
verdict "$complaints"
