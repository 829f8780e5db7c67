package sdk

/*
#include "ixt.h"

#cgo noescape ixt_frame_split
#cgo nocallback ixt_frame_split
#cgo noescape ixt_frame_decode
#cgo nocallback ixt_frame_decode
#cgo noescape ixt_frame_decode_canonical
#cgo nocallback ixt_frame_decode_canonical
#cgo noescape ixt_frame_decode_batch
#cgo nocallback ixt_frame_decode_batch
#cgo noescape ixt_frame_encode
#cgo nocallback ixt_frame_encode
#cgo noescape ixt_frame_encode_batch
#cgo nocallback ixt_frame_encode_batch
#cgo noescape ixt_open_encode
#cgo nocallback ixt_open_encode
#cgo noescape ixt_data_encode
#cgo nocallback ixt_data_encode
#cgo noescape ixt_error_encode
#cgo nocallback ixt_error_encode
#cgo noescape ixt_close_encode
#cgo nocallback ixt_close_encode
#cgo noescape ixt_cancel_encode
#cgo nocallback ixt_cancel_encode
#cgo noescape ixt_credit_encode
#cgo nocallback ixt_credit_encode
*/
import "C"

import (
	"bytes"
	"slices"
	"unsafe"
)

// Limits is what the two ends of a connection agreed on. The zero value is the default: payloads of up
// to 1 MiB. The package's functions of the same names as its methods use the default.
type Limits struct {
	payload int
	set     bool
}

// DefaultMaxPayload is the largest payload of a data frame, unless both ends agreed otherwise.
const DefaultMaxPayload = C.IXT_MAX_PAYLOAD

// messageOverhead is how much larger than its payload a whole frame may be.
const messageOverhead = 20 << 10

// LimitPayload sets the largest payload of a data frame, in bytes.
func LimitPayload(n int) Limits { return Limits{payload: max(n, 0), set: true} }

// MaxPayload is the largest payload of a data frame, in bytes.
func (l Limits) MaxPayload() int {
	if l.set {
		return l.payload
	}
	return DefaultMaxPayload
}

func (l Limits) max() C.size_t { return C.size_t(l.MaxPayload()) }

// EncodeStreamFrame gives the canonical bytes of a frame, in memory of their own.
func EncodeStreamFrame(f *StreamFrame) ([]byte, error) { return Limits{}.EncodeStreamFrame(f) }

// AppendStreamFrame appends the canonical bytes of a frame to dst. It allocates nothing where dst has
// room; 88 bytes more than what the frame carries are always enough. On failure it gives dst back as it
// was.
func AppendStreamFrame(dst []byte, f *StreamFrame) ([]byte, error) {
	return Limits{}.AppendStreamFrame(dst, f)
}

// EncodeStreamFrames gives the canonical bytes of frames, back to back, in memory of their own.
func EncodeStreamFrames(frames []StreamFrame) ([]byte, error) {
	return Limits{}.EncodeStreamFrames(frames)
}

// AppendStreamFrames appends the canonical bytes of frames, back to back, to dst, in one crossing for many:
// the bytes that [AppendStreamFrame] gives of each. It allocates nothing where dst has room; 88 bytes a
// frame more than what the frames carry are always enough. On failure, which is that of the first frame
// that is refused, it gives dst back as it was.
func AppendStreamFrames(dst []byte, frames []StreamFrame) ([]byte, error) {
	return Limits{}.AppendStreamFrames(dst, frames)
}

// DecodeStreamFrame decodes one whole frame, and copies what it carries.
func DecodeStreamFrame(b []byte) (StreamFrame, error) { return Limits{}.DecodeStreamFrame(b) }

// DecodeStreamFrameInto decodes one whole frame into f without copying: Payload, Context, Details and the
// bytes of an unknown frame are parts of b, and mean what b holds. It allocates nothing, but for the
// message of an error or a cancel. On failure f is left alone.
func DecodeStreamFrameInto(f *StreamFrame, b []byte) error {
	return Limits{}.DecodeStreamFrameInto(f, b)
}

// DecodeCanonicalStreamFrame decodes one whole frame, and refuses with [ErrNotCanonical] bytes that its
// value does not encode to. It is for who compares, hashes or signs frames.
func DecodeCanonicalStreamFrame(b []byte) (StreamFrame, error) {
	return Limits{}.DecodeCanonicalStreamFrame(b)
}

// DecodeStreamFrames decodes the frames at the front of a read buffer, in one crossing for many, appends
// them to frames, and says how many bytes they were. As with [DecodeStreamFrameInto], they alias b.
//
// It stops at a frame that is not there whole, and before one that is refused; the refusal comes with
// the frames before it.
func DecodeStreamFrames(frames []StreamFrame, b []byte) ([]StreamFrame, int, error) {
	return Limits{}.DecodeStreamFrames(frames, b)
}

