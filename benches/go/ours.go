package main

import sdk "github.com/h-dv/ixt/bindings/go"

// The values are those of benches/rust/src/samples.rs.

const (
	sequence   = 7
	deadlineMS = 1_795_000_000_000
)

var (
	streamID      = sdk.StreamID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	correlationID = sdk.CorrelationID{
		0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36,
	}
	spanID       = sdk.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
	parentSpanID = sdk.SpanID{0x53, 0x99, 0x5c, 0x3f, 0x42, 0xcd, 0x8a, 0xd8}
	sourceModule = "gateway.http"
	service      = "storage.documents"
	operator     = "alice@example.org"
	tokenRef     = []byte("vault:7f3a91c2")
	capabilities = []string{"fs.read", "storage.documents.*"}
	metadata     = [][2]string{
		{"auth.strength", "mfa"},
		{"ingress.kind", "http"},
		{"ingress.source_ip", "192.0.2.17"},
		{"tenant", "example-tenant"},
	}
)

// kept holds what is read, so that reading it is not left out.
var kept struct {
	bytes  []byte
	text   string
	number uint64
	id     sdk.StreamID
	long   [16]byte
	short  [8]byte
}

func payloadOf(size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i % 251)
	}
	return payload
}

func contextOf() *sdk.InvocationContext {
	entries := make(sdk.Metadata, 0, len(metadata))
	for _, entry := range metadata {
		entries = append(entries, sdk.MetadataEntry{Key: entry[0], Value: entry[1]})
	}
	return &sdk.InvocationContext{
		CorrelationID: correlationID,
		SpanID:        spanID,
		ParentSpanID:  parentSpanID,
		TraceFlags:    1,
		DeadlineMS:    deadlineMS,
		SourceModule:  sourceModule,
		Target:        sdk.ServiceTarget(service),
		Actor: sdk.ActorIdentity{
			Subject:      sdk.OperatorSubject(operator),
			TokenRef:     sdk.NewTokenRef(tokenRef),
			Capabilities: capabilities,
		},
		Metadata: entries,
	}
}

// readFrame reads every field of a data frame.
func readFrame(frame *sdk.StreamFrame) {
	if frame.Kind != sdk.FrameData {
		panic("not a data frame")
	}
	kept.id = frame.StreamID
	kept.number = frame.Data.Sequence
	kept.bytes = frame.Data.Payload
}

// readContext reads every field of a context.
func readContext(context *sdk.InvocationContext) {
	if context.Target.Kind != sdk.TargetService || context.Actor.Subject.Kind != sdk.SubjectOperator {
		panic("another context")
	}
	kept.long = context.CorrelationID
	kept.short = context.SpanID
	kept.short = context.ParentSpanID
	kept.number = uint64(context.TraceFlags)
	kept.number = context.DeadlineMS
	kept.text = context.SourceModule
	kept.text = context.Target.Name
	kept.text = context.Actor.Subject.Name
	kept.bytes = context.Actor.TokenRef.Expose()
	for _, capability := range context.Actor.Capabilities {
		kept.text = capability
	}
	for _, entry := range context.Metadata {
		kept.text = entry.Key
		kept.text = entry.Value
	}
}
