package ixtnats

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// pipe is the byte stream of a module that has no host: a node, and a client that carries its messages.
//
// Whoever reads from it hands the node what came, so that a message wakes one goroutine alone. A goroutine of its own,
// the carrier, makes every call of the client that may wait. Under the lock nobody waits: so writing never does, and
// what the server does not take stays in the node, which bounds it.
type pipe struct {
	sockets *sockets
	// came is what the server has sent, of all subscriptions, in order.
	came chan *nats.Msg
	// news wakes the reader, work the carrier.
	news, work chan struct{}
	// carried is closed when the carrier has ended.
	carried chan struct{}

	mu   sync.Mutex
	nc   *nats.Conn
	node *sdk.Node
	// unread is what a write or the time has made for the module, in spare.
	unread, spare []byte
	// count is how many of the node's messages are to be published; busy says that somebody is about it, who alone uses
	// subjects.
	count    int
	busy     bool
	subjects map[string]string
	// listens says that there are subscriptions to make.
	listens bool
	// up says that the client is connected.
	up bool
	// timer fires at wake; zero for never.
	timer *time.Timer
	wake  time.Time
	// taken is when something of the server was taken in.
	taken time.Time
	// patience ends the pipe of a client that does not connect again.
	patience *time.Timer
	// over says that nothing more comes for the module, lost that the client is given up, closed that the module has
	// closed its end.
	over, lost, closed bool
}

const (
	// mostCame is how many messages may wait: at a million a second, those of 60 ms. More are dropped, which the node
	// finds by their numbers.
	mostCame = 1 << 16
	// mostTaken is how many messages are handed over before the module reads again.
	mostTaken = 64
	// quickSize is how much a write may bring that is published at once: far less than the client writes by itself.
	quickSize = 4 << 10
	// spareSize is for what writes make for the module: mostly nothing.
	spareSize = 4 << 10
	// closeTime is how long the last words may take.
	closeTime = time.Second
)

func newPipe(sockets *sockets) *pipe {
	return &pipe{
		sockets: sockets, came: make(chan *nats.Msg, mostCame), news: make(chan struct{}, 1),
		work: make(chan struct{}, 1), carried: make(chan struct{}), spare: make([]byte, spareSize),
		subjects: map[string]string{},
	}
}

// hear has the client tell the pipe how it is, and whoever else wanted to be told.
func (p *pipe) hear(o *nats.Options) {
	onError, onDown, onUp, onClosed := o.AsyncErrorCB, o.DisconnectedErrCB, o.ReconnectedCB, o.ClosedCB
	o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		p.do(func() { p.node.ServerError(err.Error()) })
		if onError != nil {
			onError(nc, sub, err)
		}
	}
	o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		p.do(p.disconnected)
		if onDown != nil {
			onDown(nc, err)
		}
	}
	o.ReconnectedCB = func(nc *nats.Conn) {
		p.do(p.reconnected)
		if onUp != nil {
			onUp(nc)
		}
	}
	o.ClosedCB = func(nc *nats.Conn) {
		p.do(p.lose)
		if onClosed != nil {
			onClosed(nc)
		}
	}
}

// begin has a client that is connected carry for a node.
func (p *pipe) begin(nc *nats.Conn) error {
	node, err := sdk.NewNode(int(nc.MaxPayload()))
	if err != nil {
		return err
	}
	p.sockets.didConnect()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nc, p.node, p.up = nc, node, true
	go p.carry()
	if !nc.IsConnected() { // what it told of that came before there was a node
		p.disconnected()
	}
	return nil
}

// do is for what happens beside reading and writing: something is done to the node, and the rest follows.
func (p *pipe) do(what func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node == nil {
		return
	}
	what()
	p.settle()
	p.hand()
}

// disconnected waits for the client to connect again, for as long as others wait for this node.
func (p *pipe) disconnected() {
	if p.up && !p.closed {
		p.up = false
		p.patience = time.AfterFunc(lease, func() { p.do(p.lose) })
	}
}

func (p *pipe) reconnected() {
	p.up = true
	if p.patience != nil {
		p.patience.Stop()
	}
}

