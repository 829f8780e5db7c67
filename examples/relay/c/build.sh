#!/bin/sh
# Builds the C hop against what bindings/c/build.sh finished: build.sh [PROGRAM]
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/${IXT_PROFILE:-release}
program=${1:-$root/build/relay-c}

mkdir -p "$(dirname -- "$program")"
export PKG_CONFIG_PATH="$target"
# The static library by its path, so that the program runs from anywhere.
private=$(pkg-config --libs --static ixt | sed 's/.*-lixt//')
${CC:-cc} -std=c11 -O2 -g -Wall -Wextra -Werror -pedantic -D_POSIX_C_SOURCE=200809L ${CFLAGS:-} \
    $(pkg-config --cflags ixt) "$here/relay.c" -o "$program" "$target/libixt.a" $private
