//go:build ixt_source && !ixt_system

package lib

/*
#cgo CFLAGS: -I${SRCDIR}
#cgo LDFLAGS: ${SRCDIR}/libixt.a -lm
#cgo linux LDFLAGS: -lgcc_s -lutil -lrt -lpthread -ldl
#cgo darwin LDFLAGS: -lSystem -liconv

#if !__has_include("libixt_digest.h")
#error "libixt.a is not there: run 'bindings/go/lib/build.sh' in a checkout of Ixt"
#else
#include "libixt_digest.h"
#endif
*/
import "C"

// Digest is the SHA-256 of the archive. The go command takes notice of a new one by it.
const Digest = C.IXT_ARCHIVE
