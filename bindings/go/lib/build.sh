#!/bin/sh
# Builds the C library of this checkout and puts it where -tags ixt_source looks. So a program can be built for
# platforms that have no folder here; it needs Rust, and binutils for the platform.
#
#   lib/build.sh [TARGET]    a target triple of Rust, this machine's by default; as for bindings/c/build.sh,
#                            CARGO_TARGET_DIR, LD, OBJCOPY, STRIP, NM and AR
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../../.." && pwd)
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
(cd "$root" && cargo build --release --locked --quiet -p ixt-c ${1:+--target "$1"})
export IXT_PROFILE="${1:+$1/}release"
"$root/bindings/c/build.sh"
"$here/place.sh" "$CARGO_TARGET_DIR/$IXT_PROFILE/libixt.a" source
