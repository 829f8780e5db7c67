package ixtnats_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// BenchmarkUnary is one call after the other, beside what the client's own request takes, which has no deadline that
// travels, no stream and no name.
func BenchmarkUnary(b *testing.B) {
	s := newServer(b, "")
	b.Run("ixt", func(b *testing.B) {
		serve(b, echo("provider"), s.url())
		client := dial(b, s.url(), "caller")
		message := make([]byte, 64)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.Unary(b.Context(), "echo", message); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nats", func(b *testing.B) {
		there, err := nats.Connect(s.url())
		if err != nil {
			b.Fatal(err)
		}
		defer there.Close()
		here, err := nats.Connect(s.url())
		if err != nil {
			b.Fatal(err)
		}
		defer here.Close()
		_, _ = there.QueueSubscribe("echo", "echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
		_ = there.Flush()
		message := make([]byte, 64)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := here.Request("echo", message, time.Second); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUnary64 is 64 at once.
func BenchmarkUnary64(b *testing.B) {
	s := newServer(b, "")
	serve(b, echo("provider"), s.url())
	client := dial(b, s.url(), "caller")
	message := make([]byte, 64)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.Unary(b.Context(), "echo", message); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
