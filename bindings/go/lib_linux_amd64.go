//go:build !ixt_system && !ixt_source

package sdk

// The static library for this platform.
import _ "github.com/h-dv/ixt/bindings/go/lib/linux_amd64"
