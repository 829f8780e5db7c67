//go:build !cgo || (!ixt_system && !ixt_source && !((linux || darwin) && (amd64 || arm64)))

package lib

// The name is what the compiler says. Package sdk calls a C library: it needs CGO_ENABLED=1 and a C compiler,
// and on platforms without a library of their own -tags ixt_system or -tags ixt_source.
var _ = ixt_needs_cgo_and_on_this_platform_tags_ixt_system_or_ixt_source
