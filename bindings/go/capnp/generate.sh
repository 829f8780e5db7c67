#!/bin/sh
# Makes the packages module and stream again from schemas/*.capnp.
#
# The schemas carry no Go annotations, so they are added to a temporary copy. Needs `capnp` on the PATH;
# the generator is the one that go.mod pins.
set -eu
cd "$(dirname "$0")"
schemas=../../../schemas
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v capnp >/dev/null || { echo "generate.sh: capnp is not on the PATH (Debian: apt install capnproto)" >&2; exit 1; }
go build -o "$work/capnpc-go" capnproto.org/go/capnp/v3/capnpc-go
std=$(go list -m -f '{{.Dir}}' capnproto.org/go/capnp/v3)/std

# name of the schema, name of the package
generate() {
	{
		cat "$schemas/$1.capnp"
		printf '\nusing Go = import "/go.capnp";\n$Go.package("%s");\n$Go.import("github.com/h-dv/ixt/bindings/go/capnp/%s");\n' "$2" "$2"
	} >"$work/$1.capnp"
	mkdir -p "$2"
	(cd "$work" && capnp compile -I "$std" -o- "$1.capnp" | ./capnpc-go -promises=false)
	mv "$work/$1.capnp.go" "$2/$1.capnp.go"
	gofmt -w "$2/$1.capnp.go"
}

generate module module
generate ipc_streaming stream
