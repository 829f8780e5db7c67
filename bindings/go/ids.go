package sdk

import (
	"encoding/hex"
	"encoding/json"
)

// StreamID names a stream: 16 bytes, a UUIDv7 by custom, never all zeros. The opener makes it.
type StreamID [16]byte

// CorrelationID is what all invocations of one piece of work share: a W3C trace-id. Zeros for none.
type CorrelationID [16]byte

// SpanID names one invocation: a W3C parent-id. Zeros for none.
type SpanID [8]byte

// ReplyID names one waiting call. It is minted for that call alone.
type ReplyID [16]byte

// StreamIDFromBytes copies 16 bytes. It fails with [ErrBadIDLength] and [ErrNilStreamID].
func StreamIDFromBytes(b []byte) (id StreamID, err error) {
	if err := exactly(id[:], b, "stream_id"); err != nil {
		return StreamID{}, err
	}
	if id.IsNil() {
		return StreamID{}, failure(ErrNilStreamID, "stream_id")
	}
	return id, nil
}

// ParseStreamID reads 32 hexadecimal digits, as [StreamID.String] writes them.
func ParseStreamID(text string) (StreamID, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return StreamID{}, failure(ErrInvalidArgument, "stream_id")
	}
	return StreamIDFromBytes(b)
}

// CorrelationIDFromBytes copies 16 bytes. It fails with [ErrBadIDLength].
func CorrelationIDFromBytes(b []byte) (id CorrelationID, err error) {
	return id, exactly(id[:], b, "correlation_id")
}

// SpanIDFromBytes copies 8 bytes. It fails with [ErrBadIDLength].
func SpanIDFromBytes(b []byte) (id SpanID, err error) {
	return id, exactly(id[:], b, "span_id")
}

// ReplyIDFromBytes copies 16 bytes. It fails with [ErrBadIDLength].
func ReplyIDFromBytes(b []byte) (id ReplyID, err error) {
	return id, exactly(id[:], b, "target.reply")
}

func exactly(id, b []byte, field string) error {
	if len(b) != len(id) {
		return failure(ErrBadIDLength, field)
	}
	copy(id, b)
	return nil
}

// String is lower-case hexadecimal.
func (id StreamID) String() string { return hex.EncodeToString(id[:]) }

// String is lower-case hexadecimal.
func (id CorrelationID) String() string { return hex.EncodeToString(id[:]) }

// String is lower-case hexadecimal.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// String is lower-case hexadecimal.
func (id ReplyID) String() string { return hex.EncodeToString(id[:]) }

// IsNil says whether all bytes are zero, which no stream's id is.
func (id StreamID) IsNil() bool { return id == StreamID{} }

// MarshalJSON writes the hexadecimal digits.
func (id StreamID) MarshalJSON() ([]byte, error) { return json.Marshal(id.String()) }

// MarshalJSON writes the hexadecimal digits.
func (id CorrelationID) MarshalJSON() ([]byte, error) { return json.Marshal(id.String()) }

// MarshalJSON writes the hexadecimal digits.
func (id SpanID) MarshalJSON() ([]byte, error) { return json.Marshal(id.String()) }

// MarshalJSON writes the hexadecimal digits.
func (id ReplyID) MarshalJSON() ([]byte, error) { return json.Marshal(id.String()) }
