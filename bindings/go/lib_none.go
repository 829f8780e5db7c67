//go:build !cgo || (!ixt_system && !ixt_source && !((linux || darwin) && (amd64 || arm64)))

package sdk

// A package of its own: where it does not compile, the compiler says nothing of this one.
import _ "github.com/h-dv/ixt/bindings/go/lib/none"