// SplitStreamFrame gives the length of the first frame in a stream of bytes, from its segment table alone;
// 0 where more bytes have to come before that is known or the frame is whole. Bytes that can be no frame are
// refused at once.
func SplitStreamFrame(b []byte) (int, error) { return Limits{}.SplitStreamFrame(b) }

// EncodeStreamFrame is [EncodeStreamFrame] within these limits.
func (l Limits) EncodeStreamFrame(f *StreamFrame) ([]byte, error) {
	return l.AppendStreamFrame(make([]byte, 0, f.size()), f)
}

// size is at least what the frame encodes to: segment table, root, five words, two pointers, and each
// part with the bytes that fill up its last word.
func (f *StreamFrame) size() int {
	const fixed = 8 + 8 + 5*8 + 2*8 + 2*8
	switch f.Kind {
	case FrameOpen:
		return fixed + len(f.Open.Context)
	case FrameData:
		return fixed + len(f.Data.Payload)
	case FrameError:
		return fixed + len(f.Error.Message) + len(f.Error.Details)
	case FrameCancel:
		return fixed + len(f.Cancel.Message)
	case FrameClose, FrameCredit:
		return fixed
	default:
		return len(f.Unknown.Bytes)
	}
}

// carries is the bytes of the caller's that the frame refers to.
func (f *StreamFrame) carries() []byte {
	switch f.Kind {
	case FrameData:
		return f.Data.Payload
	case FrameOpen:
		return f.Open.Context
	case FrameError:
		return f.Error.Details
	case FrameClose, FrameCancel, FrameCredit:
		return nil
	default:
		return f.Unknown.Bytes
	}
}

// AppendStreamFrame is [AppendStreamFrame] within these limits.
func (l Limits) AppendStreamFrame(dst []byte, f *StreamFrame) ([]byte, error) {
	if abi != nil {
		return dst, abi
	}
	var status C.ixt_status_t
	var written C.size_t
	dst = room(dst, f.size(), f.carries())
	out, capacity := slice(dst[len(dst):cap(dst)])
	id := (*C.uint8_t)(unsafe.Pointer(&f.StreamID))
	switch f.Kind {
	case FrameData:
		payload, length := slice(f.Data.Payload)
		status = C.ixt_data_encode(id, C.uint64_t(f.Data.Sequence), payload, length, l.max(), out, capacity, &written)
	case FrameOpen:
		context, length := slice(f.Open.Context)
		status = C.ixt_open_encode(id, C.uint16_t(f.Open.Interaction), C.uint32_t(f.Open.InitialCredit),
			context, length, out, capacity, &written)
	case FrameError:
		message, length := text(f.Error.Message)
		details, detailsLength := slice(f.Error.Details)
		status = C.ixt_error_encode(id, C.uint16_t(f.Error.Code), C.uint64_t(f.Error.Sequence),
			message, length, details, detailsLength, out, capacity, &written)
	case FrameClose:
		status = C.ixt_close_encode(id, C.uint16_t(f.Close.Reason), C.uint64_t(f.Close.FinalSequence),
			out, capacity, &written)
	case FrameCancel:
		message, length := text(f.Cancel.Message)
		status = C.ixt_cancel_encode(id, C.uint16_t(f.Cancel.Reason), message, length, out, capacity, &written)
	case FrameCredit:
		status = C.ixt_credit_encode(id, C.uint32_t(f.Credit.Frames), out, capacity, &written)
	default:
		return l.appendUnknown(dst, f)
	}
	if status != C.IXT_OK {
		return dst, failure(ErrorKind(status), f.Kind.String())
	}
	return dst[:len(dst)+int(written)], nil
}

// appendUnknown lets the library see that the bytes are those of a frame of a later schema.
func (l Limits) appendUnknown(dst []byte, f *StreamFrame) ([]byte, error) {
	if len(f.Unknown.Bytes) == 0 {
		return dst, failure(ErrInvalidArgument, "kind")
	}
	var e C.ixt_error_t
	var written C.size_t
	frame := C.ixt_frame_t{kind: C.IXT_FRAME_UNKNOWN, tag: C.uint16_t(f.Kind)}
	frame.stream_id = *(*[16]C.uint8_t)(unsafe.Pointer(&f.StreamID))
	frame.frame.length = C.uint32_t(len(f.Unknown.Bytes))
	bytes, length := slice(f.Unknown.Bytes)
	out, capacity := slice(dst[len(dst):cap(dst)])
	if status := C.ixt_frame_encode(&frame, bytes, length, l.max(), out, capacity, &written, &e); status != C.IXT_OK {
		return dst, refusal(status, &e)
	}
	return dst[:len(dst)+int(written)], nil
}