// end has nothing more come for the module.
func (p *pipe) end() {
	p.over = true
	poke(p.news)
}

// lose gives the client up: the module connects anew.
func (p *pipe) lose() {
	p.lost = true
	p.end()
	poke(p.work)
}

func poke(who chan struct{}) {
	select {
	case who <- struct{}{}:
	default:
	}
}

// drain takes what the node has: into b what the module is to read; what is to be published, unless somebody is about
// that already, or cannot. It gives how much there is to read.
func (p *pipe) drain(b []byte) int {
	out := p.node.Drain(b, p.count == 0 && p.up)
	p.count += out.Messages
	p.listens = out.HasSubscription
	if !out.Timeout.IsZero() && (p.wake.IsZero() || out.Timeout.Before(p.wake)) && !p.closed {
		p.wake = out.Timeout
		if p.timer == nil {
			p.timer = time.AfterFunc(time.Until(p.wake), p.tick)
		} else {
			p.timer.Reset(time.Until(p.wake))
		}
	}
	if out.HasEnded && out.Local == 0 && len(b) > 0 {
		p.end()
	}
	return out.Local
}

// hand has the carrier do what there is to do.
func (p *pipe) hand() {
	if p.listens || (p.count > 0 && !p.busy) {
		poke(p.work)
	}
}

// settle follows everything that is done to the node but by the reader, who then reads what there is for it.
func (p *pipe) settle() {
	if len(p.unread) > 0 {
		p.drain(nil)
		return
	}
	p.unread = p.spare[:p.drain(p.spare)]
	if len(p.unread) > 0 {
		poke(p.news)
	}
}

func (p *pipe) tick() {
	p.do(func() {
		p.wake = time.Time{}
		p.node.HandleTimeout()
	})
}

// Read gives what the module is to read. The module always reads: what comes of the server is taken in here.
func (p *pipe) Read(b []byte) (int, error) {
	for {
		n, err := p.read(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case message := <-p.came:
			p.take(message)
		case <-p.news:
		}
	}
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	if len(p.unread) > 0 {
		n := copy(b, p.unread)
		p.unread = p.unread[n:]
		return n, nil
	}
	n := p.drain(b)
	p.hand()
	if n == 0 && p.over {
		return 0, io.EOF
	}
	return n, nil
}

// take hands over what came, and what came meanwhile.
func (p *pipe) take(message *nats.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = time.Now()
	for taken := 1; ; taken++ {
		if len(message.Data) == 0 && message.Header != nil && message.Header.Get("Status") == "503" {
			p.node.NoResponders(message.Subject)
		} else {
			p.node.Receive(message.Subject, message.Data)
		}
		if taken == mostTaken {
			return
		}
		select {
		case message = <-p.came:
		default:
			return
		}
	}
}

// Write hands over what the module wrote. It does not wait: what it leads to is published here, which wakes nobody, only
// where the client takes it at once.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.over {
		return 0, net.ErrClosed
	}
	p.node.ReadLocal(b)
	p.settle()
	if count := p.count; count > 0 && !p.busy && len(b) <= quickSize && !p.listens && !p.sockets.areWriting() {
		p.busy = true
		p.mu.Unlock()
		p.publish(count)
		p.mu.Lock()
		p.busy, p.count = false, 0
		p.settle()
	}
	p.hand()
	return len(b), nil
}

// TryWrite is Write.
func (p *pipe) TryWrite(b []byte) int {
	n, _ := p.Write(b)
	return n
}

// Close ends the pipe. It waits until the others have been told, where the server takes that within a second.
func (p *pipe) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.end()
		poke(p.work)
		for _, timer := range []*time.Timer{p.timer, p.patience} {
			if timer != nil {
				timer.Stop()
			}
		}
		// A carrier that waits for a server that takes nothing goes on then.
		time.AfterFunc(closeTime, p.sockets.close)
	}
	p.mu.Unlock()
	select {
	case <-p.carried:
	case <-time.After(closeTime + closeTime/4):
	}
	return nil
}
