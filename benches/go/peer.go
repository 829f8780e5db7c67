package main

import (
	"encoding/binary"

	capnp "capnproto.org/go/capnp/v3"
	"github.com/h-dv/ixt/bindings/go/capnp/module"
	"github.com/h-dv/ixt/bindings/go/capnp/stream"
)

// get takes what a getter of go-capnp gave.
func get[T any](value T, err error) T {
	must(err)
	return value
}

func words(id [16]byte) (high, low uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

func buildFrame(payload []byte) (*capnp.Message, stream.StreamFrame) {
	message, segment, err := capnp.NewMessage(capnp.SingleSegment(nil))
	must(err)
	frame := get(stream.NewRootStreamFrame(segment))
	high, low := words(streamID)
	frame.SetStreamIdHigh(high)
	frame.SetStreamIdLow(low)
	frame.SetData()
	frame.Data().SetSequence(sequence)
	must(frame.Data().SetPayload(payload))
	return message, frame
}

func encodeFrame(payload []byte) []byte {
	message, _ := buildFrame(payload)
	return get(message.Marshal())
}

// encodeFrameReleased gives the message's memory back for the next one: the fastest way.
func encodeFrameReleased(payload []byte) []byte {
	message, _ := buildFrame(payload)
	encoded := get(message.Marshal())
	message.Release()
	return encoded
}

func encodeFrameCanonical(payload []byte) []byte {
	_, frame := buildFrame(payload)
	return get(capnp.Canonicalize(capnp.Struct(frame)))
}

func decodeFrame(encoded []byte) {
	frame := get(stream.ReadRootStreamFrame(get(capnp.Unmarshal(encoded))))
	if frame.Which() != stream.StreamFrame_Which_data {
		panic("not a data frame")
	}
	kept.number = frame.StreamIdHigh()
	kept.number = frame.StreamIdLow()
	kept.number = frame.Data().Sequence()
	kept.bytes = get(frame.Data().Payload())
}

func buildContext() (*capnp.Message, module.InvocationContext) {
	message, segment, err := capnp.NewMessage(capnp.SingleSegment(nil))
	must(err)
	context := get(module.NewRootInvocationContext(segment))
	high, low := words(correlationID)
	context.SetCorrelationHigh(high)
	context.SetCorrelationLow(low)
	context.SetSpanId(binary.BigEndian.Uint64(spanID[:]))
	context.SetParentSpanId(binary.BigEndian.Uint64(parentSpanID[:]))
	context.SetDeadlineMs(deadlineMS)
	context.SetTraceFlags(1)
	must(context.SetSourceModule(sourceModule))
	must(get(context.NewTarget()).SetService(service))
	actor := get(context.NewActor())
	must(get(actor.NewSubject()).SetOperator(operator))
	must(actor.SetTokenRef(tokenRef))
	list := get(actor.NewCapabilities(int32(len(capabilities))))
	for i, capability := range capabilities {
		must(list.Set(i, capability))
	}
	entries := get(context.NewMetadata(int32(len(metadata))))
	for i, entry := range metadata {
		must(entries.At(i).SetKey(entry[0]))
		must(entries.At(i).SetValue(entry[1]))
	}
	return message, context
}

func encodeContext() []byte {
	message, _ := buildContext()
	return get(message.Marshal())
}

func encodeContextCanonical() []byte {
	_, context := buildContext()
	return get(capnp.Canonicalize(capnp.Struct(context)))
}

func decodeContext(encoded []byte) {
	context := get(module.ReadRootInvocationContext(get(capnp.Unmarshal(encoded))))
	target, actor := get(context.Target()), get(context.Actor())
	subject := get(actor.Subject())
	if target.Which() != module.MessageTarget_Which_service || subject.Which() != module.ActorSubject_Which_operator {
		panic("another context")
	}
	kept.number = context.CorrelationHigh()
	kept.number = context.CorrelationLow()
	kept.number = context.SpanId()
	kept.number = context.ParentSpanId()
	kept.number = uint64(context.TraceFlags())
	kept.number = context.DeadlineMs()
	kept.text = get(context.SourceModule())
	kept.text = get(target.Service())
	kept.text = get(subject.Operator())
	kept.bytes = get(actor.TokenRef())
	list := get(actor.Capabilities())
	for i := range list.Len() {
		kept.text = get(list.At(i))
	}
	entries := get(context.Metadata())
	for i := range entries.Len() {
		kept.text = get(entries.At(i).Key())
		kept.text = get(entries.At(i).Value())
	}
}
