package sdk

import "fmt"

// ErrorKind says what went wrong. It is the same list in every language; numbers never change and are
// never used again, and later versions may add to it.
//
// Each kind is an error by itself, so that errors.Is(err, [ErrTruncated]) asks for it; [Error.Kind] is it.
//
// 1 to 99 are refusals of bytes and values (specification 20), 100 to 199 local misuse of a stream
// (specification 23), 200 to 299 faults of the crossing into the library.
type ErrorKind int32

// The kinds.
const (
	// ErrTruncated: the message, or the segment table before it, ends too early.
	ErrTruncated ErrorKind = 1
	// ErrTrailingBytes: bytes follow the message.
	ErrTrailingBytes ErrorKind = 2
	// ErrTooManySegments: more than 16 segments.
	ErrTooManySegments ErrorKind = 3
	// ErrMessageTooLarge: the segment table declares more than the payload limit and 20 KiB.
	ErrMessageTooLarge ErrorKind = 4
	// ErrFrameTooLarge: the payload of a data frame is larger than the endpoint's limit (1 MiB by default).
	ErrFrameTooLarge ErrorKind = 5
	// ErrContextTooLarge: an encoded context is larger than 16 KiB.
	ErrContextTooLarge ErrorKind = 6
	// ErrBadPointer: a pointer leads outside the message or to something of the wrong shape.
	ErrBadPointer ErrorKind = 7
	// ErrTooDeep: deeper than 8 levels.
	ErrTooDeep ErrorKind = 8
	// ErrTraversalLimit: reading visited more than twice the words of the message.
	ErrTraversalLimit ErrorKind = 9
	// ErrBadText: text that is not UTF-8, holds a NUL, or lacks its final NUL.
	ErrBadText ErrorKind = 10
	// ErrNilStreamID: the stream id is all zeros.
	ErrNilStreamID ErrorKind = 11
	// ErrBadIDLength: an id of the wrong length.
	ErrBadIDLength ErrorKind = 12
	// ErrDuplicateKey: a metadata key stands twice.
	ErrDuplicateKey ErrorKind = 13
	// ErrDuplicateCapability: a capability stands twice.
	ErrDuplicateCapability ErrorKind = 14
	// ErrBadMetadataKey: a metadata key that is empty, longer than 128 bytes, or not `[a-z0-9_.-]+`.
	ErrBadMetadataKey ErrorKind = 15
	// ErrTooManyMetadata: more than 64 metadata entries.
	ErrTooManyMetadata ErrorKind = 16
	// ErrMetadataTooLarge: a metadata value over 4 KiB, or all entries together over 8 KiB.
	ErrMetadataTooLarge ErrorKind = 17
	// ErrTooManyCapabilities: more than 64 capabilities.
	ErrTooManyCapabilities ErrorKind = 18
	// ErrCapabilityTooLong: a capability longer than 256 bytes.
	ErrCapabilityTooLong ErrorKind = 19
	// ErrTokenTooLong: a token reference longer than 1 KiB.
	ErrTokenTooLong ErrorKind = 20
	// ErrMessageTextTooLong: a message text or error details longer than 4 KiB.
	ErrMessageTextTooLong ErrorKind = 21
	// ErrNotCanonical: the bytes decode, but the value encodes to other bytes.
	ErrNotCanonical ErrorKind = 22
	// ErrBadJSON: the text form is malformed.
	ErrBadJSON ErrorKind = 23
	// ErrBadMethod: a method that is empty or longer than 256 bytes.
	ErrBadMethod ErrorKind = 24

	// ErrNotOpen: the stream has not been opened.
	ErrNotOpen ErrorKind = 100
	// ErrAlreadyOpen: the stream has been opened already.
	ErrAlreadyOpen ErrorKind = 101
	// ErrTooManyMessages: the interaction kind allows one message in this direction, and it has been sent.
	ErrTooManyMessages ErrorKind = 102
	// ErrMissingMessage: the interaction kind demands a message before the close.
	ErrMissingMessage ErrorKind = 103
	// ErrStreamEnded: this direction, or the whole stream, has ended.
	ErrStreamEnded ErrorKind = 104
	// ErrInvalidGrant: a grant of nothing, or for more than was delivered.
	ErrInvalidGrant ErrorKind = 105
	// ErrWindowOverflow: a grant would take the outstanding credit past 2^31 - 1.
	ErrWindowOverflow ErrorKind = 106
	// ErrCreditExhausted: there is no credit for this send.
	ErrCreditExhausted ErrorKind = 107
	// ErrQueueFull: too much waits to be sent on this stream, or on the connection.
	ErrQueueFull ErrorKind = 108
	// ErrTooManyStreams: the peer allows no more streams at once.
	ErrTooManyStreams ErrorKind = 109
	// ErrStreamIDInUse: the id is that of a stream that lives or has ended lately.
	ErrStreamIDInUse ErrorKind = 110
	// ErrNotEstablished: the peer's hello has not come yet.
	ErrNotEstablished ErrorKind = 111
	// ErrGoingAway: an end of the connection goes away, and no stream can be opened.
	ErrGoingAway ErrorKind = 112

	// ErrInvalidArgument: an argument that the function cannot take.
	ErrInvalidArgument ErrorKind = 200
	// ErrNullPointer: A NULL where a pointer is required.
	ErrNullPointer ErrorKind = 201
	// ErrBufferTooSmall: the caller's buffer is smaller than the output.
	ErrBufferTooSmall ErrorKind = 202
	// ErrClosed: the handle was closed before.
	ErrClosed ErrorKind = 203
	// ErrPanic: a panic was caught at the language border. This is a defect of Ixt.
	ErrPanic ErrorKind = 204
	// ErrABIMismatch: the loaded library is of another ABI version than the caller was built for.
	ErrABIMismatch ErrorKind = 205
)

