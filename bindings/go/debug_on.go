//go:build ixtdebug

package sdk

import "runtime"

// stress collects garbage whenever a handle is about to be used, so that what is freed too early shows.
func stress() {
	runtime.GC()
	runtime.Gosched() // to those who clean up
}
