#!/bin/sh
# SPDX-License-Identifier: MIT
#
# CMake files list their sources, set no flags for everybody, leave warnings and sanitizers to the presets, build for
# the machine's family rather than for the machine, and download nothing. They may ask what the presets chose (MATCHES).
. "${0%/*}/sources.sh"

look_at sources '*CMakeLists.txt' '*.cmake'
bad='file\((GLOB|DOWNLOAD)|set\(CMAKE_C(XX)?_FLAGS|FetchContent|ExternalProject|-m(arch|tune|cpu)=|-W[a-km-z]|-fsanitize'
bad="$bad|(^|[^_[:alpha:]])(add_(compile|link)_options|add_definitions|include_directories|link_libraries)\\("
complaints=$(printf '%s\n' "$looked_at" | xargs grep -HnE "$bad" | grep -vE '^[^:]*:[0-9]+: *#| MATCHES ')
verdict "$complaints"
