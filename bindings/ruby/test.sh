#!/bin/sh
# Replays all vectors and traces in Ruby, against the library that is built here.
set -eu
cd "$(dirname "$0")/../.."

tools/toolchain.sh ruby
IXT_LIBRARY=$(bindings/uniffi/library.sh)
export IXT_LIBRARY
for test in bindings/ruby/test/*_test.rb; do
    ruby -Ibindings/ruby/lib "$test"
done
