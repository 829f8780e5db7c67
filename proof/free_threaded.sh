#!/bin/sh
# The Python SDK's tests of threads on an interpreter without its lock: free_threaded.sh INTERPRETER
# CPython 3.14 or later: PyO3 supports none before.
set -eu
cd "$(dirname "$0")/.."
interpreter=$1
"$interpreter" -c 'import sys; sys.exit(sys._is_gil_enabled())' || {
    echo "free_threaded.sh: $interpreter is not free-threaded" >&2
    exit 1
}
build=$PWD/build/free-threaded
rm -rf "$build"
"$interpreter" -m venv "$build"
"$build/bin/python" -m pip install --quiet --disable-pip-version-check pytest maturin
"$build/bin/python" -m maturin build --release --locked --quiet -m bindings/python/Cargo.toml \
    -i "$build/bin/python" -o "$build/wheels"
"$build/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$build"/wheels/*.whl
cd bindings/python
# Loading the module must not have turned the lock on again.
"$build/bin/python" -c 'import sys, ixt_sdk; sys.exit(sys._is_gil_enabled())' || {
    echo "free_threaded.sh: the module turns the interpreter's lock on" >&2
    exit 1
}
IXT_STRESS="${IXT_STRESS:-20}" "$build/bin/python" -m pytest tests/test_stress.py tests/test_process.py \
    tests/test_streams.py
