package sdk

/*
#include <stdlib.h>
#include "ixt.h"

#cgo noescape ixt_node_config_init
#cgo nocallback ixt_node_config_init
#cgo noescape ixt_node_new
#cgo nocallback ixt_node_new
#cgo noescape ixt_node_free
#cgo nocallback ixt_node_free
#cgo noescape ixt_node_read_local
#cgo nocallback ixt_node_read_local
#cgo noescape ixt_node_local_ended
#cgo nocallback ixt_node_local_ended
#cgo noescape ixt_node_receive
#cgo nocallback ixt_node_receive
#cgo noescape ixt_node_no_responders
#cgo nocallback ixt_node_no_responders
#cgo noescape ixt_node_server_error
#cgo nocallback ixt_node_server_error
#cgo noescape ixt_node_poll_subscription
#cgo nocallback ixt_node_poll_subscription
#cgo noescape ixt_node_subscribed
#cgo nocallback ixt_node_subscribed
#cgo noescape ixt_node_drain
#cgo nocallback ixt_node_drain
#cgo noescape ixt_node_handle_timeout
#cgo nocallback ixt_node_handle_timeout
#cgo noescape ixt_node_stats
#cgo nocallback ixt_node_stats
*/
import "C"

import (
	"crypto/rand"
	"runtime"
	"time"
	"unsafe"
)

// Node is a module's own end of a network of messages: what a transport without a host stands on, such as package
// ixtnats. Programs have no use for it.
//
// To the module it is its host, behind a byte pipe: [Node.ReadLocal] takes what the module writes, [Node.Drain] gives
// what it reads. On its other side there are messages with subjects, which a client of NATS carries. After every input,
// Drain. It never waits and starts nothing; one goroutine uses it at a time.
type Node struct {
	c *C.ixt_node_t
	// base is when it began, and what it was told then.
	base   time.Time
	baseUS uint64
	// out and packed are memory of C's: messages and where they are.
	out    []byte
	packed []C.ixt_node_packed_t
}

// NodeQueue is the queue group of shared subscriptions.
const NodeQueue = C.IXT_NODE_QUEUE

// mostMessages is how many messages one crossing brings.
const mostMessages = 64

// NewNode makes a node whose module has not spoken yet. maxMessage is the largest message that the server takes, in
// bytes. The server's permissions alone decide who may do what.
func NewNode(maxMessage int) (*Node, error) {
	if abi != nil {
		return nil, abi
	}
	if maxMessage < 0 {
		return nil, failure(ErrInvalidArgument, "max_message")
	}
	var config C.ixt_node_config_t
	C.ixt_node_config_init(&config)
	config.max_message = C.size_t(max(maxMessage, smallestMessage))
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	now := time.Now()
	n := &Node{base: now, baseUS: uint64(now.UnixMicro())}
	var e C.ixt_error_t
	status := C.ixt_node_new(&config, nil, 0, (*C.uint8_t)(&seed[0]), C.uint64_t(n.baseUS), &n.c, &e)
	if status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	room := int(config.max_message) + C.IXT_NODE_OVERHEAD
	const packedSize = int(unsafe.Sizeof(C.ixt_node_packed_t{}))
	memory := C.malloc(C.size_t(mostMessages*packedSize + room))
	n.packed = unsafe.Slice((*C.ixt_node_packed_t)(memory), mostMessages)
	n.out = unsafe.Slice((*byte)(unsafe.Add(memory, mostMessages*packedSize)), room)
	runtime.AddCleanup(n, func(c *C.ixt_node_t) { C.ixt_node_free(c) }, n.c)
	runtime.AddCleanup(n, func(memory unsafe.Pointer) { C.free(memory) }, memory)
	return n, nil
}

// smallestMessage is what a node takes a smaller limit to be.
const smallestMessage = 64 << 10

// get is the node of the library.
func (n *Node) get() *C.ixt_node_t {
	c := n.c
	// Without KeepAlive behind its call, n might be collected from here on.
	stress()
	return c
}

func (n *Node) nowUS() C.uint64_t {
	return C.uint64_t(n.baseUS + uint64(time.Since(n.base).Microseconds()))
}

// ReadLocal takes in what the module wrote.
func (n *Node) ReadLocal(b []byte) {
	c := n.get()
	bytes, length := slice(b)
	C.ixt_node_read_local(c, bytes, length, n.nowUS())
	runtime.KeepAlive(n)
}

// LocalEnded says that the module has closed its pipe. What still leaves tells the others.
func (n *Node) LocalEnded() {
	c := n.get()
	C.ixt_node_local_ended(c, n.nowUS())
	runtime.KeepAlive(n)
}

// Receive takes in a message of a subscription.
func (n *Node) Receive(subject string, payload []byte) {
	c := n.get()
	at, size := text(subject)
	bytes, length := slice(payload)
	C.ixt_node_receive(c, at, size, bytes, length, n.nowUS())
	runtime.KeepAlive(n)
}

