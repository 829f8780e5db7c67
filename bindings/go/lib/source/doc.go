// Package lib holds the static library libixt.a that lib/build.sh makes of a checkout. Only the package above it imports
// it, with -tags ixt_source.
package lib
