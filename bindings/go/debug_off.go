//go:build !ixtdebug

package sdk

// stress is called whenever a handle is about to be used.
func stress() {}
