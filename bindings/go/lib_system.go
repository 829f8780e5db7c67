//go:build ixt_system

package sdk

// #cgo pkg-config: ixt
import "C"
