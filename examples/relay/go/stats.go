package main

import (
	"encoding/json"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// stats is what the hop tells of itself at the end.
type stats struct {
	frames         [6]uint64 // frames sent, by kind
	payloadBytes   uint64
	maxOutstanding uint32
	waits          uint64
	waited         time.Duration
	spentSince     time.Time // since when the credit is spent
	opened         time.Time
}

// sent counts a frame that leaves.
func (s *stats) sent(frame *sdk.StreamFrame, forward bool) {
	if frame.Kind.IsKnown() {
		s.frames[frame.Kind]++
	}
	switch {
	case frame.Kind == sdk.FrameOpen:
		s.opened = time.Now()
	case frame.Kind == sdk.FrameData && forward:
		s.payloadBytes += uint64(len(frame.Data.Payload))
	case frame.Kind == sdk.FrameClose && forward:
		s.settle()
	}
}

// credit takes notice of the credit downstream.
func (s *stats) credit(credit uint32, forwardOpen bool) {
	s.maxOutstanding = max(s.maxOutstanding, credit)
	if credit > 0 || !forwardOpen {
		s.settle()
	} else if s.maxOutstanding > 0 && s.spentSince.IsZero() {
		s.spentSince = time.Now()
		s.waits++
	}
}

func (s *stats) settle() {
	if !s.spentSince.IsZero() {
		s.waited += time.Since(s.spentSince)
		s.spentSince = time.Time{}
	}
}

// line is the one line for the relay's table.
func (s *stats) line() string {
	frames := map[string]uint64{}
	for kind, count := range s.frames {
		frames[sdk.FrameKind(kind).String()] = count
	}
	line, err := json.Marshal(map[string]any{
		"language":        "go",
		"frames":          frames,
		"payload_bytes":   s.payloadBytes,
		"max_outstanding": s.maxOutstanding,
		"credit_waits":    s.waits,
		"credit_wait_ms":  float64(s.waited) / float64(time.Millisecond),
		"seconds":         time.Since(s.opened).Seconds(),
	})
	if err != nil {
		return err.Error()
	}
	return string(line)
}
