package sdk

import "time"

// Clock is the time that a module lives by. The usual one is the machine's; a test has one that it moves by
// hand (package sdktest).
type Clock interface {
	// Now is the time. It never goes back.
	Now() time.Time
	// AfterFunc calls f, in a goroutine of its own, when so long has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is what [Clock.AfterFunc] gives: a *time.Timer does.
type Timer interface {
	// Stop prevents the call; false where it has been made, or was stopped before.
	Stop() bool
	// Reset makes the call when so long has passed from now.
	Reset(d time.Duration) bool
}

// wallClock is the machine's, read once and moved on by the monotonic clock.
type wallClock struct{ start time.Time }

func newWallClock() Clock { return &wallClock{time.Now()} }

func (c *wallClock) Now() time.Time { return c.start.Add(time.Since(c.start)) }

func (c *wallClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
