package ixtnats

import (
	"time"

	"github.com/nats-io/nats.go"

	sdk "github.com/h-dv/ixt/bindings/go"
)

const (
	// mostSubjects is how many subjects are kept as texts.
	mostSubjects = 1024
	// helloTime is how long the hello of a caller may take that comes too late.
	helloTime = 50 * time.Millisecond
)

// carry is the carrier: it makes subscriptions and publishes, until the pipe has ended. It makes the calls of the client
// that may wait, for a server that does not read; what leaves meanwhile waits in the node.
func (p *pipe) carry() {
	defer close(p.carried)
	listening := map[string]*nats.Subscription{}
	for range p.work {
		for p.carryOnce(listening) {
		}
		if p.isLeft() {
			break
		}
	}
	p.leave(listening)
}

// carryOnce does what there is to do, and says whether there may be more.
func (p *pipe) carryOnce(listening map[string]*nats.Subscription) bool {
	p.mu.Lock()
	var changes []sdk.NodeSubscription
	if p.listens {
		p.listens = false
		for change, ok := p.node.PollSubscription(); ok; change, ok = p.node.PollSubscription() {
			changes = append(changes, change)
		}
	}
	count := 0
	if !p.busy {
		count = p.count
		p.busy = count > 0
	}
	p.mu.Unlock()
	if len(changes) > 0 && p.subscribe(listening, changes) {
		p.do(p.node.Subscribed)
	}
	if count > 0 {
		p.publish(count)
		p.do(func() { p.busy, p.count = false, 0 })
	}
	return count > 0 || len(changes) > 0
}

// publish hands the node's messages to the client. Who calls it has said that he is busy, and does not hold the lock.
func (p *pipe) publish(count int) {
	for i := range count {
		subject, reply, payload := p.node.Message(i)
		known, ok := p.subjects[string(subject)]
		if !ok {
			if len(p.subjects) == mostSubjects {
				clear(p.subjects)
			}
			known = string(subject)
			p.subjects[known] = known
		}
		// One that cannot be published is missed by its reader.
		if len(reply) > 0 {
			_ = p.nc.PublishRequest(known, string(reply), payload)
		} else {
			_ = p.nc.Publish(known, payload)
		}
	}
}

// subscribe makes subscriptions, and says whether the server has taken them.
func (p *pipe) subscribe(listening map[string]*nats.Subscription, changes []sdk.NodeSubscription) bool {
	for _, change := range changes {
		switch {
		case !change.IsWanted:
			if subscription := listening[change.Subject]; subscription != nil {
				// What is on its way still arrives.
				_ = subscription.Drain()
				delete(listening, change.Subject)
			}
		case change.IsShared:
			listening[change.Subject], _ = p.nc.ChanQueueSubscribe(change.Subject, sdk.NodeQueue, p.came)
		default:
			listening[change.Subject], _ = p.nc.ChanSubscribe(change.Subject, p.came)
		}
	}
	// A client that is not connected subscribes when it is again.
	for p.nc.FlushTimeout(lease) != nil {
		if p.isLeft() {
			return false
		}
		time.Sleep(reconnectWait)
	}
	// The server's refusal of a subscription stands before its answer, but is told by another goroutine.
	if err := p.nc.LastError(); err != nil {
		p.do(func() { p.node.ServerError(err.Error()) })
	}
	return true
}

// isLeft says that there is nobody to carry for, or nobody who carries.
func (p *pipe) isLeft() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed || p.lost
}

// leave ends the client, once the others have been told.
func (p *pipe) leave(listening map[string]*nats.Subscription) {
	if p.isUp() {
		p.refuse(listening)
		p.do(p.node.LocalEnded)
		p.refuse(listening)
		_ = p.nc.FlushTimeout(closeTime)
	}
	p.nc.Close()
}

// refuse sees to new streams that the server has sent before it knew that they are not wanted any more: nobody else has
// them. A caller that is not known yet says hello before it is answered, so it ends when nothing comes any more.
func (p *pipe) refuse(listening map[string]*nats.Subscription) {
	for late := time.Now().Add(closeTime / 4); ; {
		for p.carryOnce(listening) {
		}
		taken, busy := p.lastTaken()
		quiet := helloTime - time.Since(taken)
		if (quiet <= 0 && !busy && len(p.came) == 0) || time.Now().After(late) {
			return
		}
		select {
		case message := <-p.came:
			p.take(message)
		case <-time.After(max(quiet, time.Millisecond)):
		}
		p.do(func() {}) // of what the reader took as well
	}
}

// lastTaken is when something of the server was taken in, and whether a write publishes just now.
func (p *pipe) lastTaken() (at time.Time, busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken, p.busy
}

func (p *pipe) isUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}
