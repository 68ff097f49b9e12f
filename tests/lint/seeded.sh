#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A lint test that cannot fail is worth nothing. Each is run here over a small tree with one fault in it, and has to
# fail and say what is wrong.
set -u
lint=$(CDPATH='' cd -- "${0%/*}" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
status=0

# Writes a file of the small tree; printf escapes are understood.
put() { # put FILE TEXT
    mkdir -p "$tree/$(dirname "$1")"
    printf '%b\n' "$2" >"$tree/$1"
}

# Runs a lint test over the tree, expects its complaint, and clears the tree.
expect() { # expect LINT PATTERN
    if said=$("$lint/$1.sh" "$tree" 2>&1); then
        echo "$1.sh did not fail, but should have said: $2"
        status=1
    elif ! printf '%s\n' "$said" | grep -qe "$2"; then
        echo "$1.sh should have said: $2"
        echo "but said: $said"
        status=1
    fi
    rm -rf "${tree:?}"/* "$tree"/.clang-format
}

seed() { # seed LINT PATTERN FILE TEXT
    put "$3" "$4"
    expect "$1" "$2"
}

seed layers 'layer base may not include core/window.h' lib/base/a.c '#include "core/window.h"'
seed layers 'layer shm may not include policy/units.h' lib/shm/a.h '# include "policy/units.h"'
seed layers 'knows nothing of quotas' lib/base/a.c '#include <shmquota.h>'
seed layers 'has no layer extra' lib/extra/a.c '#include <stdio.h>'
seed layers 'belongs to lib/base/atomic.h alone' lib/core/a.c '#include <stdatomic.h>'
seed layers 'belongs to lib/policy/parse.c alone' lib/policy/a.c '#include <ini.h>'
seed layers 'does not depend on <jansson.h>' lib/policy/a.c '#include <jansson.h>'
seed layers 'only <shmquota.h> of the library' tools/a.c '#include "../lib/core/window.h"'
seed layers 'only <shmquota.h> of the library' tests/process/test_a.c '#include <core/window.h>'
seed layers 'as users do' perf/a.c '#include "shmquota.h"'
put lib/core/a.c '#include <urcu-bp.h>'
put lib/core/b.c '#include <urcu/rculfhash.h>'
seed layers 'two files at most' lib/core/c.c '#include <urcu/uatomic.h>'

table='| label | store side |\n|---|---|\n| W1 | x |'
put docs/concurrency.md "$table"
seed labels '(W1) stands at one side only' lib/core/a.c '/* (W1) */'
put docs/concurrency.md "$table\n| W2 | x |"
seed labels 'no code in lib/ carries the label W2' lib/core/a.c '/* (W1) */\n/* (W1) */'
put docs/concurrency.md "$table"
seed labels '(W3) is not in the table' lib/core/a.c '/* (W1) (W3) */\n/* (W1) (W3) */'
seed labels 'is missing' lib/core/a.c '/* nothing */'

cp "$lint/../../.clang-format" "$tree"
seed format 'clang-format-violations' lib/core/a.c 'int  x ;'

seed sizes 'longer than 600 lines' lib/a.c "$(seq 1 601)"
seed sizes '82 lines, more than 80: int f(void)' lib/a.c "int f(void)\n{\n$(seq 1 80)\n}"

seed spdx 'a.c:1: SPDX' lib/a.c 'int x;'
seed spdx 'run:2: SPDX' tools/run '#!/bin/sh\necho'
seed spdx 'what the file is about' lib/a.c '/* SPDX-License-Identifier: MIT */\nint x;'

seed words 'a.c:1:' lib/a.c "/* TO""DO: all */"
seed words 'b.md:2:' docs/b.md "x\nFIX""ME"

seed links 'leads nowhere: missing.md' docs/a.md 'see [there](missing.md)'
seed links 'no such heading: #nowhere' docs/a.md '# Here\nsee [there](#nowhere)'
put docs/b.md '# Its heading'
seed links 'no such heading: b.md#other' docs/a.md 'see [it](b.md#its-heading), [other](b.md#other)'

put lib/CMakeLists.txt 'target_sources(x PRIVATE a.c)\n# b.c'
put lib/a.c ''
seed listed 'lib/b.c: no CMakeLists.txt' lib/b.c ''

# shellcheck disable=SC2016 # not to be expanded here
seed shell 'SC2086' tools/a.sh '#!/bin/sh\nrm $1'
seed shell 'SC3' tools/run '#!/bin/sh\nx=(1 2)'

seed cmake 'GLOB' CMakeLists.txt 'file(GLOB x *.c)'
seed cmake 'march' lib/CMakeLists.txt 'target_compile_options(x PRIVATE -march=native)'
seed cmake 'CMAKE_C_FLAGS' cmake/a.cmake 'set(CMAKE_C_FLAGS "-O3")'
seed cmake 'add_compile_options' CMakeLists.txt '  add_compile_options(-fPIC)'
seed cmake 'sanitize' CMakeLists.txt 'target_compile_options(x PRIVATE -fsanitize=address)'

# With nothing to look at they fail, too.
for name in layers format sizes spdx words links listed shell cmake; do
    expect $name 'nothing was looked at'
done
exit $status
