#!/bin/sh
# Builds a program in C against what bindings/c/build.sh finished: build.sh [PROGRAM [SOURCE...]]
#
#   PROGRAM   where to (build/module-c)
#   SOURCE    the program's own files (module.c and loop.c, beside this)
#   NATS      where it is set, the module takes nats:// too, by libnats
#   CFLAGS, LDLIBS   more for the compiler, before and after
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/${IXT_PROFILE:-release}
program=${1:-$root/build/module-c}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- "$here/module.c" "$here/loop.c" ${NATS:+"$here/nats.c"}
if [ "${NATS:-}" ]; then
    CFLAGS="${CFLAGS:-} -DMODULE_NATS $(pkg-config --cflags libnats)"
    LDLIBS="${LDLIBS:-} $(pkg-config --libs libnats) -pthread"
fi

mkdir -p "$(dirname -- "$program")"
export PKG_CONFIG_PATH="$target"
# The static library by its path, so that the program runs from anywhere.
private=$(pkg-config --libs --static ixt | sed 's/.*-lixt//')
${CC:-cc} -std=c11 -O2 -g -Wall -Wextra -Werror -pedantic ${CFLAGS:-} \
    $(pkg-config --cflags ixt) -I"$here" "$@" -o "$program" "$target/libixt.a" $private ${LDLIBS:-}
