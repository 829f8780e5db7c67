#!/bin/sh
# Regenerates everything that is generated: from schemas/*.capnp, from the C library's source and from what uniffi
# exports. The Python stubs are written by hand, and stubtest holds them against the module.
# What it writes is committed; `make check` runs it and demands that nothing differs.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
"$python" schemas/ordinals.py            # refuses a changed ordinal, id or position
cargo run --quiet --package ixt-codegen  # Rust, core/src/wire/generated
IXT_WRITE=1 cargo test --quiet --package ixt-c --test header  # the C header
cp bindings/c/include/ixt.h bindings/go/ixt.h  # its copy in the Go module
cp schemas/*.capnp bindings/python/python/ixt_sdk/schemas/  # for users of pycapnp
bindings/go/capnp/generate.sh            # Go's packages for go-capnp
bindings/uniffi/generate.sh              # Kotlin, Swift, Ruby