// DecodeStreamFrame is [DecodeStreamFrame] within these limits.
func (l Limits) DecodeStreamFrame(b []byte) (f StreamFrame, err error) {
	if err := l.DecodeStreamFrameInto(&f, b); err != nil {
		return StreamFrame{}, err
	}
	f.own()
	return f, nil
}

// own copies what the frame borrows.
func (f *StreamFrame) own() {
	switch f.Kind {
	case FrameOpen:
		f.Open.Context = bytes.Clone(f.Open.Context)
	case FrameData:
		f.Data.Payload = bytes.Clone(f.Data.Payload)
	case FrameError:
		f.Error.Details = bytes.Clone(f.Error.Details)
	case FrameClose, FrameCancel, FrameCredit:
	default:
		f.Unknown.Bytes = bytes.Clone(f.Unknown.Bytes)
	}
}

// DecodeStreamFrameInto is [DecodeStreamFrameInto] within these limits.
func (l Limits) DecodeStreamFrameInto(f *StreamFrame, b []byte) error {
	if abi != nil {
		return abi
	}
	var frame C.ixt_frame_t
	bytes, length := slice(b)
	if status := C.ixt_frame_decode(bytes, length, l.max(), &frame, nil); status != C.IXT_OK {
		return l.decodeAgain(b)
	}
	f.set(&frame, b)
	return nil
}

// decodeAgain asks for the place of a refusal. Who decodes well-formed frames does not pay for the room
// that it needs.
//
//go:noinline
func (l Limits) decodeAgain(b []byte) error {
	var frame C.ixt_frame_t
	var e C.ixt_error_t
	bytes, length := slice(b)
	status := C.ixt_frame_decode(bytes, length, l.max(), &frame, &e)
	return refusal(status, &e)
}

// DecodeCanonicalStreamFrame is [DecodeCanonicalStreamFrame] within these limits.
func (l Limits) DecodeCanonicalStreamFrame(b []byte) (f StreamFrame, err error) {
	if abi != nil {
		return StreamFrame{}, abi
	}
	var frame C.ixt_frame_t
	var e C.ixt_error_t
	bytes, length := slice(b)
	if status := C.ixt_frame_decode_canonical(bytes, length, l.max(), &frame, &e); status != C.IXT_OK {
		return StreamFrame{}, refusal(status, &e)
	}
	f.set(&frame, b)
	f.own()
	return f, nil
}

// set takes what was decoded from input.
func (f *StreamFrame) set(frame *C.ixt_frame_t, input []byte) {
	*f = StreamFrame{}
	f.StreamID = *(*StreamID)(unsafe.Pointer(&frame.stream_id))
	f.Kind = FrameKind(frame.tag)
	switch f.Kind {
	case FrameData:
		f.Data = StreamData{uint64(frame.sequence), cut(input, frame.payload)}
	case FrameOpen:
		f.Open = StreamOpen{InteractionKind(frame.interaction), uint32(frame.credit), cut(input, frame.context)}
	case FrameError:
		f.Error = StreamError{StreamErrorCode(frame.code), uint64(frame.sequence),
			string(cut(input, frame.message)), cut(input, frame.details)}
	case FrameClose:
		f.Close = StreamClose{CloseReason(frame.reason), uint64(frame.sequence)}
	case FrameCancel:
		f.Cancel = StreamCancel{CancelReason(frame.reason), string(cut(input, frame.message))}
	case FrameCredit:
		f.Credit = StreamCredit{uint32(frame.credit)}
	default:
		f.Unknown = UnknownFrame{cut(input, frame.frame)}
	}
}

// batch is how many frames one crossing encodes or decodes.
const batch = 32

// arenaSize is how many bytes of frames are copied for one crossing. A frame that carries more than an
// eighth of it is encoded alone: to copy it takes longer than the crossing.
const arenaSize = 4096

// EncodeStreamFrames is [EncodeStreamFrames] within these limits.
func (l Limits) EncodeStreamFrames(frames []StreamFrame) ([]byte, error) {
	size := 0
	for i := range frames {
		size += frames[i].size()
	}
	return l.AppendStreamFrames(make([]byte, 0, size), frames)
}

// AppendStreamFrames is [AppendStreamFrames] within these limits.
func (l Limits) AppendStreamFrames(dst []byte, frames []StreamFrame) ([]byte, error) {
	if abi != nil {
		return dst, abi
	}
	size, clash := 0, false
	spare := dst[len(dst):cap(dst)]
	for i := range frames {
		size += frames[i].size()
		clash = clash || overlap(spare, frames[i].carries())
	}
	out := dst
	if clash {
		// What is written first must not be what is to be read later.
		out = append(make([]byte, 0, len(dst)+size), dst...)
	}
	return l.appendGrown(dst, grow(out, size), frames)
}

