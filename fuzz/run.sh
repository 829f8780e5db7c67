#!/bin/sh
# Runs every fuzz target for so many seconds, from the committed corpus, and says in one line each what came of it.
#
#   fuzz/run.sh [SECONDS [TARGET...]]
#   fuzz/run.sh --corpus SECONDS     makes the committed corpus again: seeds, what fuzzing adds, minimised
#
#   CARGO_TARGET_DIR   where cargo builds (target); new inputs and findings are kept in its folder `fuzz`
#   NIGHTLY            the toolchain (nightly); libFuzzer and the sanitizer need one
#   FUZZ_SEED          of the random numbers (1), so that a run can be repeated
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/fuzz
nightly=${NIGHTLY:-nightly}
LARGEST=20480

targets() { sed -n 's|^path = "fuzz_targets/\(.*\)\.rs"|\1|p' "$here/Cargo.toml"; }

rebuild=no
if [ "${1:-}" = --corpus ]; then
    rebuild=yes
    shift
fi
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(targets)

mkdir -p "$work"
if ! (cd "$here" && cargo "+$nightly" fuzz build --target-dir "$work/build") > "$work/build.log" 2>&1; then
    cat "$work/build.log" >&2
    exit 1
fi
bin=$(dirname "$(find "$work/build" -path '*/release/*' -name "$1" -type f | head -n 1)")

findings=0
for target; do
    # What is found stays there until someone looks; what is new serves the next run.
    mkdir -p "$work/new/$target" "$work/findings/$target" "$here/corpus/$target"
    seeds=
    if [ $rebuild = yes ]; then
        rm -rf "$work/seeds"
        "${PYTHON:-python3}" "$here/seed.py" "$work/seeds"
        seeds=$work/seeds/$target
    fi
    log=$work/$target.log
    status=0
    "$bin/$target" -max_total_time="$seconds" -max_len=$LARGEST -seed="${FUZZ_SEED:-1}" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$work/findings/$target/" \
        "$work/new/$target" "$here/corpus/$target" $seeds > "$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $status -eq 0 ]; then
        echo "fuzz $target: ${runs:-0} runs, 0 findings"
    else
        findings=$((findings + 1))
        echo "fuzz $target: ${runs:-0} runs, 1 finding: $(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
        grep -aE -A3 'panicked at|ERROR:' "$log" | head -n 12 || true
    fi
    if [ $rebuild = yes ]; then
        rm -rf "$work/merged"
        mkdir -p "$work/merged"
        # Long inputs cost more than they find: what is committed stays small.
        "$bin/$target" -set_cover_merge=1 -max_len=2048 "$work/merged" "$work/new/$target" "$here/corpus/$target" $seeds \
            > "$work/merge.log" 2>&1
        rm -rf "$here/corpus/$target"
        mv "$work/merged" "$here/corpus/$target"
        echo "corpus $target: $(ls "$here/corpus/$target" | wc -l) inputs"
    fi
done
[ $findings -eq 0 ]
