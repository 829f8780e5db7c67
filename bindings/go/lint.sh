#!/bin/sh
# gofmt, go mod tidy, go vet and staticcheck for every Go module of the repository; every finding is an error.
set -eu
cd "$(dirname "$0")"
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
for module in . capnp ixtotel ixtnats ../../examples/relay/go ../../examples/system/go ../../benches/go ../../benches/rpc/go ../../tests/matrix/go ../../tests/survival/go ../../tests/differential/go; do
    [ -f "$module/go.mod" ] || continue
    (
        cd "$module"
        unformatted=$(gofmt -l .)
        if [ -n "$unformatted" ]; then
            printf 'not formatted:\n%s\n' "$unformatted" >&2
            exit 1
        fi
        go mod tidy -diff
        go vet ./...
        go run "$staticcheck" ./...
    )
done
go vet -tags ixtdebug ./...