// NoResponders takes in a message with the status 503: nobody listens to what was sent with this reply subject.
func (n *Node) NoResponders(subject string) {
	c := n.get()
	at, size := text(subject)
	C.ixt_node_no_responders(c, at, size, n.nowUS())
	runtime.KeepAlive(n)
}

// ServerError takes in an error that the server sent, in its own words, with whatever the client has put around them.
func (n *Node) ServerError(words string) {
	c := n.get()
	at, size := text(words)
	C.ixt_node_server_error(c, at, size, n.nowUS())
	runtime.KeepAlive(n)
}

// HandleTimeout tells the time, at [NodeOutput.Timeout] or later.
func (n *Node) HandleTimeout() {
	c := n.get()
	C.ixt_node_handle_timeout(c, n.nowUS())
	runtime.KeepAlive(n)
}

// NodeSubscription is what to listen to, or no more.
type NodeSubscription struct {
	Subject string
	// IsShared says that each message goes to one of all who listen: in the queue group [NodeQueue].
	IsShared bool
	// IsWanted is false where it is to be given up.
	IsWanted bool
}

// PollSubscription gives the next one, where there is one. When all were made and the server has answered what was sent
// behind them: [Node.Subscribed].
func (n *Node) PollSubscription() (s NodeSubscription, ok bool) {
	c := n.get()
	var told C.ixt_node_subscription_t
	if C.ixt_node_poll_subscription(c, &told) == C.IXT_OK && told.subject_length > 0 {
		subject := string(unsafe.Slice((*byte)(unsafe.Pointer(told.subject)), int(told.subject_length)))
		s, ok = NodeSubscription{subject, bool(told.is_shared), bool(told.is_wanted)}, true
	}
	runtime.KeepAlive(n)
	return s, ok
}

// Subscribed says that the server has taken all subscriptions.
func (n *Node) Subscribed() {
	c := n.get()
	C.ixt_node_subscribed(c)
	runtime.KeepAlive(n)
}

// NodeOutput is what [Node.Drain] gave.
type NodeOutput struct {
	// Local is how many bytes there are for the module to read.
	Local int
	// Messages is how many there are to publish: [Node.Message].
	Messages int
	// More says that there may be more than there was room for.
	More bool
	// HasSubscription says that [Node.PollSubscription] has something.
	HasSubscription bool
	// HasEnded says that the module's connection has ended by itself: once nothing is left to read, its pipe ends.
	HasEnded bool
	// Timeout is when [Node.HandleTimeout] has something to do; zero for never.
	Timeout time.Time
}

// Drain takes all outputs in one crossing: into local what the module is to read, and messages where publish is true.
// Those of before are gone then.
func (n *Node) Drain(local []byte, publish bool) NodeOutput {
	c := n.get()
	var drained C.ixt_node_drained_t
	bytes, length := slice(local)
	out, capacity := slice(n.out)
	most := C.size_t(0)
	if publish {
		most = mostMessages
	}
	status := C.ixt_node_drain(c, bytes, length, out, capacity, &n.packed[0], most, &drained)
	runtime.KeepAlive(n)
	if status != C.IXT_OK {
		return NodeOutput{HasEnded: true}
	}
	output := NodeOutput{
		Local: int(drained.local), Messages: int(drained.count), More: bool(drained.more),
		HasSubscription: bool(drained.has_subscription), HasEnded: bool(drained.has_ended),
	}
	if drained.at_us != 0 {
		output.Timeout = n.base.Add(time.Duration(int64(uint64(drained.at_us)-n.baseUS)) * time.Microsecond)
	}
	return output
}

// Message gives the parts of a message that [Node.Drain] took, valid until messages are taken again; reply is empty
// where it has none.
func (n *Node) Message(i int) (subject, reply, payload []byte) {
	m := &n.packed[i]
	return cut(n.out, m.subject), cut(n.out, m.reply), cut(n.out, m.payload)
}

// NodeStats is what a node has seen.
type NodeStats struct {
	// Peers is how many other nodes there are pipes with, Leaving how many streams nobody has taken yet, Streams how
	// many live.
	Peers, Leaving, Streams uint64
	// Gaps counts messages that were missing or came twice, Lost nodes that were silent for too long, Malformed messages
	// that were none.
	Gaps, Lost, Malformed uint64
}

// Stats is what it has seen.
func (n *Node) Stats() NodeStats {
	c := n.get()
	var s C.ixt_node_stats_t
	C.ixt_node_stats(c, &s)
	runtime.KeepAlive(n)
	return NodeStats{
		Peers: uint64(s.peers), Leaving: uint64(s.leaving), Streams: uint64(s.streams),
		Gaps: uint64(s.gaps), Lost: uint64(s.lost), Malformed: uint64(s.malformed),
	}
}
