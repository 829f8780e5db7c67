package sdk

import (
	"runtime"
	"strconv"
	"sync"
)

// Stream is the engine of one end of one stream: no IO, no clock, no goroutine. It is for routers, bridges
// and tests that drive it by hand; applications take [OpenStream] and [AcceptStream].
//
// It is told what the application does, what the peer sent and what time it is, and answers with frames
// to transmit and events. After every input but a send, drain the outputs: [Stream.Drain].
//
// Calls from several goroutines are served one after the other. [Stream.Release] frees the engine; the
// garbage collector does so too.
type Stream struct {
	mu sync.Mutex
	h  *handle
}

// StreamConfig is the settings of an end.
type StreamConfig struct {
	// Limits must be the same at both ends.
	Limits Limits
	// Window is how many data frames may be outstanding where grants follow [Stream.Consume]; 0 for grants by
	// hand, with [Stream.Grant].
	Window uint32
	// AgreedCredit is the credit that the opener has from the beginning because the connection agreed on
	// it: for an opener its own first credit, for a responder what it knows the opener to have.
	AgreedCredit uint32
}

// NewOpener makes the end that will open a stream of this kind.
func NewOpener(kind InteractionKind, config StreamConfig) (*Stream, error) {
	h, err := newOpener(kind, config.Limits, config.Window, config.AgreedCredit)
	if err != nil {
		return nil, err
	}
	return &Stream{h: h}, nil
}

// NewResponder makes the end that will answer an open.
func NewResponder(config StreamConfig) (*Stream, error) {
	h, err := newResponder(config.Limits, config.Window, config.AgreedCredit)
	if err != nil {
		return nil, err
	}
	return &Stream{h: h}, nil
}

// Ticket is a place in the queue for one credit. Numbers ascend and are not used again in a stream.
type Ticket uint64

// Effect says whether a command that ends something did so.
type Effect uint8

// The values of Effect.
const (
	EffectDone         Effect = 1 // it did
	EffectAlreadyEnded Effect = 2 // there was nothing left to end; the recorded outcome stands
)

// Received says what became of a frame of the peer.
type Received uint8

// The values of Received.
const (
	ReceivedDone    Received = 0 // it changed the state or raised an event
	ReceivedOpened  Received = 1 // the responder's stream has begun; the frame is the open
	ReceivedData    Received = 2 // a message; the frame is the data
	ReceivedIgnored Received = 3 // it was ignored and counted; correct peers cause this by crossing
)

// EventKind says what happened.
type EventKind uint16

// The values of EventKind. A later library may add to them.
const (
	EventCredit    EventKind = 3  // the credit to send grew: Credit
	EventReady     EventKind = 4  // a ticket has its credit: Ticket
	EventEnded     EventKind = 5  // the stream, or its sender half, ended before a ticket had a credit: Ticket
	EventClosed    EventKind = 6  // the peer's direction ended in order: CloseReason
	EventFinished  EventKind = 7  // the responder's close ended this opener's sender half
	EventFailed    EventKind = 8  // the stream failed, by the peer or by a check of this end: Outcome
	EventCancelled EventKind = 9  // the stream was cancelled, by the peer or by its deadline: Outcome
	EventViolation EventKind = 10 // the peer broke a rule that ends no stream: Violation
)

// Violation is a broken rule that ends no stream, for the host to count.
type Violation uint16

// The values of Violation.
const (
	// ViolationUnknownStream is a frame of a stream that is not open here: never a ground to drop a peer.
	ViolationUnknownStream Violation = 1
	// ViolationFrameAfterClose is data, or another final sequence, after the peer's close.
	ViolationFrameAfterClose Violation = 2
	// ViolationUnknownFrame is a kind of frame that this version does not know.
	ViolationUnknownFrame Violation = 3
)

// String is the name in the trace form, such as "UnknownStream".
func (v Violation) String() string {
	switch v {
	case ViolationUnknownStream:
		return "UnknownStream"
	case ViolationFrameAfterClose:
		return "FrameAfterClose"
	case ViolationUnknownFrame:
		return "UnknownFrame"
	}
	return strconv.Itoa(int(v))
}

// Event is something that happened. Fields that its kind has no use for are zero.
type Event struct {
	Kind        EventKind
	Credit      uint32
	Ticket      Ticket
	CloseReason CloseReason
	Violation   Violation
	Outcome     Outcome
}

// Half is the state of one direction at this end.
type Half uint8

// The values of Half.
const (
	HalfIdle      Half = 0 // before the open
	HalfOpen      Half = 1 // frames may pass
	HalfClosed    Half = 2 // ended in order
	HalfFailed    Half = 3 // ended by an error
	HalfCancelled Half = 4 // ended by a cancel or the deadline
)

var halfNames = [...]string{"idle", "open", "closed", "failed", "cancelled"}

// String is the name in the trace form, such as "open".
func (h Half) String() string { return name(halfNames[:], uint16(h)) }

