//go:build linux && arm64 && !ixt_system && !ixt_source

package lib

/*
#cgo CFLAGS: -I${SRCDIR}
#cgo LDFLAGS: ${SRCDIR}/libixt.a -lgcc_s -lutil -lrt -lpthread -lm -ldl

#if !__has_include("libixt_digest.h")
#error "libixt.a for linux_arm64 is not there: run 'make build' in a checkout of Ixt, or build with '-tags ixt_system' against an installed libixt"
#else
#include "libixt_digest.h"
#endif
*/
import "C"

// Digest is the SHA-256 of the archive. The go command takes notice of a new one by it.
const Digest = C.IXT_ARCHIVE
