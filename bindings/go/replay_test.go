package sdk_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

const shared = "../../tests/"

// TestReplay runs what every language runs, and prints how much that was.
func TestReplay(t *testing.T) {
	values := replayValues(t)
	refused := replayRefused(t)
	traces := replayTraces(t)
	fmt.Printf("vectors: %d values, %d refused; traces: %d\n", values, refused, traces)
	values, refused = replayPayloads(t)
	fmt.Printf("payloads: %d values, %d refused\n", values, refused)
}

// codec is the calls for one of the two types, from text form to text form.
type codec struct {
	encode          func(value object) ([]byte, error)
	decode          func(b []byte, l sdk.Limits) (value object, again []byte, err error)
	decodeCanonical func(b []byte, l sdk.Limits) error
}

var codecs = map[string]codec{
	"frame": {
		encode: func(value object) ([]byte, error) {
			f, err := frameOf(value)
			if err != nil {
				return nil, err
			}
			return sdk.EncodeStreamFrame(&f)
		},
		decode: func(b []byte, l sdk.Limits) (object, []byte, error) {
			f, err := l.DecodeStreamFrame(b)
			if err != nil {
				return nil, nil, err
			}
			var borrowed sdk.StreamFrame
			if err := l.DecodeStreamFrameInto(&borrowed, b); err != nil {
				return nil, nil, err
			}
			if !reflect.DeepEqual(frameText(&f), frameText(&borrowed)) {
				return nil, nil, errors.New("borrowed, it differs")
			}
			again, err := l.EncodeStreamFrame(&f)
			return frameText(&f), again, err
		},
		decodeCanonical: func(b []byte, l sdk.Limits) error {
			_, err := l.DecodeCanonicalStreamFrame(b)
			return err
		},
	},
	"context": {
		encode: func(value object) ([]byte, error) {
			c, err := contextOf(value)
			if err != nil {
				return nil, err
			}
			return c.Encode()
		},
		decode: func(b []byte, _ sdk.Limits) (object, []byte, error) {
			c, err := sdk.DecodeInvocationContext(b)
			if err != nil {
				return nil, nil, err
			}
			again, err := c.Encode()
			return contextText(c), again, err
		},
		decodeCanonical: func(b []byte, _ sdk.Limits) error {
			_, err := sdk.DecodeCanonicalInvocationContext(b)
			return err
		},
	},
}

func replayValues(t *testing.T) (count int) {
	for _, file := range []string{"values.jsonl", "large.jsonl"} {
		lines(t, shared+"vectors/"+file, func(line object) {
			count++
			name, c, l := text(line["name"]), codecs[text(line["type"])], sdk.Limits{}
			value, want := line["value"].(object), unhex(line["hex"])

			input, ok := line["input"].(object)
			if !ok {
				input = value
			}
			encoded, err := c.encode(input)
			switch {
			case line["unknown"] == true:
				if err == nil {
					t.Errorf("%s: a value of a later schema was encoded", name)
				}
			case err != nil || !bytes.Equal(encoded, want):
				t.Errorf("%s: encodes to %x, %v", name, head(encoded), err)
			}
			decoded, again, err := c.decode(want, l)
			if err != nil || !reflect.DeepEqual(decoded, value) || !bytes.Equal(again, want) {
				t.Errorf("%s: decodes to another value, %v", name, err)
			}
			if err := c.decodeCanonical(want, l); err != nil {
				t.Errorf("%s: is canonical, but %v", name, err)
			}
			also, _ := line["also"].([]any)
			for i, other := range also {
				decoded, again, err := c.decode(unhex(other), l)
				if err != nil || !reflect.DeepEqual(decoded, value) || !bytes.Equal(again, want) {
					t.Errorf("%s: also[%d] decodes to another value, %v", name, i, err)
				}
				if err := c.decodeCanonical(unhex(other), l); !errors.Is(err, sdk.ErrNotCanonical) {
					t.Errorf("%s: also[%d] is not canonical, but %v", name, i, err)
				}
			}
		})
	}
	return count
}