// State is what an end looks like at one moment.
type State struct {
	Sender, Receiver Half
	// Credit counts the data frames that may be sent now and that no ticket holds; 0 unless Sender is open.
	Credit uint32
	// Outstanding counts the data frames that the peer may still send; 0 unless Receiver is open.
	Outstanding uint32
	// Ignored counts the frames of the peer that were ignored.
	Ignored uint64
	// Sent and Received count data frames.
	Sent, Received uint64
	// NextTimeoutMS is when [Stream.HandleTimeout] has something to do, in milliseconds since the Unix epoch; 0
	// for never.
	NextTimeoutMS uint64
	// Interaction means nothing at a responder before the open.
	Interaction InteractionKind
	// Ended says whether both halves have ended.
	Ended bool
}

// Open opens the stream and appends the open frame to dst, which leaves before any other. credit is what
// this end is ready to receive; context is an encoded context, or empty for anonymous, and its deadline is
// the stream's. Where it fails, nothing changes.
func (s *Stream) Open(dst []byte, id StreamID, credit uint32, context []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.open(dst, id, credit, context)
}

// TrySend spends a free credit and appends the data frame to dst. It allocates nothing where dst has room
// for the payload and 64 bytes. Where it fails, nothing changes: [ErrNotOpen] or [ErrStreamEnded],
// [ErrFrameTooLarge], [ErrTooManyMessages], [ErrCreditExhausted], in this order.
func (s *Stream) TrySend(dst, payload []byte) ([]byte, error) {
	s.mu.Lock()
	dst, kind := s.h.trySend(dst, payload)
	s.mu.Unlock()
	if kind != 0 {
		return dst, failure(kind, "")
	}
	return dst, nil
}

// SendWith spends the credit of a ready ticket and appends the data frame to dst. It fails as
// [Stream.TrySend]; the ticket keeps its credit then.
func (s *Stream) SendWith(dst []byte, ticket Ticket, payload []byte) ([]byte, error) {
	s.mu.Lock()
	dst, kind := s.h.sendWith(dst, ticket, payload)
	s.mu.Unlock()
	if kind != 0 {
		return dst, failure(kind, "")
	}
	return dst, nil
}

// Wait queues for one credit. [EventReady] says when it is there, at once where credit is free;
// [EventEnded] when the stream went first.
func (s *Stream) Wait() (Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.wait()
}

// DropTicket gives a ticket up. A credit that it held goes to the next one in the queue, or is free
// again. A ticket that is spent or unknown is no matter.
func (s *Stream) DropTicket(ticket Ticket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.dropTicket(ticket)
}

// Grant allows the peer so many frames more, where grants are by hand. It is without effect in a direction
// that carries exactly one message, and once the direction has ended.
func (s *Stream) Grant(frames uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.grant(frames)
}

// Consume says that the application is done with so many messages: with a window, they are granted again
// in steps of half of it.
func (s *Stream) Consume(frames uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.h.consume(frames)
	return err
}

// Close ends this end's direction in order; a responder's close ends the stream in every kind but bidi.
func (s *Stream) Close(reason CloseReason) (Effect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.close(reason)
}

// Fail ends the stream with an error.
func (s *Stream) Fail(code StreamErrorCode, message string, details []byte) (Effect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.fail(code, message, details)
}

// Cancel ends the stream with a cancel.
func (s *Stream) Cancel(reason CancelReason, message string) (Effect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.cancel(reason, message)
}

// HandleTimeout tells the time, in milliseconds since the Unix epoch. At or past the deadline the stream
// ends as cancelled.
func (s *Stream) HandleTimeout(nowMS uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.handleTimeout(nowMS)
}

// Receive decodes one whole frame of the peer and hands it to the engine, in one crossing. Where into is
// not nil, the frame is put there, and borrows b as with [DecodeStreamFrameInto].
//
// A frame that breaks a rule is no error of this call: the stream fails, with an event and an error frame
// to transmit. Bytes that do not decode are an error, and nothing has changed.
func (s *Stream) Receive(into *StreamFrame, b []byte) (Received, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.receive(into, b)
}

// ReceiveFrame is [Stream.Receive] for a frame that was decoded before, by [DecodeStreamFrames] most
// often: for who routes the frames of many streams.
func (s *Stream) ReceiveFrame(f *StreamFrame) (Received, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.receiveFrame(f)
}

// Drain appends all that the stream has to say: to frames what is to be transmitted, back to back, and to
// events what happened, in order.
func (s *Stream) Drain(frames []byte, events []Event) ([]byte, []Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.drain(frames, events)
}

// State is the halves and the counters.
func (s *Stream) State() (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.state()
}

// ID is the stream's id; [ErrNotOpen] before the open.
func (s *Stream) ID() (StreamID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.id()
}

// Outcome is how the stream ended; of kind [OutcomeNone] before its end.
func (s *Stream) Outcome() (Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h.outcome()
}

// Release frees the engine. Nothing is sent: fail or cancel a stream that is open before. It may be
// called again; every other call fails with [ErrClosed] from then on.
func (s *Stream) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.h.free()
	runtime.KeepAlive(s)
}
