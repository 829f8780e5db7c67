//go:build ixt_source && !ixt_system

package sdk

// The static library that lib/build.sh made of the checkout, for whichever platform.
import _ "github.com/h-dv/ixt/bindings/go/lib/source"
