package main

import (
	"fmt"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

var errNotOpen = fmt.Errorf("%s: a frame came before the open", sdk.ErrNotOpen.String())

// side is one of the two neighbours.
type side int

const (
	up side = iota
	down
)

func (s side) String() string {
	if s == up {
		return "upstream"
	}
	return "downstream"
}

func (s side) other() side { return 1 - s }

// output is frames, back to back, for a neighbour.
type output struct {
	to     side
	frames []byte
}

// hop is the hop without its sockets: a responder upstream, an opener downstream, and what passes between.
type hop struct {
	ends    [2]*sdk.Stream
	pending [2][]byte
	frames  []sdk.StreamFrame
	buffer  []byte
	events  []sdk.Event
	out     []output
	stats   stats
}

func newHop() (*hop, error) {
	responder, err := sdk.NewResponder(sdk.StreamConfig{})
	if err != nil {
		return nil, err
	}
	return &hop{ends: [2]*sdk.Stream{up: responder}}, nil
}

func (h *hop) release() {
	for _, end := range h.ends {
		if end != nil {
			end.Release()
		}
	}
}

// take takes the whole frames at the front of what has come, and keeps what is not whole yet.
func (h *hop) take(from side, bytes []byte) error {
	h.pending[from] = append(h.pending[from], bytes...)
	frames, consumed, refused := sdk.DecodeStreamFrames(h.frames[:0], h.pending[from])
	h.frames = frames
	for i := range frames {
		if err := h.pass(from, &frames[i]); err != nil {
			return err
		}
	}
	if refused != nil {
		return fmt.Errorf("%w of a frame from %v", refused, from)
	}
	rest := copy(h.pending[from], h.pending[from][consumed:])
	h.pending[from] = h.pending[from][:rest]
	return nil
}

// hasEnded says whether both ends have ended, in order or not; an end out of order is an error of take.
func (h *hop) hasEnded() bool {
	for _, end := range h.ends {
		if end == nil {
			return false
		}
		if state, err := end.State(); err != nil || !state.Ended {
			return false
		}
	}
	return true
}

func (h *hop) takeOutput() []output {
	out := h.out
	h.out = nil
	return out
}

// pass takes one frame in: through the end that it reached, and out of the other one.
func (h *hop) pass(from side, frame *sdk.StreamFrame) error {
	end, err := h.end(from)
	if err != nil {
		return err
	}
	received, err := end.ReceiveFrame(frame)
	if err != nil {
		return err
	}
	switch received {
	case sdk.ReceivedOpened:
		err = h.open(frame)
	case sdk.ReceivedData:
		err = h.send(from.other(), frame.Data.Payload)
	}
	if err != nil {
		return err
	}
	for _, from := range []side{from, from.other()} {
		if err := h.drain(from); err != nil {
			return err
		}
	}
	if h.ends[down] == nil {
		return nil
	}
	state, err := h.ends[down].State()
	h.stats.credit(state.Credit, state.Sender == sdk.HalfOpen)
	return err
}

// open decodes the context, checks the caller, and opens downstream with the context encoded again.
func (h *hop) open(frame *sdk.StreamFrame) error {
	invocation, err := sdk.DecodeInvocationContext(frame.Open.Context)
	if err != nil {
		return err
	}
	if err := check(invocation); err != nil {
		return err
	}
	again, err := invocation.Encode()
	if err != nil {
		return err
	}
	if h.ends[down], err = sdk.NewOpener(frame.Open.Interaction, sdk.StreamConfig{}); err != nil {
		return err
	}
	h.buffer, err = h.ends[down].Open(h.buffer[:0], frame.StreamID, frame.Open.InitialCredit, again)
	if err != nil {
		return err
	}
	return h.put(down, h.buffer)
}

func (h *hop) send(to side, payload []byte) error {
	end, err := h.end(to)
	if err != nil {
		return err
	}
	if h.buffer, err = end.TrySend(h.buffer[:0], payload); err != nil {
		return err
	}
	return h.put(to, h.buffer)
}

// drain makes the events of one end commands at the other; then what it has to say leaves.
func (h *hop) drain(from side) error {
	end, beyond := h.ends[from], h.ends[from.other()]
	if end == nil {
		return nil
	}
	var err error
	h.buffer, h.events, err = end.Drain(h.buffer[:0], h.events[:0])
	if err != nil {
		return err
	}
	if err := h.put(from, h.buffer); err != nil {
		return err
	}
	var failed error
	for i := range h.events {
		event := &h.events[i]
		if beyond == nil && event.Kind != sdk.EventFailed && event.Kind != sdk.EventCancelled && event.Kind != sdk.EventViolation {
			return errNotOpen
		}
		switch o := &event.Outcome; event.Kind {
		case sdk.EventCredit:
			err = beyond.Grant(event.Credit)
		case sdk.EventClosed:
			_, err = beyond.Close(event.CloseReason)
		case sdk.EventFailed:
			failed = fmt.Errorf("%v: the %v stream failed: %s", o.Code, from, o.Message)
			if beyond != nil {
				_, err = beyond.Fail(o.Code, o.Message, o.Details)
			}
		case sdk.EventCancelled:
			failed = fmt.Errorf("%v: the %v stream was cancelled", o.CancelReason, from)
			if beyond != nil {
				_, err = beyond.Cancel(o.CancelReason, o.Message)
			}
		case sdk.EventViolation:
			failed = fmt.Errorf("%v: from %v", event.Violation, from)
		}
		if err != nil {
			return err
		}
	}
	if beyond == nil {
		return failed
	}
	// No event of the other end is lost here: it has been drained, and a command raises none.
	if h.buffer, _, err = beyond.Drain(h.buffer[:0], nil); err != nil {
		return err
	}
	if err := h.put(from.other(), h.buffer); err != nil {
		return err
	}
	return failed
}

// put keeps frames that leave, back to back.
func (h *hop) put(to side, bytes []byte) error {
	if len(bytes) == 0 {
		return nil
	}
	for rest := bytes; len(rest) > 0; {
		length, err := sdk.SplitStreamFrame(rest)
		if err != nil {
			return err
		}
		var frame sdk.StreamFrame
		if err := sdk.DecodeStreamFrameInto(&frame, rest[:length]); err != nil {
			return err
		}
		h.stats.sent(&frame, to == down)
		rest = rest[length:]
	}
	if last := len(h.out) - 1; last >= 0 && h.out[last].to == to {
		h.out[last].frames = append(h.out[last].frames, bytes...)
	} else {
		h.out = append(h.out, output{to, append([]byte(nil), bytes...)})
	}
	return nil
}

func (h *hop) end(of side) (*sdk.Stream, error) {
	if h.ends[of] == nil {
		return nil, errNotOpen
	}
	return h.ends[of], nil
}

// check is what every hop asks of the caller.
func check(c *sdk.InvocationContext) error {
	_, tenant := c.Metadata.Get(sdk.MetadataTenant)
	switch {
	case c.Actor.Subject.Kind != sdk.SubjectOperator:
		return fmt.Errorf("permissionDenied: the caller is no operator")
	case !c.HasCapability("relay.stream"):
		return fmt.Errorf("permissionDenied: the caller may not relay")
	case c.DeadlineElapsed(time.Now()):
		return fmt.Errorf("permissionDenied: the deadline has passed")
	case !tenant:
		return fmt.Errorf("permissionDenied: no tenant is named")
	}
	return nil
}
