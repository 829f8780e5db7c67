#!/bin/sh
# Everything that tests the Go SDK. Needs the C library in place: lib/place.sh.
#
#   IXT_RELEASE   the folder with ixt.pc and libixt.so, to test -tags ixt_system too (cargo's release folder)
set -eu
cd "$(dirname "$0")"
release=${IXT_RELEASE:-${CARGO_TARGET_DIR:-$PWD/../../target}/release}
if [ -f "$release/ixt.pc" ]; then
    export IXT_RELEASE="$release"
fi
run() {
    echo "== $*"
    "$@"
}
run go test -count=1 -v -run '^TestReplay$' .
run go test -count=1 ./...
run go test -count=1 -short -race . ./sdktest
# The library as who has a checkout builds it.
run lib/build.sh
run go test -count=1 -run '^TestReplay$' -tags ixt_source .
run env GODEBUG=cgocheck=1 go test -count=1 -short -tags ixtdebug . ./sdktest
(cd capnp && run go test -count=1 ./...)
(cd ixtotel && run go test -count=1 ./...)
# With a real server: NATS_SERVER, or what `make nats` built.
(cd ixtnats && run go test -count=1 -race ./...)