func replayPayloads(t *testing.T) (values, refused int) {
	lines(t, shared+"vectors/payloads.jsonl", func(line object) {
		name, l := text(line["name"]), sdk.Limits{}
		if line["max_payload"] != nil {
			l = sdk.LimitPayload(int(number(line["max_payload"])))
		}
		encode := func() ([]byte, error) {
			context, err := sdk.DecodeInvocationContext(unhex(line["context"]))
			if err != nil {
				t.Fatalf("%s: its context: %v", name, err)
			}
			return l.EncodeHandlePayload(&sdk.HandlePayload{Context: context, Method: text(line["method"]), Body: unhex(line["body"])})
		}
		if line["op"] != nil {
			refused++
			var err error
			if text(line["op"]) == "encode" {
				_, err = encode()
			} else {
				_, err = l.DecodeHandlePayload(unhex(line["hex"]))
			}
			var found *sdk.Error
			if !errors.As(err, &found) || found.Kind.String() != text(line["kind"]) {
				t.Errorf("%s: %v, not %s", name, err, text(line["kind"]))
			}
			return
		}
		values++
		want := unhex(line["hex"])
		if encoded, err := encode(); err != nil || !bytes.Equal(encoded, want) {
			t.Errorf("%s: encodes to %x, %v", name, head(encoded), err)
		}
		also, _ := line["also"].([]any)
		for _, form := range append(also, line["hex"]) {
			read, err := l.DecodeHandlePayload(unhex(form))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			context, err := read.Context.Encode()
			if err != nil || !bytes.Equal(context, unhex(line["context"])) || read.Method != text(line["method"]) ||
				!bytes.Equal(read.Body, unhex(line["body"])) {
				t.Errorf("%s: decodes to another value, %v", name, err)
			}
		}
	})
	return values, refused
}

func head(b []byte) []byte { return b[:min(len(b), 64)] }

func replayRefused(t *testing.T) (count int) {
	for _, file := range []string{"refused.jsonl", "refused_large.jsonl"} {
		lines(t, shared+"vectors/"+file, func(line object) {
			if line["line"] != nil {
				return // a line of text, for who has the text form
			}
			count++
			c, l := codecs[text(line["type"])], sdk.Limits{}
			if line["max_payload"] != nil {
				l = sdk.LimitPayload(int(number(line["max_payload"])))
			}
			var err error
			switch text(line["op"]) {
			case "decode":
				_, _, err = c.decode(unhex(line["hex"]), l)
			case "decode_canonical":
				err = c.decodeCanonical(unhex(line["hex"]), l)
			case "encode":
				_, err = c.encode(line["value"].(object))
			default:
				t.Errorf("%v: no such op", line["op"])
			}
			if kind(err) != text(line["kind"]) {
				t.Errorf("%v: %v, and not %v", line["name"], err, line["kind"])
			}
		})
	}
	return count
}

func kind(err error) string {
	var found *sdk.Error
	if errors.As(err, &found) {
		return found.Kind.String()
	}
	return fmt.Sprint(err)
}

func TestRules(t *testing.T) {
	strings := func(list any) (out []string) {
		for _, item := range list.([]any) {
			out = append(out, text(item))
		}
		return out
	}
	lines(t, shared+"vectors/rules.jsonl", func(line object) {
		switch expect := line["expect"]; text(line["op"]) {
		case "covers":
			if got := sdk.CapabilityCovers(text(line["granted"]), text(line["required"])); got != expect {
				t.Errorf("%v", line)
			}
		case "attenuates":
			if got := sdk.Attenuates(strings(line["parent"]), strings(line["child"])); got != expect {
				t.Errorf("%v", line)
			}
		case "traceparent":
			read, found := sdk.ParseTraceparent(text(line["header"]))
			if found != (expect != nil) {
				t.Errorf("%v", line)
			} else if found {
				want := expect.(object)
				if read.CorrelationID.String() != want["trace_id"] || read.SpanID.String() != want["parent_id"] || uint64(read.TraceFlags) != number(want["flags"]) {
					t.Errorf("%v: %+v", line, read)
				}
			}
		default:
			t.Errorf("%v: no such op", line)
		}
	})
}

func replayTraces(t *testing.T) (count int) {
	lines(t, shared+"traces/traces.jsonl", func(run object) {
		count++
		for _, byValue := range []bool{false, true} {
			replayTrace(t, run, byValue)
		}
	})
	return count
}

func replayTrace(t *testing.T, run object, byValue bool) {
	e := newEngine(t, run["endpoint"].(object), byValue)
	defer e.Release()
	for i, step := range run["steps"].([]any) {
		step := step.(object)
		got, want := e.step(step["in"].(object)), step["out"].(object)
		blank(got, want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v, step %d: %.300v\n got %.600v\nwant %.600v", run["name"], i, fmt.Sprint(step["in"]), fmt.Sprint(got), fmt.Sprint(want))
			return
		}
	}
}

