#!/bin/sh
# Makes what would be uploaded, and checks it as its index does: package.sh FOLDER. `make package` runs it.
#
#   CARGO_TARGET_DIR   where cargo builds (target)
#   PYTHON             the Python that makes the environments (python3)
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$1"
out=$(CDPATH= cd -- "$1" && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
python=${PYTHON:-python3}
cd "$root"

# -- crates: each is built from its own archive, ixt over the archive of ixt-core --------------------------

cargo package --locked --quiet -p ixt-core -p ixt
mkdir -p "$out/crates"
for crate in ixt-core ixt; do
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
# Zig links against the symbols of an old libc, whatever this machine has.
PATH="$tools/bin:$PATH" CARGO_TARGET_DIR="$target/zig" "$tools/bin/python" -m maturin build --release --locked --quiet \
    --zig --compatibility manylinux_2_17 -m $manifest -o "$out/python" > "$out/wheel.log" 2>&1 || {
    cat "$out/wheel.log" >&2
    exit 1
}
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
try() { # name, what to install
    rm -rf "$out/try-$1"
    "$python" -m venv "$out/try-$1"
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
try wheel "$wheel"
echo "wheel: works in an empty environment"
try sdist "$sdist"
echo "sdist: $(basename "$sdist") builds and works in an empty environment"
