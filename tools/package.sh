#!/bin/sh
# Makes what would be uploaded, and checks it as its index does: package.sh FOLDER. `make package` runs it.
#
#   CARGO_TARGET_DIR   where cargo builds (target)
#   PYTHON             the Python that makes the environments (python3)
#   IXT_PYTHONS        further interpreters on which the wheel is tested, by their paths
#   IXT_PYTHON_FREE_THREADED   one without the interpreter's lock: a wheel for it is made and tested too
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$1"
out=$(CDPATH= cd -- "$1" && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
python=${PYTHON:-python3}
cd "$root"

# -- crates: each is built from its own archive, over the archive of ixt-core -------------------------------

cargo package --locked --quiet -p ixt-core -p ixt-host -p ixt-arcp -p ixt-arcp-store -p ixt -p ixt-cli
mkdir -p "$out/crates"
for crate in ixt-core ixt-host ixt-arcp ixt-arcp-store ixt ixt-cli; do
    archive=$(ls -t "$target"/package/$crate-[0-9]*.crate | head -n 1)
    cp "$archive" "$out/crates/"
    echo "crate: $(basename "$archive") builds"
done

# -- wheel and source distribution --------------------------------------------------------------------------

tools=$out/tools
if ! cmp -s tools/requirements-package.txt "$tools/requirements.txt"; then
    "$python" -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r tools/requirements-package.txt
    cp tools/requirements-package.txt "$tools/requirements.txt"
fi
rm -rf "$out/python"
mkdir -p "$out/python"
manifest=bindings/python/Cargo.toml
# Zig links against the symbols of an old libc, whatever this machine has. It would put an unwinder of its own into the
# module, which crashes where the interpreter ends a thread by the system's (bindings/python/src/call.rs): so the
# system's is named. Its symbols are older than this libc.
unwinder=$("${CC:-cc}" -print-file-name=libgcc_s.so.1)
build() { # folder for the wheel, further options of maturin...
    to=$1
    shift
    PATH="$tools/bin:$PATH" CARGO_TARGET_DIR="$target/zig" "$tools/bin/python" -m maturin build --release --locked \
        --quiet --zig --compatibility manylinux_2_17 -m $manifest -o "$to" "$@" -- -C link-arg="$unwinder" \
        > "$out/wheel.log" 2>&1 || {
        cat "$out/wheel.log" >&2
        exit 1
    }
}
build "$out/python"
"$tools/bin/python" -m maturin sdist -m $manifest -o "$out/python" > "$out/sdist.log" 2>&1 || {
    cat "$out/sdist.log" >&2
    exit 1
}
wheel=$(ls "$out"/python/*.whl)
sdist=$(ls "$out"/python/*.tar.gz)
"$tools/bin/twine" check --strict "$wheel" "$sdist" > "$out/twine.log" || { cat "$out/twine.log" >&2 && exit 1; }
"$tools/bin/abi3audit" --strict "$wheel" > "$out/abi3audit.log" 2>&1 || { cat "$out/abi3audit.log" >&2 && exit 1; }
"$tools/bin/auditwheel" show "$wheel" | tr '\n' ' ' | grep -q 'consistent with .*manylinux_2_17' || {
    echo "auditwheel does not find $(basename "$wheel") to be manylinux_2_17" >&2
    exit 1
}
echo "wheel: $(basename "$wheel"): twine, abi3audit and auditwheel have nothing against it"

# Each alone in an empty environment; the source distribution is built there, from what is in it and nothing else.
try() { # name, what to install, with which Python
    rm -rf "$out/try-$1"
    "$3" -m venv "$out/try-$1"
    (cd "$out" && CARGO_TARGET_DIR="$target/sdist" "$out/try-$1/bin/pip" install --quiet --disable-pip-version-check \
        --no-deps "$2")
    (cd "$out" && "$out/try-$1/bin/python" -I - << 'END')
from importlib.metadata import distribution

from ixt_sdk.errors import TruncatedError
from ixt_sdk.invocation import InvocationContext
from ixt_sdk.streaming import StreamFrame, StreamId

frame = StreamFrame.data(StreamId(bytes([7] * 16)), 0, b"hello")
assert StreamFrame.from_bytes(frame.to_bytes(), canonical=True) == frame
assert InvocationContext.from_bytes(b"") == InvocationContext.anonymous()
try:
    StreamFrame.from_bytes(b"")
except TruncatedError:
    pass
else:
    raise AssertionError("no bytes are no frame")
files = {str(file) for file in distribution("ixt-sdk").files or []}
assert any(name.endswith("py.typed") for name in files) and any("LICENSE-MIT" in name for name in files), files
END
}

# Then its own test suite there. Beside the tests stands what they read, and nothing that could be imported in its place.
beside=$out/suite
rm -rf "$beside"
mkdir -p "$beside/bindings/python" "$beside/tests"
cp -R bindings/python/tests bindings/python/README.md bindings/python/pyproject.toml "$beside/bindings/python/"
cp -R tests/vectors tests/traces "$beside/tests/"
cp -R schemas "$beside/"
suite() { # name
    pip="$out/try-$1/bin/pip install --quiet --disable-pip-version-check -c bindings/python/requirements-dev.txt"
    $pip hypothesis mypy opentelemetry-sdk pytest
    # An interpreter without wheels of it skips what is for its users alone.
    $pip --only-binary :all: pycapnp > "$out/suite-$1.log" 2>&1 || true
    (cd "$beside/bindings/python" && "$out/try-$1/bin/python" -m pytest) >> "$out/suite-$1.log" 2>&1 || {
        tail -n 40 "$out/suite-$1.log" >&2
        exit 1
    }
    echo "$1: $("$out/try-$1/bin/python" --version), an empty environment: $(tail -n 1 "$out/suite-$1.log")"
}
try wheel "$wheel" "$python"
suite wheel
for other in ${IXT_PYTHONS:-}; do
    name=wheel-$("$other" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    try "$name" "$wheel" "$other"
    suite "$name"
done
try sdist "$sdist" "$python"
echo "sdist: $(basename "$sdist") builds"
suite sdist

# -- the package arcp, over that wheel ----------------------------------------------------------------------

"$tools/bin/pip" install --quiet --disable-pip-version-check "$(grep '^hatchling' bindings/python/arcp/requirements-dev.txt)"
rm -rf "$out/arcp"
(cd bindings/python/arcp && "$tools/bin/hatchling" build -d "$out/arcp") > "$out/arcp.log" 2>&1 || { cat "$out/arcp.log" >&2 && exit 1; }
"$tools/bin/twine" check --strict "$out"/arcp/* > "$out/twine.log" || { cat "$out/twine.log" >&2 && exit 1; }
for made in "$out"/arcp/*.whl "$out"/arcp/*.tar.gz; do
    rm -rf "$out/try-arcp"
    "$python" -m venv "$out/try-arcp"
    "$out/try-arcp/bin/pip" install --quiet --disable-pip-version-check "$wheel" "$made"
    (cd "$out" && "$out/try-arcp/bin/python" -I -m arcp.examples.submit_and_stream > "$out/arcp-try.log") || {
        cat "$out/arcp-try.log" >&2
        exit 1
    }
    echo "arcp: $(basename "$made"): installed into an empty environment beside the other wheel, and tried"
done
cp "$out"/arcp/* "$out/python/"

# -- free-threaded ------------------------------------------------------------------------------------------

free=${IXT_PYTHON_FREE_THREADED:-}
if [ -z "$free" ]; then
    echo "free-threaded: no wheel made, for IXT_PYTHON_FREE_THREADED names no interpreter"
    exit 0
fi
rm -rf "$out/free-threaded"
mkdir -p "$out/free-threaded"
build "$out/free-threaded" -i "$free"
wheel=$(ls "$out"/free-threaded/*.whl)
"$tools/bin/twine" check --strict "$wheel" > "$out/twine.log" || { cat "$out/twine.log" >&2 && exit 1; }
cp "$wheel" "$out/python/"
echo "wheel: $(basename "$wheel"): twine has nothing against it"
try free-threaded "$wheel" "$free"
"$out/try-free-threaded/bin/python" -c 'import sys, ixt_sdk; sys.exit(sys._is_gil_enabled())' || {
    echo "free-threaded: the module turns the interpreter's lock on" >&2
    exit 1
}
suite free-threaded
