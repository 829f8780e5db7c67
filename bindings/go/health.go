package sdk

import (
	"context"
	"fmt"
	"time"
)

// HealthState says where a module is.
type HealthState uint8

// The values of HealthState.
const (
	HealthIdle       HealthState = 0 // Serve has not been called
	HealthConnecting HealthState = 1 // there is no connection, and one is being made
	HealthServing    HealthState = 2 // connected and announced
	HealthDraining   HealthState = 3 // stopping: what runs may finish
	HealthStopped    HealthState = 4 // Serve has returned
)

var healthNames = [...]string{"idle", "connecting", "serving", "draining", "stopped"}

// String is the state's name.
func (s HealthState) String() string { return name(healthNames[:], uint16(s)) }

// Health is how a module is.
type Health struct {
	State HealthState
	// Since is when the state began.
	Since time.Time
	// Err is why there is no connection, where one was lost or refused.
	Err error
	// Connection is what has passed on the connection; zero without one.
	Connection ConnectionStats
}

// Health is how the module is now.
func (m *Module) Health() Health {
	m.mu.Lock()
	h := Health{State: m.state, Since: m.since, Err: m.err}
	l := m.link
	m.mu.Unlock()
	if l != nil {
		l.mu.Lock()
		h.Connection = l.e.stats()
		l.mu.Unlock()
	}
	return h
}

// Ready waits until the module serves; it fails with the cause of ctx, and where the module has stopped.
func (m *Module) Ready(ctx context.Context) error {
	_, err := m.connection(ctx, nil)
	return err
}

// Ping measures the way to the peer and back.
func (m *Module) Ping(ctx context.Context) (time.Duration, error) {
	l, err := m.connection(ctx, nil)
	if err != nil {
		return 0, err
	}
	return l.ping(ctx)
}

func (m *Module) become(state HealthState, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.become0(state, err)
}

// become0 is become under the lock; it wakes who waits for a connection.
func (m *Module) become0(state HealthState, err error) {
	if m.state != state {
		m.since = m.o.clock.Now()
	}
	m.state, m.err = state, err
	close(m.changed)
	m.changed = make(chan struct{})
}

// connection is the one that lives, and another than the one that is given; it waits for one.
func (m *Module) connection(ctx context.Context, not *link) (*link, error) {
	for {
		m.mu.Lock()
		l, changed, state, err := m.link, m.changed, m.state, m.err
		m.mu.Unlock()
		if l != nil && l != not {
			return l, nil
		}
		if state == HealthStopped || state == HealthDraining {
			if err == nil {
				err = failure(ErrClosed, "module")
			}
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if err != nil {
				return nil, fmt.Errorf("%w: there is no connection: %w", context.Cause(ctx), err)
			}
			return nil, context.Cause(ctx)
		}
	}
}
