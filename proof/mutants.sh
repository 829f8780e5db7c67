#!/bin/sh
# Plants faults in the core, one at a time, and lists those that no test sees: mutants.sh FOLDER [PART...]
#
# Each part is tested by what is nearest to it and quickest, not by all tests, so that a mutant takes seconds. What
# survives here is looked at in docs/mutants.md.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
out=$1
shift
[ $# -gt 0 ] || set -- flow wire codec
mkdir -p "$out"
out=$(CDPATH= cd -- "$out" && pwd)
cd "$root"
# It builds in a copy of its own; without debug information that is quicker. A property that fails need not be
# made small.
unset CARGO_TARGET_DIR
export PROPTEST_MAX_SHRINK_ITERS=0
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0

part() { # name, timeout of a test run, globs..., --, arguments of cargo test
    name=$1 timeout=$2
    shift 2
    files=
    while [ "$1" != -- ]; do
        files="$files -f $1"
        shift
    done
    shift
    status=0
    # 2 says that some were missed, 3 that some ran into the timeout, which is a test that saw them too.
    (
        set -f
        cargo mutants --no-shuffle -o "$out/$name" -p ixt-core --all-features $files -e 'core/src/wire/generated/*' \
            --timeout "$timeout" -- --locked --lib "$@"
    ) > "$out/$name.log" 2>&1 || status=$?
    case $status in 0 | 2 | 3) ;; *) cat "$out/$name.log" >&2 && exit 1 ;; esac
    count() { wc -l < "$out/$name/mutants.out/$1.txt" | tr -d ' '; }
    echo "mutants $name: $(count caught) caught, $(count timeout) timed out, $(count missed) missed, $(count unviable) do not compile"
    sed 's/^/  missed /' "$out/$name/mutants.out/missed.txt"
}

for name; do
    case $name in
    flow) part flow 30 'core/src/flow/*.rs' -- --test flow --test flow_model --test traces ;;
    wire) part wire 60 'core/src/wire/*.rs' -- --test places --test canonical --test flow --test traces --test vectors ;;
    codec)
        part codec 60 core/src/stream/data.rs core/src/stream/codec.rs core/src/invocation/codec.rs -- \
            --test places --test canonical --test context --test vectors
        ;;
    *) echo "no part $name" >&2 && exit 2 ;;
    esac
done
