#!/bin/sh
# Replays all vectors and traces in Ruby, against the library that is built here.
set -eu
cd "$(dirname "$0")/../.."

tools/toolchain.sh ruby
cargo build --quiet --release --locked -p ixt-uniffi
target=$(cargo metadata --format-version 1 --no-deps --locked --offline |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
case $(uname -s) in
Darwin) suffix=dylib ;;
*) suffix=so ;;
esac
export IXT_LIBRARY="$target/release/libixt_uniffi.$suffix"
for test in bindings/ruby/test/*_test.rb; do
    ruby -Ibindings/ruby/lib "$test"
done
