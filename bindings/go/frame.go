package sdk

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// FrameKind is the member of the schema's union that a frame holds: its tag on the wire.
type FrameKind uint16

// The kinds of frame. Numbers beyond are kinds of a later schema.
const (
	FrameOpen   FrameKind = 0 // begins a stream
	FrameData   FrameKind = 1 // one message
	FrameError  FrameKind = 2 // ends the stream as failed
	FrameClose  FrameKind = 3 // ends one direction in order
	FrameCancel FrameKind = 4 // ends the stream as cancelled
	FrameCredit FrameKind = 5 // allows the peer further data frames
)

var frameKindNames = [...]string{"open", "data", "error", "close", "cancel", "credit"}

// String is the name in the schema, or the number where there is none.
func (k FrameKind) String() string { return name(frameKindNames[:], uint16(k)) }

// IsKnown says whether the kind has a name in this version of the schema.
func (k FrameKind) IsKnown() bool { return int(k) < len(frameKindNames) }

// StreamFrame is one frame: its stream, its kind, and the member that the kind names. The others are
// zero. [OpenFrame], [DataFrame] and their sisters make one.
//
// Formatted or as JSON it shows how long payloads and contexts are, never their bytes: a context holds
// a token's handle.
type StreamFrame struct {
	StreamID StreamID
	Kind     FrameKind

	Open    StreamOpen
	Data    StreamData
	Error   StreamError
	Close   StreamClose
	Cancel  StreamCancel
	Credit  StreamCredit
	Unknown UnknownFrame
}

// StreamOpen begins a stream.
type StreamOpen struct {
	Interaction InteractionKind
	// InitialCredit counts the data frames that the opener is ready to receive.
	InitialCredit uint32
	// Context is an encoded [InvocationContext]; empty means anonymous.
	Context []byte
}

// StreamData is one message.
type StreamData struct {
	// Sequence is 0, 1, 2, … in each direction.
	Sequence uint64
	Payload  []byte
}

// StreamError ends a stream as failed.
type StreamError struct {
	Code StreamErrorCode
	// Sequence counts the data frames accepted for sending before it.
	Sequence uint64
	// Message is for people, at most 4 KiB. The peer's is untrusted text.
	Message string
	// Details are the application's, at most 4 KiB.
	Details []byte
}

// StreamClose ends one direction in order.
type StreamClose struct {
	Reason CloseReason
	// FinalSequence counts the data frames sent in this direction.
	FinalSequence uint64
}

// StreamCancel ends a stream as cancelled.
type StreamCancel struct {
	Reason CancelReason
	// Message is for people, at most 4 KiB. The peer's is untrusted text.
	Message string
}

// StreamCredit allows the peer so many further data frames.
type StreamCredit struct {
	Frames uint32
}

// UnknownFrame is a frame of a later schema, whose Kind is the tag. Whoever passes it on passes on the
// bytes that it came in, and that is what it encodes to.
type UnknownFrame struct {
	Bytes []byte
}

// OpenFrame begins a stream.
func OpenFrame(id StreamID, kind InteractionKind, initialCredit uint32, context []byte) StreamFrame {
	return StreamFrame{StreamID: id, Kind: FrameOpen, Open: StreamOpen{kind, initialCredit, context}}
}

// DataFrame is one message.
func DataFrame(id StreamID, sequence uint64, payload []byte) StreamFrame {
	return StreamFrame{StreamID: id, Kind: FrameData, Data: StreamData{sequence, payload}}
}

// ErrorFrame ends a stream as failed.
func ErrorFrame(id StreamID, code StreamErrorCode, sequence uint64, message string, details []byte) StreamFrame {
	return StreamFrame{StreamID: id, Kind: FrameError, Error: StreamError{code, sequence, message, details}}
}

// CloseFrame ends one direction in order.
func CloseFrame(id StreamID, reason CloseReason, finalSequence uint64) StreamFrame {
	return StreamFrame{StreamID: id, Kind: FrameClose, Close: StreamClose{reason, finalSequence}}
}

// CancelFrame ends a stream as cancelled.
func CancelFrame(id StreamID, reason CancelReason, message string) StreamFrame {
	return StreamFrame{StreamID: id, Kind: FrameCancel, Cancel: StreamCancel{reason, message}}
}

// CreditFrame allows the peer so many further data frames.
func CreditFrame(id StreamID, frames uint32) StreamFrame {
	return StreamFrame{StreamID: id, Kind: FrameCredit, Credit: StreamCredit{frames}}
}

// Format shows lengths in the place of bytes, whatever the verb.
func (f StreamFrame) Format(s fmt.State, _ rune) {
	var member any
	switch f.Kind {
	case FrameOpen:
		member = f.Open
	case FrameData:
		member = f.Data
	case FrameError:
		member = f.Error
	case FrameClose:
		member = f.Close
	case FrameCancel:
		member = f.Cancel
	case FrameCredit:
		member = f.Credit
	default:
		member = f.Unknown
	}
	fmt.Fprintf(s, "StreamFrame{%v %v %+v}", f.StreamID, f.Kind, member)
}

// Format shows the length of the context in its place, whatever the verb.
func (o StreamOpen) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "{Interaction:%v InitialCredit:%d Context:%s}", o.Interaction, o.InitialCredit, length(o.Context))
}

// Format shows the length of the payload in its place, whatever the verb.
func (d StreamData) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "{Sequence:%d Payload:%s}", d.Sequence, length(d.Payload))
}

// Format shows the length of the details in their place, whatever the verb.
func (e StreamError) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "{Code:%v Sequence:%d Message:%q Details:%s}", e.Code, e.Sequence, e.Message, length(e.Details))
}

// Format shows the length of the frame in its place, whatever the verb.
func (u UnknownFrame) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "{Bytes:%s}", length(u.Bytes))
}

// MarshalJSON shows what Format shows.
func (f StreamFrame) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(f)) }

// MarshalJSON shows what Format shows.
func (o StreamOpen) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(o)) }

// MarshalJSON shows what Format shows.
func (u UnknownFrame) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(u)) }

func length(b []byte) string { return strconv.Itoa(len(b)) + " bytes" }
