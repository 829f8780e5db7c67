package sdk

import "time"

// ConnectionConfig is the settings of one end of a connection. Zero fields mean the usual value, which is safe
// against a hostile peer.
type ConnectionConfig struct {
	// MaxPayload is the largest payload of a message, in bytes; the smaller one of the two ends' holds. 1 MiB;
	// at most 256 MiB.
	MaxPayload uint32
	// MaxStreams is how many streams the peer may have open at once: 10,000.
	MaxStreams uint32
	// Window is how many messages a stream's sender may be ahead of its reader: 64.
	Window uint32
	// InitialCredit is how many messages every opener may send at once, without a round trip: 64, or the window
	// where that is smaller.
	InitialCredit uint32
	// MaxQueuedStream is how many bytes of one stream may wait to be sent: 1 MiB.
	MaxQueuedStream int
	// MaxQueued is how many bytes of all streams may wait to be sent: 16 MiB.
	MaxQueued int
	// Idle ends the connection when nothing has come for so long: 60 s. Below 0 it means never.
	Idle time.Duration
	// Keepalive sends a ping when nothing has come for so long: 15 s, or a quarter of Idle where that is shorter.
	// It must be shorter than Idle. Below 0 it means never.
	Keepalive time.Duration
	// Software is told to the peer, for people; at most 128 bytes.
	Software string
}

// window is the one that holds.
func (c *ConnectionConfig) window() uint32 {
	if c.Window == 0 {
		return defaultConnectionWindow
	}
	return c.Window
}

// defaultConnectionWindow is the library's.
const defaultConnectionWindow = 64

// ConnectionStats is what has passed on a connection.
type ConnectionStats struct {
	FramesIn, FramesOut uint64
	BytesIn, BytesOut   uint64
	// Opened counts streams, of both ends. Refused counts those of the peer that were not taken.
	Opened, Refused uint64
	// Ignored counts frames that crossed with the end of their stream.
	Ignored uint64
	// Violations counts rules of streams that the peer broke.
	Violations uint64
	// Streams is how many live, Queued how many bytes wait to be sent.
	Streams, Queued uint64
}

// EndReason says why a connection ended.
type EndReason uint16

// The values of EndReason.
const (
	EndUnspecified       EndReason = 0  // no reason given
	EndShutdown          EndReason = 1  // an end went away in order
	EndProtocolViolation EndReason = 2  // frames that the protocol does not allow where they stand
	EndTornFrame         EndReason = 3  // the byte stream ended within a frame
	EndOversizedFrame    EndReason = 4  // a frame larger than the limit
	EndMalformedFrame    EndReason = 5  // a frame that does not decode
	EndTooManyViolations EndReason = 6  // broken rules of streams, too many of them
	EndIdle              EndReason = 7  // nothing came for too long
	EndVersion           EndReason = 8  // no version of the connection protocol in common
	EndOverload          EndReason = 9  // more waits to be sent than the limits allow
	EndRefused           EndReason = 10 // the peer may not connect
	EndTransport         EndReason = 11 // the byte stream ended, or could not be read or written
)

var endReasonNames = [...]string{
	"unspecified", "shutdown", "protocolViolation", "tornFrame", "oversizedFrame", "malformedFrame",
	"tooManyViolations", "idle", "version", "overload", "refused", "transport",
}

// String is the name in the schema, or the number where there is none.
func (v EndReason) String() string { return name(endReasonNames[:], uint16(v)) }

// ConnectionEndError says that a connection has ended, and how. It is [ErrClosed].
type ConnectionEndError struct {
	Reason  EndReason
	By      By
	Message string
}

func (e *ConnectionEndError) Error() string {
	text := "the connection ended: " + e.Reason.String()
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap gives [ErrClosed].
func (e *ConnectionEndError) Unwrap() error { return ErrClosed }
