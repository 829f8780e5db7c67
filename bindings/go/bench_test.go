package sdk_test

import (
	"fmt"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// What a call costs. `make bench` compares with go-capnp.

func BenchmarkFrame(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		f := sdk.DataFrame(streamID, 7, make([]byte, size))
		encoded, err := sdk.EncodeStreamFrame(&f)
		if err != nil {
			b.Fatal(err)
		}
		var decoded sdk.StreamFrame
		buffer := make([]byte, 0, len(encoded)+64)
		run := func(name string, call func() error) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := call(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("append", func() (err error) { buffer, err = sdk.AppendStreamFrame(buffer[:0], &f); return err })
		run("encode", func() error { _, err := sdk.EncodeStreamFrame(&f); return err })
		run("decodeInto", func() error { return sdk.DecodeStreamFrameInto(&decoded, encoded) })
		run("decode", func() error { _, err := sdk.DecodeStreamFrame(encoded); return err })
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	f := sdk.DataFrame(streamID, 7, make([]byte, 64))
	var buffer []byte
	for range 64 {
		buffer, _ = sdk.AppendStreamFrame(buffer, &f)
	}
	frames := make([]sdk.StreamFrame, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		frames, _, _ = sdk.DecodeStreamFrames(frames[:0], buffer)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/frame")
}

func BenchmarkAppendBatch(b *testing.B) {
	frames := make([]sdk.StreamFrame, 64)
	for i := range frames {
		frames[i] = sdk.DataFrame(streamID, uint64(i), make([]byte, 64))
	}
	buffer := make([]byte, 0, 64*256)
	b.ReportAllocs()
	for b.Loop() {
		buffer, _ = sdk.AppendStreamFrames(buffer[:0], frames)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/frame")
}

func BenchmarkSend(b *testing.B) {
	payload := make([]byte, 64)
	engine, err := sdk.NewOpener(sdk.BidiStream, sdk.StreamConfig{AgreedCredit: 1<<31 - 1})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := engine.Open(nil, streamID, 4, nil); err != nil {
		b.Fatal(err)
	}
	sender, err := sdk.NewStreamSender(streamID, 1<<31-1, sdk.FrameSinkFunc(func([]byte) error { return nil }))
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, 256)
	b.Run("Stream.TrySend/64", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if buffer, err = engine.TrySend(buffer[:0], payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("StreamSender.SendData/64", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := sender.SendData(payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkContext(b *testing.B) {
	c := &sdk.InvocationContext{
		CorrelationID: sdk.CorrelationID{1}, SpanID: sdk.SpanID{2}, ParentSpanID: sdk.SpanID{3}, TraceFlags: 1, DeadlineMS: 1_795_000_000_000,
		SourceModule: "gateway.http", Target: sdk.ServiceTarget("storage.documents"),
		Actor: sdk.ActorIdentity{
			Subject: sdk.OperatorSubject("alice@example.org"), TokenRef: sdk.NewTokenRef([]byte("vault:7f3a91c2")),
			Capabilities: []string{"fs.read", "storage.documents.*"},
		},
		Metadata: sdk.Metadata{
			{Key: "auth.strength", Value: "mfa"}, {Key: "ingress.kind", Value: "http"}, {Key: "tenant", Value: "example-tenant"},
		},
	}
	encoded, err := c.Encode()
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, 1024)
	b.Run(fmt.Sprintf("append/%d", len(encoded)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buffer, _ = c.Append(buffer[:0])
		}
	})
	b.Run(fmt.Sprintf("decode/%d", len(encoded)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = sdk.DecodeInvocationContext(encoded)
		}
	})
}