// appendGrown appends to out, which has room, and gives dst where it fails.
func (l Limits) appendGrown(dst, out []byte, frames []StreamFrame) ([]byte, error) {
	var laid [batch]C.ixt_frame_t
	var fixed [arenaSize]byte
	for len(frames) > 0 {
		if n, arena := layFrames(laid[:], fixed[:0], frames); n > 0 {
			bytes, length := slice(arena)
			room, capacity := slice(out[len(out):cap(out)])
			var encoded, written C.size_t
			if status := C.ixt_frame_encode_batch(&laid[0], C.size_t(n), bytes, length, l.max(), room, capacity,
				&encoded, &written, nil); status == C.IXT_OK {
				out = out[:len(out)+int(written)]
				frames = frames[encoded:]
				if int(encoded) == n {
					continue
				}
			}
		}
		// One that is refused, or that was not copied. Alone it tells what is wrong with it.
		var err error
		if out, err = l.AppendStreamFrame(out, &frames[0]); err != nil {
			return dst, err
		}
		frames = frames[1:]
	}
	return out, nil
}

// layFrames puts frames, and copies of what they carry, where the library may read them: it must not be
// handed pointers within Go's memory. It gives how many of the first frames there was room for, and the
// bytes that they carry.
func layFrames(laid []C.ixt_frame_t, arena []byte, frames []StreamFrame) (int, []byte) {
	for i := range min(len(laid), len(frames)) {
		f, to := &frames[i], &laid[i]
		if n := f.size(); n > arenaSize/8 || n > cap(arena)-len(arena) {
			return i, arena
		}
		to.stream_id = *(*[16]C.uint8_t)(unsafe.Pointer(&f.StreamID))
		to.kind = C.uint16_t(f.Kind)
		switch f.Kind {
		case FrameData:
			to.sequence = C.uint64_t(f.Data.Sequence)
			to.payload, arena = lay(arena, f.Data.Payload)
		case FrameOpen:
			to.interaction = C.uint16_t(f.Open.Interaction)
			to.credit = C.uint32_t(f.Open.InitialCredit)
			to.context, arena = lay(arena, f.Open.Context)
		case FrameError:
			to.code = C.uint16_t(f.Error.Code)
			to.sequence = C.uint64_t(f.Error.Sequence)
			to.message, arena = lay(arena, f.Error.Message)
			to.details, arena = lay(arena, f.Error.Details)
		case FrameClose:
			to.reason = C.uint16_t(f.Close.Reason)
			to.sequence = C.uint64_t(f.Close.FinalSequence)
		case FrameCancel:
			to.reason = C.uint16_t(f.Cancel.Reason)
			to.message, arena = lay(arena, f.Cancel.Message)
		case FrameCredit:
			to.credit = C.uint32_t(f.Credit.Frames)
		default:
			return i, arena
		}
	}
	return min(len(laid), len(frames)), arena
}

// lay copies a part, and says where it stands.
func lay[T []byte | string](arena []byte, part T) (C.ixt_span_t, []byte) {
	at := C.ixt_span_t{C.uint32_t(len(arena)), C.uint32_t(len(part))}
	return at, append(arena, part...)
}

// DecodeStreamFrames is [DecodeStreamFrames] within these limits.
func (l Limits) DecodeStreamFrames(frames []StreamFrame, b []byte) ([]StreamFrame, int, error) {
	if abi != nil {
		return frames, 0, abi
	}
	var found [batch]C.ixt_frame_t
	done := 0
	for {
		var count, consumed C.size_t
		rest := b[done:]
		bytes, length := slice(rest)
		if status := C.ixt_frame_decode_batch(bytes, length, l.max(), &found[0], batch, &count, &consumed, nil); status != C.IXT_OK {
			return frames, done, l.decodeFirst(rest)
		}
		from := len(frames)
		frames = slices.Grow(frames, int(count))[:from+int(count)]
		for i := range found[:count] {
			frames[from+i].set(&found[i], rest)
		}
		done += int(consumed)
		if count == 0 || done == len(b) {
			return frames, done, nil
		}
	}
}

// decodeFirst asks for the place of the refusal of the frame at the front.
func (l Limits) decodeFirst(b []byte) error {
	var frame C.ixt_frame_t
	var e C.ixt_error_t
	var count, consumed C.size_t
	bytes, length := slice(b)
	status := C.ixt_frame_decode_batch(bytes, length, l.max(), &frame, 1, &count, &consumed, &e)
	return refusal(status, &e)
}

// SplitStreamFrame is [SplitStreamFrame] within these limits.
func (l Limits) SplitStreamFrame(b []byte) (int, error) {
	if abi != nil {
		return 0, abi
	}
	var length C.size_t
	bytes, have := slice(b)
	if status := C.ixt_frame_split(bytes, have, l.max()+messageOverhead, &length); status != C.IXT_OK {
		return 0, failure(ErrorKind(status), "")
	}
	if length > have {
		return 0, nil
	}
	return int(length), nil
}
