// Package lib does not compile where no static library can be linked. Only the package above it imports it.
package lib
