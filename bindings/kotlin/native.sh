#!/bin/sh
# Builds the native library and puts it where the jar has it: native.sh DIRECTORY
set -eu
cd "$(dirname "$0")/../.."
out=$1

cargo build --quiet --release --locked -p ixt-kotlin
library=$(cargo metadata --format-version 1 --no-deps --locked --offline |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/libixt_kotlin

# JNA's name of this platform is the folder in which it looks.
case $(uname -m) in
x86_64 | amd64) machine=x86-64 ;;
aarch64 | arm64) machine=aarch64 ;;
*) machine=$(uname -m) ;;
esac
case $(uname -s) in
Darwin) platform=darwin-$machine suffix=dylib ;;
*) platform=linux-$machine suffix=so ;;
esac
mkdir -p "$out/resources/$platform"
cmp -s "$library.$suffix" "$out/resources/$platform/libixt_kotlin.$suffix" ||
    cp "$library.$suffix" "$out/resources/$platform/"
