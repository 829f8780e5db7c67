#!/bin/sh
# The Rust SDK under a scheduler that decides who takes the lock next (sdk/tests/schedules.rs).
#
#   IXT_SCHEDULES   how many schedules of each sort for each scene; 2000 unless set
set -eu
cd "$(dirname "$0")/.."
# Other flags build everything anew, so they have a folder of their own.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/shuttle"
export RUSTFLAGS="${RUSTFLAGS:-} --cfg shuttle"
exec cargo test --quiet --locked --release -p ixt --no-default-features --test schedules -- --show-output --test-threads=1
