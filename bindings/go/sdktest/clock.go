package sdktest

import (
	"sync"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// Clock is a time that stands still until it is advanced. It is what modules of a [Host] live by.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*timer]struct{}
	order  uint64
}

type timer struct {
	clock *Clock
	at    time.Time
	order uint64
	f     func()
}

func newClock() *Clock {
	return &Clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), timers: map[*timer]struct{}{}}
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc calls f when the clock has been advanced so far. What is due at once is called at once, in a
// goroutine of its own.
func (c *Clock) AfterFunc(d time.Duration, f func()) sdk.Timer {
	t := &timer{clock: c, f: f}
	t.Reset(d)
	return t
}

func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	_, waits := t.clock.timers[t]
	delete(t.clock.timers, t)
	return waits
}

func (t *timer) Reset(d time.Duration) bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	_, waited := c.timers[t]
	if d <= 0 {
		delete(c.timers, t)
		go t.f()
		return waited
	}
	c.order++
	t.at, t.order = c.now.Add(d), c.order
	c.timers[t] = struct{}{}
	return waited
}

// step moves the time to the next timer, but not past a time, and gives what is due; nil when the time has come.
func (c *Clock) step(until time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var next *timer
	for t := range c.timers {
		if next == nil || t.at.Before(next.at) || t.at.Equal(next.at) && t.order < next.order {
			next = t
		}
	}
	if next == nil || next.at.After(until) {
		c.now = until
		return nil
	}
	delete(c.timers, next)
	c.now = next.at
	return next.f
}
