#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Shell scripts pass shellcheck and are POSIX shell.
. "${0%/*}/sources.sh"

look_at scripts
complaints=$(printf '%s\n' "$looked_at" | xargs shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC1091 2>&1)
verdict "$complaints"
