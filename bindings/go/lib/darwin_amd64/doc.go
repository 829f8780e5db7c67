// Package lib holds the static library libixt.a for darwin on amd64. Only the package above it imports it.
package lib
