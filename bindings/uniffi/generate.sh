#!/bin/sh
# Generates the Kotlin, Swift and Ruby sources from the built libraries. What it writes is committed.
set -eu
cd "$(dirname "$0")/../.."

# Apart, so that Kotlin's library has no more of it than Kotlin uses.
cargo build --quiet --release --locked -p ixt-kotlin
library=$(bindings/uniffi/library.sh)
release=$(dirname "$library") suffix=${library##*.}
cargo build --quiet --locked -p ixt-bindgen

# generate LANGUAGE LIBRARY DIRECTORY; the generator leaves blanks at the ends of lines
generate() {
    mkdir -p "$3"
    "${release%/*}/debug/ixt-bindgen" "$1" "$release/lib$2.$suffix" "$3"
    find "$3" -type f -exec sed -i.bak -e 's/[[:blank:]]*$//' {} +
    find "$3" -name '*.bak' -exec rm {} +
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

generate kotlin ixt_kotlin "$work/kotlin"
rm -rf bindings/kotlin/src/generated
mkdir -p bindings/kotlin/src/generated
cp -R "$work/kotlin" bindings/kotlin/src/generated/

generate swift ixt_uniffi "$work/swift"
cp "$work/swift/Ixt.swift" bindings/swift/Sources/Ixt/
cp "$work/swift/IxtFFI.h" bindings/swift/Sources/IxtFFI/

generate ruby ixt_uniffi "$work/ruby"
# uniffi 0.32.2 reads an unsigned byte as a signed one; the vectors have trace flags above 127. No signed byte crosses.
sed "s/unpack_from 1, 'c'/unpack_from 1, 'C'/" "$work/ruby/ixt.rb" >bindings/ruby/lib/ixt/generated.rb
