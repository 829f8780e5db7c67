// Package lib holds the static library libixt.a for darwin on arm64. Only the package above it imports it.
package lib