// kinds is held against the library by a test.
var kinds = [...]struct {
	kind       ErrorKind
	name, says string
}{
	{ErrTruncated, "Truncated", "the message ends too early"},
	{ErrTrailingBytes, "TrailingBytes", "bytes follow the message"},
	{ErrTooManySegments, "TooManySegments", "the message has too many segments"},
	{ErrMessageTooLarge, "MessageTooLarge", "the message is larger than the limit"},
	{ErrFrameTooLarge, "FrameTooLarge", "the payload is larger than the limit"},
	{ErrContextTooLarge, "ContextTooLarge", "the context is larger than 16 KiB"},
	{ErrBadPointer, "BadPointer", "a pointer is malformed"},
	{ErrTooDeep, "TooDeep", "the message nests too deeply"},
	{ErrTraversalLimit, "TraversalLimit", "the message visits the same words too often"},
	{ErrBadText, "BadText", "text is not valid"},
	{ErrNilStreamID, "NilStreamId", "the stream id is nil"},
	{ErrBadIDLength, "BadIdLength", "an id has the wrong length"},
	{ErrDuplicateKey, "DuplicateKey", "a metadata key stands twice"},
	{ErrDuplicateCapability, "DuplicateCapability", "a capability stands twice"},
	{ErrBadMetadataKey, "BadMetadataKey", "a metadata key is malformed"},
	{ErrTooManyMetadata, "TooManyMetadata", "there are more than 64 metadata entries"},
	{ErrMetadataTooLarge, "MetadataTooLarge", "the metadata is too large"},
	{ErrTooManyCapabilities, "TooManyCapabilities", "there are more than 64 capabilities"},
	{ErrCapabilityTooLong, "CapabilityTooLong", "a capability is longer than 256 bytes"},
	{ErrTokenTooLong, "TokenTooLong", "the token reference is longer than 1 KiB"},
	{ErrMessageTextTooLong, "MessageTextTooLong", "a message text is longer than 4 KiB"},
	{ErrNotCanonical, "NotCanonical", "the message is not canonical"},
	{ErrBadJSON, "BadJson", "the text form is malformed"},
	{ErrBadMethod, "BadMethod", "the method is empty or longer than 256 bytes"},
	{ErrNotOpen, "NotOpen", "the stream is not open"},
	{ErrAlreadyOpen, "AlreadyOpen", "the stream is already open"},
	{ErrTooManyMessages, "TooManyMessages", "the interaction kind allows one message in this direction"},
	{ErrMissingMessage, "MissingMessage", "the interaction kind demands a message before the close"},
	{ErrStreamEnded, "StreamEnded", "the stream has ended"},
	{ErrInvalidGrant, "InvalidGrant", "the grant is not valid"},
	{ErrWindowOverflow, "WindowOverflow", "the credit would pass 2^31 - 1"},
	{ErrCreditExhausted, "CreditExhausted", "there is no credit"},
	{ErrQueueFull, "QueueFull", "too much waits to be sent"},
	{ErrTooManyStreams, "TooManyStreams", "the peer allows no more streams"},
	{ErrStreamIDInUse, "StreamIdInUse", "the stream id is in use, or was lately"},
	{ErrNotEstablished, "NotEstablished", "the connection is not established"},
	{ErrGoingAway, "GoingAway", "the connection is going away"},
	{ErrInvalidArgument, "InvalidArgument", "an argument is not valid"},
	{ErrNullPointer, "NullPointer", "a required pointer is NULL"},
	{ErrBufferTooSmall, "BufferTooSmall", "the buffer is too small"},
	{ErrClosed, "Closed", "the handle is closed"},
	{ErrPanic, "Panic", "the library panicked"},
	{ErrABIMismatch, "AbiMismatch", "the library has another ABI version"},
}

// String is the name that all languages use, such as "Truncated".
func (k ErrorKind) String() string {
	for i := range kinds {
		if kinds[i].kind == k {
			return kinds[i].name
		}
	}
	if name := nameOf(k); name != "Unknown" {
		return name
	}
	return fmt.Sprintf("ErrorKind(%d)", int32(k))
}

// Error is the name and a few words, such as "Truncated: the message ends too early".
func (k ErrorKind) Error() string {
	for i := range kinds {
		if kinds[i].kind == k {
			return kinds[i].name + ": " + kinds[i].says
		}
	}
	return k.String() + ": " + saysOf(k)
}

// Error is what everything in this package fails with: a kind, and the place where that is known.
//
// It holds names of fields and numbers, never bytes of the input, so it may be logged.
type Error struct {
	Kind ErrorKind
	// Field is the name in the schema, such as "metadata[3].key"; empty where none applies.
	Field string
	// Offset is the byte of the input; -1 where that is not known.
	Offset int
}

func (e *Error) Error() string {
	text := e.Kind.Error()
	if e.Field != "" {
		text += " (" + e.Field + ")"
	}
	if e.Offset >= 0 {
		text += fmt.Sprintf(" at byte %d", e.Offset)
	}
	return text
}

// Unwrap gives the kind, for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

func failure(kind ErrorKind, field string) error {
	return &Error{Kind: kind, Field: field, Offset: -1}
}
