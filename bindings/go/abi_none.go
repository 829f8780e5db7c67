//go:build !cgo || (!ixt_system && !((linux || darwin) && (amd64 || arm64)))

package sdk

// This does not compile, so that the name is what the compiler says. Package sdk calls a C library: it
// needs CGO_ENABLED=1 and a C compiler, and on platforms without a library of their own -tags ixt_system. A type,
// in the first file that has one: the compiler says ten things and stops.
type needsCgo ixt_needs_cgo_and_on_this_platform_tags_ixt_system