// blank is the comparison rule: where no message is expected, none is compared.
func blank(got, want object) {
	pair := func(list string, each func(got, want object)) {
		g, w := got[list].([]any), want[list].([]any)
		for i := range min(len(g), len(w)) {
			each(g[i].(object), w[i].(object))
		}
	}
	pair("transmit", func(got, want object) {
		for _, member := range []string{"error", "cancel"} {
			g, _ := got[member].(object)
			if w, ok := want[member].(object); ok && g != nil && w["message"] == nil {
				delete(g, "message")
			}
		}
	})
	pair("events", func(got, want object) {
		for _, member := range []string{"failed", "cancelled"} {
			g, _ := got[member].(object)
			if w, ok := want[member].(object); ok && g != nil && w["message"] == "" {
				g["message"] = ""
			}
		}
	})
}

// engine is a stream in the trace form.
type engine struct {
	*sdk.Stream
	t       *testing.T
	tickets map[uint64]sdk.Ticket
	// byValue says that frames are decoded first.
	byValue bool
}

func newEngine(t *testing.T, header object, byValue bool) *engine {
	config := sdk.StreamConfig{
		Limits:       sdk.LimitPayload(int(number(header["max_payload"]))),
		Window:       uint32(number(header["window"])),
		AgreedCredit: uint32(number(header["agreed_credit"])),
	}
	var s *sdk.Stream
	var err error
	if header["endpoint"] == "opener" {
		s, err = sdk.NewOpener(enum[sdk.InteractionKind](header["kind"]), config)
	} else {
		s, err = sdk.NewResponder(config)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &engine{s, t, map[uint64]sdk.Ticket{}, byValue}
}

// ticket is the ticket that the trace calls so; one that never was, where there is none.
func (e *engine) ticket(id any) sdk.Ticket {
	if ticket, ok := e.tickets[number(id)]; ok {
		return ticket
	}
	return sdk.Ticket(1<<63 | number(id))
}

func (e *engine) step(in object) object {
	var err error
	var effect sdk.Effect
	var out []byte
	received, events := sdk.ReceivedDone, []any{}
	for input, value := range in {
		o, _ := value.(object)
		switch input {
		case "open":
			var id sdk.StreamID
			copy(id[:], unhex(o["stream_id"]))
			out, err = e.Open(out, id, uint32(number(o["initial_credit"])), unhex(o["context"]))
		case "send":
			if in["ticket"] == nil {
				out, err = e.TrySend(out, unhex(value))
			} else {
				out, err = e.SendWith(out, e.ticket(in["ticket"]), unhex(value))
			}
		case "ticket":
		case "wait":
			var ticket sdk.Ticket
			if ticket, err = e.Wait(); err == nil {
				e.tickets[number(value)] = ticket
			}
		case "drop":
			err = e.DropTicket(e.ticket(value))
		case "grant":
			err = e.Grant(uint32(number(value)))
		case "consume":
			err = e.Consume(uint32(number(value)))
		case "close":
			effect, err = e.Close(enum[sdk.CloseReason](value))
		case "fail":
			effect, err = e.Fail(enum[sdk.StreamErrorCode](o["code"]), text(o["message"]), unhex(o["details"]))
		case "cancel":
			effect, err = e.Cancel(enum[sdk.CancelReason](o["reason"]), text(o["message"]))
		case "time":
			err = e.HandleTimeout(number(value))
		case "receive":
			received, events, err = e.receive(o)
		default:
			e.t.Fatalf("no input %s", input)
		}
	}
	result := any("ok")
	switch {
	case err != nil:
		result = object{"error": kind(err)}
	case effect == sdk.EffectAlreadyEnded:
		result = "ended"
	case received == sdk.ReceivedIgnored:
		result = "ignored"
	}
	transmit := []any{}
	out, happened, err := e.Drain(out, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	frames, consumed, err := sdk.DecodeStreamFrames(nil, out)
	if err != nil || consumed != len(out) {
		e.t.Fatal(err)
	}
	for i := range frames {
		transmit = append(transmit, frameText(&frames[i]))
	}
	for i := range happened {
		events = append(events, e.event(&happened[i]))
	}
	state, err := e.State()
	if err != nil {
		e.t.Fatal(err)
	}
	return object{"result": result, "transmit": transmit, "events": events, "state": object{
		"sender": state.Sender.String(), "receiver": state.Receiver.String(),
		"credit":      exact(uint64(state.Credit)),
		"outstanding": exact(uint64(state.Outstanding)),
		"ignored":     exact(state.Ignored),
	}}
}

func exact(n uint64) any { return object(fields{}.always(n))["n"] }

func (f fields) always(n uint64) fields {
	f["n"] = unknownTag(0)["tag"]
	return f.number("n", n)
}

// receive hands a frame to the engine as bytes; as a value, where it has none.
func (e *engine) receive(o object) (received sdk.Received, events []any, err error) {
	f, err := frameOf(o)
	if err != nil {
		e.t.Fatal(err)
	}
	b := unknownFrame(f.StreamID, uint16(f.Kind))
	if f.Kind.IsKnown() {
		b, err = sdk.EncodeStreamFrame(&f)
	}
	switch {
	case errors.Is(err, sdk.ErrContextTooLarge):
		received, err = e.ReceiveFrame(&f)
	case err != nil:
		e.t.Fatal(err)
	case e.byValue:
		var decoded sdk.StreamFrame
		if err := sdk.DecodeStreamFrameInto(&decoded, b); err != nil {
			e.t.Fatal(err)
		}
		f = decoded
		received, err = e.ReceiveFrame(&f)
	default:
		received, err = e.Receive(&f, b)
	}
	switch received {
	case sdk.ReceivedOpened:
		return received, []any{object{"opened": object{"kind": named(f.Open.Interaction), "context": hex.EncodeToString(f.Open.Context)}}}, err
	case sdk.ReceivedData:
		return received, []any{object{"data": object{"sequence": exact(f.Data.Sequence), "payload": hex.EncodeToString(f.Data.Payload)}}}, err
	}
	return received, []any{}, err
}

// named is the name of an enumerant, or its number.
func named[E interface {
	~uint16
	fmt.Stringer
	IsKnown() bool
}](e E) any {
	if e.IsKnown() {
		return e.String()
	}
	return exact(uint64(e))
}

func (e *engine) event(event *sdk.Event) object {
	ticket := func() any {
		for id, ticket := range e.tickets {
			if ticket == event.Ticket {
				return exact(id)
			}
		}
		return "unknown ticket"
	}
	o := event.Outcome
	switch event.Kind {
	case sdk.EventCredit:
		return object{"credit": exact(uint64(event.Credit))}
	case sdk.EventReady:
		return object{"ready": ticket()}
	case sdk.EventEnded:
		return object{"ended": ticket()}
	case sdk.EventClosed:
		return object{"closed": named(event.CloseReason)}
	case sdk.EventFinished:
		return object{"finished": true}
	case sdk.EventFailed:
		return object{"failed": object{"code": named(o.Code), "message": o.Message, "by": o.By.String()}}
	case sdk.EventCancelled:
		return object{"cancelled": object{"reason": named(o.CancelReason), "message": o.Message, "by": o.By.String()}}
	case sdk.EventViolation:
		return object{"violation": event.Violation.String()}
	}
	return object{"event": event.Kind}
}

func TestFramesDecodeInBatches(t *testing.T) {
	var buffer []byte
	var want []sdk.StreamFrame
	for i := range 100 {
		f := sdk.DataFrame(sdk.StreamID{1}, uint64(i), bytes.Repeat([]byte{byte(i)}, i))
		want = append(want, f)
		buffer, _ = sdk.AppendStreamFrame(buffer, &f)
	}
	whole := len(buffer)
	cut := append(slices.Clone(buffer), buffer[:30]...)
	frames, consumed, err := sdk.DecodeStreamFrames(nil, cut)
	if err != nil || consumed != whole || len(frames) != 100 {
		t.Fatalf("%d frames of %d bytes, %v", len(frames), consumed, err)
	}
	for i := range want {
		if frames[i].Data.Sequence != want[i].Data.Sequence || !bytes.Equal(frames[i].Data.Payload, want[i].Data.Payload) {
			t.Errorf("frame %d differs", i)
		}
	}
	if n, err := sdk.SplitStreamFrame(buffer[:20]); n != 0 || err != nil {
		t.Errorf("of 20 bytes: %d, %v", n, err)
	}
	if n, err := sdk.SplitStreamFrame(buffer); n != 48 || err != nil {
		t.Errorf("of all: %d, %v", n, err)
	}
	broken := append(slices.Clone(buffer), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	frames, consumed, err = sdk.DecodeStreamFrames(nil, broken)
	if !errors.Is(err, sdk.ErrTooManySegments) || consumed != whole || len(frames) != 100 {
		t.Errorf("%d frames of %d bytes, %v", len(frames), consumed, err)
	}
}
