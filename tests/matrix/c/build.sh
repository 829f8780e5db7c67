#!/bin/sh
# Builds C's program of the matrix: build.sh [PROGRAM]; its loop and its way to NATS
# are those of the module in C, its TLS is OpenSSL's.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
module=$here/../../../examples/module/c
CFLAGS="${CFLAGS:-} $(pkg-config --cflags openssl libnats)" LDLIBS="$(pkg-config --libs openssl libnats) -pthread" \
    exec "$module/build.sh" "${1:-$here/../../../build/matrix-c}" "$here/main.c" "$here/tls.c" "$module/nats.c" "$module/loop.c"
