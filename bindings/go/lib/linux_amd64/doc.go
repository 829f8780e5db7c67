// Package lib holds the static library libixt.a for linux on amd64. Only the package above it imports it.
package lib
