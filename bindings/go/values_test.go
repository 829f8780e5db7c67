package sdk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

var streamID = sdk.StreamID{1, 2, 3}

func open(t *testing.T, credit uint32, invocation *sdk.InvocationContext) []byte {
	t.Helper()
	encoded, err := invocation.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f := sdk.OpenFrame(streamID, sdk.BidiStream, credit, encoded)
	b, err := sdk.EncodeStreamFrame(&f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encode(t *testing.T, f sdk.StreamFrame) []byte {
	t.Helper()
	b, err := sdk.EncodeStreamFrame(&f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%v is not %v", err, target)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	return content
}

func TestATokenNeverShows(t *testing.T) {
	const canary = "canary-9f2c"
	c := &sdk.InvocationContext{
		Target: sdk.ServiceTarget("echo"),
		Actor:  sdk.ActorIdentity{Subject: sdk.OperatorSubject("alice"), TokenRef: sdk.NewTokenRef([]byte(canary))},
	}
	if string(c.Actor.TokenRef.Expose()) != canary {
		t.Fatal("it cannot be read")
	}
	encoded, err := c.Encode()
	must(t, err)
	frame := sdk.OpenFrame(streamID, sdk.Unary, 1, encoded)
	later := laterContext(t, canary)
	_, refused := sdk.DecodeInvocationContext(encoded[:len(encoded)-8])
	_, child := c.Child(sdk.ChildSpec{Capabilities: []string{"*"}})
	spec := fmt.Sprint([]byte(canary))
	for _, value := range []any{
		c.Actor.TokenRef, &c.Actor.TokenRef, c.Actor, *c, c, []sdk.TokenRef{c.Actor.TokenRef}, map[string]any{"a": *c},
		// In an unexported field no method is called.
		struct{ ref sdk.TokenRef }{c.Actor.TokenRef}, &struct{ ref sdk.TokenRef }{c.Actor.TokenRef},
		struct{ c sdk.InvocationContext }{*c}, struct{ c sdk.InvocationContext }{*later},
		later, *later, refused, child, sdk.StreamFrame{Kind: 9, Unknown: sdk.UnknownFrame{Bytes: encoded}}, frame, &frame, frame.Open,
	} {
		var texts []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%e", "%o", "%b"} {
			texts = append(texts, fmt.Sprintf(verb, value))
		}
		text, err := json.Marshal(value)
		must(t, err)
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
		texts = append(texts, string(text), log.String())
		for _, text := range texts {
			leak := strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) ||
				strings.Contains(text, fmt.Sprintf("%X", canary)) || strings.Contains(text, strings.Trim(spec, "[]")) ||
				strings.Contains(text, "Y2FuYXJ5") // base64
			if leak {
				t.Errorf("%T shows it: %s", value, text)
			}
		}
	}
	if !c.Actor.TokenRef.Equal(sdk.NewTokenRef([]byte(canary))) || c.Actor.TokenRef.Equal(sdk.TokenRef{}) {
		t.Error("handles compare wrongly")
	}
}

// laterContext is one of a later schema, whose original bytes hold the token too.
func laterContext(t *testing.T, token string) *sdk.InvocationContext {
	t.Helper()
	encoded, err := (&sdk.InvocationContext{
		Target: sdk.DynamicEndpointTarget("x"), Actor: sdk.ActorIdentity{TokenRef: sdk.NewTokenRef([]byte(token))},
	}).Encode()
	must(t, err)
	// The target's tag is the first word of its struct: 4, a dynamic endpoint.
	at := bytes.Index(encoded, []byte{4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	if at < 0 {
		t.Fatal("the target was not found")
	}
	encoded[at] = 77
	c, err := sdk.DecodeInvocationContext(encoded)
	must(t, err)
	again, err := c.Encode()
	must(t, err)
	if c.Target.Kind != 77 || !bytes.Equal(again, encoded) {
		t.Fatalf("decoded %+v", c)
	}
	return c
}

func TestNamedContexts(t *testing.T) {
	if sdk.AnonymousContext().HasCapability("fs") || !sdk.SystemContext().HasCapability("fs.read") {
		t.Error("authority")
	}
	anonymous, err := sdk.DecodeInvocationContext(nil)
	if err != nil || !reflect.DeepEqual(anonymous, sdk.AnonymousContext()) {
		t.Errorf("%+v, %v", anonymous, err)
	}
	unknown := sdk.ActorIdentity{Subject: sdk.Subject{Kind: 9}, Capabilities: []string{"*"}}
	if unknown.HasCapability("fs") {
		t.Error("a subject of a later schema has authority")
	}
}

func TestChild(t *testing.T) {
	parent := &sdk.InvocationContext{
		CorrelationID: sdk.CorrelationID{7}, SpanID: sdk.SpanID{1}, TraceFlags: 1, DeadlineMS: 5000,
		Actor: sdk.ActorIdentity{
			Subject: sdk.OperatorSubject("alice"), TokenRef: sdk.NewTokenRef([]byte("t")), Capabilities: []string{"fs.*", "net.dial"},
		},
		Metadata: sdk.Metadata{{Key: sdk.MetadataTenant, Value: "acme"}, {Key: sdk.MetadataBaggage, Value: "a=1"}},
	}
	child, err := parent.Child(sdk.ChildSpec{
		SpanID: sdk.SpanID{2}, SourceModule: "gateway", Target: sdk.ServiceTarget("files"), DeadlineMS: 9000,
		Capabilities: []string{"fs.read"}, Metadata: sdk.Metadata{{Key: sdk.MetadataBaggage, Value: "b=2"}},
	})
	must(t, err)
	want := &sdk.InvocationContext{
		CorrelationID: parent.CorrelationID, SpanID: sdk.SpanID{2}, ParentSpanID: parent.SpanID, TraceFlags: 1, DeadlineMS: 5000,
		SourceModule: "gateway", Target: sdk.ServiceTarget("files"),
		Actor:    sdk.ActorIdentity{Subject: parent.Actor.Subject, TokenRef: child.Actor.TokenRef, Capabilities: []string{"fs.read"}},
		Metadata: sdk.Metadata{{Key: sdk.MetadataBaggage, Value: "b=2"}, {Key: sdk.MetadataTenant, Value: "acme"}},
	}
	if !reflect.DeepEqual(child, want) || !child.Actor.TokenRef.Equal(parent.Actor.TokenRef) {
		t.Errorf("got  %+v\nwant %+v", child, want)
	}
	inherits, err := parent.Child(sdk.ChildSpec{})
	must(t, err)
	none, err := parent.Child(sdk.ChildSpec{Capabilities: []string{}})
	must(t, err)
	if !reflect.DeepEqual(inherits.Actor.Capabilities, parent.Actor.Capabilities) || none.Actor.Capabilities != nil {
		t.Errorf("%v, %v", inherits.Actor.Capabilities, none.Actor.Capabilities)
	}
	for field, spec := range map[string]sdk.ChildSpec{
		"actor.capabilities[1]": {Capabilities: []string{"fs.read", "db.*"}},
		"metadata[0].value":     {Metadata: sdk.Metadata{{Key: sdk.MetadataTenant, Value: "other"}}},
	} {
		_, err := parent.Child(spec)
		var refused *sdk.Error
		if !errors.As(err, &refused) || refused.Kind != sdk.ErrInvalidArgument || refused.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestDeadline(t *testing.T) {
	c := &sdk.InvocationContext{DeadlineMS: 1000}
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	if c.DeadlineElapsed(at(999)) || !c.DeadlineElapsed(at(1000)) || sdk.AnonymousContext().DeadlineElapsed(at(1<<60)) {
		t.Error("elapsed")
	}
	for _, want := range []struct {
		now       int64
		skew      time.Duration
		remaining time.Duration
	}{{900, 0, 100}, {1030, 50 * time.Millisecond, 20}, {2000, 0, 0}, {-5, 0, 1000}} {
		got, ok := c.Remaining(at(want.now), want.skew)
		if !ok || got != want.remaining*time.Millisecond {
			t.Errorf("at %d: %v", want.now, got)
		}
	}
	if _, ok := sdk.AnonymousContext().Remaining(at(0), 0); ok {
		t.Error("without a deadline something remains")
	}
	far := &sdk.InvocationContext{DeadlineMS: 1<<64 - 1}
	if got, ok := far.Remaining(at(0), time.Hour); !ok || got < 290*365*24*time.Hour {
		t.Errorf("a far deadline is %v away", got)
	}
	if _, ok := far.Deadline(); !ok {
		t.Error("no far deadline")
	}
}

func TestTraceparent(t *testing.T) {
	const header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	read, ok := sdk.ParseTraceparent(header)
	if !ok {
		t.Fatal("malformed")
	}
	c := &sdk.InvocationContext{CorrelationID: read.CorrelationID, SpanID: read.SpanID, TraceFlags: read.TraceFlags}
	if written, ok := c.Traceparent(); !ok || written != header {
		t.Errorf("%q", written)
	}
	if _, ok := sdk.AnonymousContext().Traceparent(); ok {
		t.Error("a header without ids")
	}
}

func TestErrorsTellTheirPlace(t *testing.T) {
	c := &sdk.InvocationContext{Metadata: sdk.Metadata{{Key: "a", Value: "b"}, {Key: "Tenant", Value: "acme"}}}
	_, err := c.Encode()
	is(t, err, sdk.ErrBadMetadataKey)
	var refused *sdk.Error
	if !errors.As(err, &refused) || refused.Field != "metadata[1].key" || refused.Offset != -1 {
		t.Errorf("%#v", refused)
	}
	if text := err.Error(); text != "BadMetadataKey: a metadata key is malformed (metadata[1].key)" {
		t.Error(text)
	}
	f := sdk.ErrorFrame(streamID, sdk.CodeInternal, 0, "a\x00b", nil)
	_, err = sdk.EncodeStreamFrame(&f)
	is(t, err, sdk.ErrBadText)
	b := encode(t, sdk.DataFrame(streamID, 0, []byte("hello")))
	b[len(b)-16] = 2
	_, err = sdk.DecodeStreamFrame(b)
	if !errors.As(err, &refused) || refused.Kind != sdk.ErrBadPointer || refused.Offset < 0 {
		t.Errorf("%v", err)
	}
}

func TestIDs(t *testing.T) {
	id, err := sdk.ParseStreamID("0102030405060708090a0b0c0d0e0f10")
	must(t, err)
	if id.String() != "0102030405060708090a0b0c0d0e0f10" || id[15] != 16 {
		t.Error(id)
	}
	for text, kind := range map[string]sdk.ErrorKind{"01": sdk.ErrBadIDLength, "": sdk.ErrBadIDLength, "zz": sdk.ErrInvalidArgument, strings.Repeat("00", 16): sdk.ErrNilStreamID} {
		_, err := sdk.ParseStreamID(text)
		is(t, err, kind)
	}
	if text, _ := json.Marshal(map[string]any{"id": id}); string(text) != `{"id":"0102030405060708090a0b0c0d0e0f10"}` {
		t.Error(string(text))
	}
}

func TestFramesFormatWithoutTheirBytes(t *testing.T) {
	f := sdk.DataFrame(streamID, 7, []byte("secret"))
	if text := fmt.Sprintf("%+v", f); text != "StreamFrame{01020300000000000000000000000000 data {Sequence:7 Payload:6 bytes}}" {
		t.Error(text)
	}
}

// One buffer for what is read and what is written is no mistake that must be paid for.
func TestInputAndOutputMayBeOneBuffer(t *testing.T) {
	buffer := make([]byte, 4096)
	payload := buffer[40:104]
	for i := range payload {
		payload[i] = byte(i)
	}
	f := sdk.DataFrame(streamID, 0, payload)
	want := encode(t, f)
	engine, err := sdk.NewOpener(sdk.BidiStream, sdk.StreamConfig{AgreedCredit: 1})
	must(t, err)
	_, err = engine.Open(nil, streamID, 4, nil)
	must(t, err)
	sent, err := engine.TrySend(buffer[:0], payload)
	must(t, err)
	encoded, err := sdk.AppendStreamFrame(buffer[:0], &f)
	must(t, err)
	if !bytes.Equal(sent, want) || !bytes.Equal(encoded, want) {
		t.Errorf("sent %x, encoded %x, and not %x", sent, encoded, want)
	}
}

// A batch gives the bytes that single calls give, whatever its frames are, and fails as they do.
func TestABatchIsItsSingleCalls(t *testing.T) {
	unknown := encode(t, sdk.CreditFrame(streamID, 1))
	unknown[40] = 9 // the union's tag
	later, err := sdk.DecodeStreamFrame(unknown)
	must(t, err)
	if later.Kind.IsKnown() {
		t.Fatalf("%v is known", later.Kind)
	}
	context, err := sdk.SystemContext().Encode()
	must(t, err)
	one := []sdk.StreamFrame{
		sdk.OpenFrame(streamID, sdk.BidiStream, 3, context),
		sdk.DataFrame(streamID, 0, []byte("hello")),
		sdk.DataFrame(streamID, 1, nil),
		sdk.DataFrame(streamID, 2, make([]byte, 64)),
		sdk.DataFrame(streamID, 3, make([]byte, 5000)),
		later,
		sdk.CreditFrame(streamID, 8),
		sdk.CancelFrame(streamID, sdk.CancelUserRequested, "enough"),
		sdk.ErrorFrame(streamID, sdk.CodeInternal, 4, "no", []byte{1, 2}),
		sdk.CloseFrame(streamID, sdk.CloseCompleted, 4),
	}
	var frames []sdk.StreamFrame
	for range 20 {
		frames = append(frames, one...)
	}
	for count := range frames {
		var want []byte
		for i := range frames[:count] {
			want = append(want, encode(t, frames[i])...)
		}
		got, err := sdk.AppendStreamFrames([]byte("before"), frames[:count])
		must(t, err)
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Fatalf("the batch of %d frames has other bytes", count)
		}
		again, read, err := sdk.DecodeStreamFrames(nil, want)
		must(t, err)
		if len(again) != count || read != len(want) {
			t.Fatalf("%d frames of %d bytes, and not %d of %d", len(again), read, count, len(want))
		}
		for i := range again {
			if !bytes.Equal(encode(t, again[i]), encode(t, frames[i])) {
				t.Fatalf("frame %d of %d is another one", i, count)
			}
		}
	}
	all, err := sdk.EncodeStreamFrames(frames)
	must(t, err)
	if want, _ := sdk.AppendStreamFrames(nil, frames); !bytes.Equal(all, want) {
		t.Error("EncodeStreamFrames has other bytes")
	}

	for place := range 40 {
		refused := append([]sdk.StreamFrame(nil), frames[:40]...)
		refused[place] = sdk.CancelFrame(streamID, sdk.CancelUserRequested, "a\x00b")
		_, want := sdk.EncodeStreamFrame(&refused[place])
		got, err := sdk.AppendStreamFrames([]byte("before"), refused)
		is(t, err, sdk.ErrBadText)
		if string(got) != "before" || err.Error() != want.Error() {
			t.Fatalf("%q and %v, and not %v", got, err, want)
		}
	}
	_, err = sdk.LimitPayload(4999).AppendStreamFrames(nil, one)
	is(t, err, sdk.ErrFrameTooLarge)

	// What stands in the room for the output is read before it is written over.
	buffer := make([]byte, 8192)
	var cut []sdk.StreamFrame
	for i := range 40 {
		payload := buffer[100+64*i:][:64]
		payload[0] = byte(i)
		cut = append(cut, sdk.DataFrame(streamID, uint64(i), payload))
	}
	want, err := sdk.AppendStreamFrames(nil, cut)
	must(t, err)
	got, err := sdk.AppendStreamFrames(buffer[:0], cut)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the output was written over the input")
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	if debugging {
		t.Skip("every call collects garbage")
	}
	payload := make([]byte, 64)
	data := sdk.DataFrame(streamID, 7, payload)
	buffer := make([]byte, 0, 1024)
	encoded := encode(t, data)
	var decoded sdk.StreamFrame
	many := bytes.Repeat(encoded, 64)
	frames := make([]sdk.StreamFrame, 0, 128)
	batch, _, err := sdk.DecodeStreamFrames(nil, many)
	must(t, err)
	wide := make([]byte, 0, 16<<10)

	engine, err := sdk.NewOpener(sdk.BidiStream, sdk.StreamConfig{AgreedCredit: 1<<31 - 1})
	must(t, err)
	_, err = engine.Open(nil, streamID, 4, nil)
	must(t, err)
	sender, err := sdk.NewStreamSender(streamID, 1<<30, sdk.FrameSinkFunc(func([]byte) error { return nil }))
	must(t, err)
	responder, err := sdk.NewResponder(sdk.StreamConfig{})
	must(t, err)
	_, err = responder.Receive(nil, open(t, 1, sdk.AnonymousContext()))
	must(t, err)
	must(t, responder.Grant(1<<31-1))
	_, _, err = responder.Drain(buffer, nil)
	must(t, err)
	sequence := uint64(0)
	events := make([]sdk.Event, 0, 8)
	credit := encode(t, sdk.CreditFrame(streamID, 1))

	for name, run := range map[string]func() error{
		"AppendStreamFrame": func() (err error) {
			buffer, err = sdk.AppendStreamFrame(buffer[:0], &data)
			return err
		},
		"DecodeStreamFrameInto": func() error { return sdk.DecodeStreamFrameInto(&decoded, encoded) },
		"AppendStreamFrames": func() (err error) {
			wide, err = sdk.AppendStreamFrames(wide[:0], batch)
			return err
		},
		"DecodeStreamFrames": func() (err error) {
			frames, _, err = sdk.DecodeStreamFrames(frames[:0], many)
			return err
		},
		"SplitStreamFrame": func() error { _, err := sdk.SplitStreamFrame(encoded); return err },
		"Stream.TrySend": func() (err error) {
			buffer, err = engine.TrySend(buffer[:0], payload)
			return err
		},
		"Stream.Receive": func() (err error) {
			f := sdk.DataFrame(streamID, sequence, payload)
			sequence++
			if buffer, err = sdk.AppendStreamFrame(buffer[:0], &f); err != nil {
				return err
			}
			_, err = responder.Receive(&decoded, buffer)
			return err
		},
		"Stream.Receive, Drain": func() (err error) {
			if _, err = responder.Receive(&decoded, credit); err != nil {
				return err
			}
			buffer, events, err = responder.Drain(buffer[:0], events[:0])
			return err
		},
		"Stream.State":          func() error { _, err := responder.State(); return err },
		"StreamSender.SendData": func() error { return sender.SendData(payload) },
		"CapabilityCovers":      func() error { sdk.CapabilityCovers("fs.*", "fs.read"); return nil },
	} {
		must(t, run())
		if n := testing.AllocsPerRun(200, func() { must(t, run()) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// The codecs take whatever bytes there are.
func FuzzDecode(f *testing.F) {
	data := sdk.DataFrame(streamID, 7, []byte("hello"))
	seed, _ := sdk.EncodeStreamFrame(&data)
	context, _ := sdk.SystemContext().Encode()
	f.Add(seed)
	f.Add(context)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if frame, err := sdk.DecodeStreamFrame(b); err == nil {
			again := encode(t, frame)
			if _, err := sdk.DecodeCanonicalStreamFrame(again); err != nil {
				t.Errorf("%v of %x", err, again)
			}
		}
		if c, err := sdk.DecodeInvocationContext(b); err == nil {
			again, err := c.Encode()
			must(t, err)
			if _, err := sdk.DecodeCanonicalInvocationContext(again); err != nil {
				t.Errorf("%v of %x", err, again)
			}
		}
		_, _, _ = sdk.DecodeStreamFrames(nil, b)
		_, _ = sdk.SplitStreamFrame(b)
	})
}
