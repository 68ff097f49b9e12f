#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Shell scripts pass shellcheck and are POSIX shell. (SC2317 takes functions that a trap or another function calls by
# name for unreachable.)
. "${0%/*}/sources.sh"

look_at scripts
complaints=$(printf '%s\n' "$looked_at" | xargs shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC1091,SC2317 2>&1)
verdict "$complaints"
