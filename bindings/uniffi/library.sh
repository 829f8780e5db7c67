#!/bin/sh
# Builds the library that Swift and Ruby load, and says where it is.
set -eu
cd "$(dirname "$0")/../.."

cargo rustc --quiet --release --locked -p ixt-uniffi --crate-type cdylib >&2
target=$(cargo metadata --format-version 1 --no-deps --locked --offline |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
case $(uname -s) in
Darwin) suffix=dylib ;;
*) suffix=so ;;
esac
echo "$target/release/libixt_uniffi.$suffix"
