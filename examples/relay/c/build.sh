#!/bin/sh
# Builds the C hop: build.sh [PROGRAM]; its loop is the one of the module in C.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
module=$here/../../module/c
exec "$module/build.sh" "${1:-$here/../../../build/relay-c}" "$here/relay.c" "$module/loop.c"
