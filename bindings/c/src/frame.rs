//! Frames to bytes and back.

use std::mem::MaybeUninit;

use ixt_core::stream::{
    Cancel, CancelReason, Close, CloseReason, Credit, Frame, FrameBody, FrameRef, InteractionKind, Open,
    StreamData, StreamError, StreamErrorCode, StreamId, UnknownFrame,
};
use ixt_core::wire::{Split, split};
use ixt_core::{Error, ErrorKind, Limits};

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, BytesOut, FramesIn, FramesOut, utf8};
use crate::guard::{guard, guard_with, required};
use crate::span::{MAX_INPUT, ixt_span_t};
use crate::status::ixt_status_t;

/// The largest payload of a data frame in bytes, unless both ends agreed otherwise. What functions take
/// as `max_payload` is this number or the one agreed on; there is no number that stands for it.
pub const IXT_MAX_PAYLOAD: usize = 1_048_576;

/// What a frame may have beyond the payload limit, in bytes.
pub const IXT_MAX_OVERHEAD: usize = 20_480;

/// The longest message of an error or cancel frame, and the longest details, in bytes each.
pub const IXT_MAX_TEXT: usize = 4096;

/// The values of ixt_frame_t's `kind`.
#[repr(C)]
pub enum ixt_frame_kind {
    /// Begins a stream: interaction, credit, context.
    IXT_FRAME_OPEN = 0,
    /// One message: sequence, payload.
    IXT_FRAME_DATA = 1,
    /// Ends the stream as failed: code, sequence, message, details.
    IXT_FRAME_ERROR = 2,
    /// Ends one direction in order: reason, sequence.
    IXT_FRAME_CLOSE = 3,
    /// Ends the stream as cancelled: reason, message.
    IXT_FRAME_CANCEL = 4,
    /// Allows the peer further data frames: credit.
    IXT_FRAME_CREDIT = 5,
    /// A kind of a later schema, whole: tag, frame.
    IXT_FRAME_UNKNOWN = 65535,
}

/// The values of `interaction`: how many messages each side may send. Numbers that are not here come
/// from a later schema and are kept as they are; so it is with the three enumerations below.
#[repr(C)]
pub enum ixt_interaction {
    /// One message each way.
    IXT_INTERACTION_UNARY = 0,
    /// Any number from the opener, one back.
    IXT_INTERACTION_CLIENT_STREAM = 1,
    /// One from the opener, any number back.
    IXT_INTERACTION_SERVER_STREAM = 2,
    /// Any number each way.
    IXT_INTERACTION_BIDI_STREAM = 3,
}

/// The values of `reason` in a close: why a direction ended in order. Only `IXT_CLOSE_COMPLETED` is success.
#[repr(C)]
pub enum ixt_close_reason {
    /// No reason given; never reads as success.
    IXT_CLOSE_UNSPECIFIED = 0,
    /// All that there was has been sent.
    IXT_CLOSE_COMPLETED = 1,
    /// A limit of the sender was reached.
    IXT_CLOSE_LIMIT_REACHED = 2,
    /// Nothing was sent for too long.
    IXT_CLOSE_IDLE = 3,
    /// The sender is about to go.
    IXT_CLOSE_GOING_AWAY = 4,
}

/// The values of `reason` in a cancel: why a stream was given up.
#[repr(C)]
pub enum ixt_cancel_reason {
    /// No reason given.
    IXT_CANCEL_UNSPECIFIED = 0,
    /// A person or the application asked for it.
    IXT_CANCEL_USER_REQUESTED = 1,
    /// The deadline of the context passed.
    IXT_CANCEL_DEADLINE_EXCEEDED = 2,
    /// Nobody is there to take the messages.
    IXT_CANCEL_CONSUMER_GONE = 3,
    /// A later invocation took its place.
    IXT_CANCEL_SUPERSEDED = 4,
    /// The invocation that caused this one was cancelled.
    IXT_CANCEL_UPSTREAM_CANCELLED = 5,
    /// The peer granted no credit for too long.
    IXT_CANCEL_BACKPRESSURE_TIMEOUT = 6,
    /// The process shuts down.
    IXT_CANCEL_SHUTDOWN = 7,
}

/// The values of `code`: why a stream failed.
#[repr(C)]
pub enum ixt_error_code {
    /// No code given.
    IXT_CODE_UNKNOWN = 0,
    /// The work was cancelled.
    IXT_CODE_CANCELLED = 1,
    /// The request is wrong, whatever the state of the system.
    IXT_CODE_INVALID_ARGUMENT = 2,
    /// The work took too long.
    IXT_CODE_DEADLINE_EXCEEDED = 3,
    /// What was asked for, or who was to do it, does not exist.
    IXT_CODE_NOT_FOUND = 4,
    /// The caller is not known.
    IXT_CODE_UNAUTHENTICATED = 5,
    /// The caller is known and may not.
    IXT_CODE_PERMISSION_DENIED = 6,
    /// A limit or quota is spent.
    IXT_CODE_RESOURCE_EXHAUSTED = 7,
    /// Try again later.
    IXT_CODE_UNAVAILABLE = 8,
    /// A defect.
    IXT_CODE_INTERNAL = 9,
    /// A frame that its state forbids, or too many or too few messages for the kind.
    IXT_CODE_PROTOCOL_VIOLATION = 10,
    /// Data without credit, a grant of zero, or a window beyond 2^31 - 1.
    IXT_CODE_FLOW_CONTROL_VIOLATION = 11,
    /// A gap, a duplicate, or a final sequence that does not match.
    IXT_CODE_SEQUENCE_VIOLATION = 12,
}

/// A frame, as places in an input: what decoding gives, and what ixt_frame_encode() takes with the same
/// or another input. It holds no pointer. Fields that its kind has no use for are 0 when decoded and not
/// looked at when encoded.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_frame_t {
    /// The stream that it belongs to; never all zeros.
    pub stream_id: [u8; 16],
    /// Of data: its number, from 0 on. Of an error: how many data frames were accepted for sending before
    /// it. Of a close: how many data frames were sent.
    pub sequence: u64,
    /// Of an open: data frames that the opener is ready to receive. Of a credit: further data frames allowed.
    pub credit: u32,
    /// One of ixt_frame_kind.
    pub kind: u16,
    /// The tag on the wire; it differs from `kind` where that is IXT_FRAME_UNKNOWN.
    pub tag: u16,
    /// Of an open: one of ixt_interaction, or a number of a later schema.
    pub interaction: u16,
    /// Of an error: one of ixt_error_code, or a number of a later schema.
    pub code: u16,
    /// Of a close: one of ixt_close_reason. Of a cancel: one of ixt_cancel_reason. Or a number of
    /// a later schema.
    pub reason: u16,
    /// 0.
    pub reserved: u16,
    /// Of an open: the encoded invocation context; empty means anonymous.
    pub context: ixt_span_t,
    /// Of data: the application's bytes.
    pub payload: ixt_span_t,
    /// Of an error or cancel: text for people.
    pub message: ixt_span_t,
    /// Of an error: the application's bytes.
    pub details: ixt_span_t,
    /// The whole encoded frame, for whoever passes it on as it came. To encode, it is needed for an
    /// unknown kind alone.
    pub frame: ixt_span_t,
}

impl ixt_frame_t {
    /// The frame that was decoded from `message`, a part of `input`.
    pub(crate) fn of(frame: &FrameRef<'_>, message: &[u8], input: &[u8]) -> Self {
        let mut out = Self::begin(frame.stream_id, frame.body.tag(), message, input);
        match frame.body {
            FrameBody::Open(open) => {
                out.interaction = open.interaction.raw();
                out.credit = open.initial_credit;
                out.context = ixt_span_t::of(open.context, input);
            }
            FrameBody::Data(data) => {
                out.sequence = data.sequence;
                out.payload = ixt_span_t::of(data.payload, input);
            }
            FrameBody::Error(error) => {
                out.code = error.code.raw();
                out.sequence = error.sequence;
                out.message = ixt_span_t::of(error.message.as_bytes(), input);
                out.details = ixt_span_t::of(error.details, input);
            }
            FrameBody::Close(close) => {
                out.reason = close.reason.raw();
                out.sequence = close.final_sequence;
            }
            FrameBody::Cancel(cancel) => {
                out.reason = cancel.reason.raw();
                out.message = ixt_span_t::of(cancel.message.as_bytes(), input);
            }
            FrameBody::Credit(credit) => out.credit = credit.frames,
            // Kinds of a later schema, and of a later core that this file does not know of.
            _ => out.kind = ixt_frame_kind::IXT_FRAME_UNKNOWN as u16,
        }
        out
    }

    /// The data frame that was decoded from `message`, a part of `input`: of nearly all frames, and filled
    /// where it is to stand.
    #[inline(always)]
    pub(crate) fn of_data(id: StreamId, data: StreamData<&[u8]>, message: &[u8], input: &[u8]) -> Self {
        Self {
            sequence: data.sequence,
            payload: ixt_span_t::of(data.payload, input),
            ..Self::begin(id, ixt_frame_kind::IXT_FRAME_DATA as u16, message, input)
        }
    }

    #[inline(always)]
    fn begin(id: StreamId, tag: u16, message: &[u8], input: &[u8]) -> Self {
        Self {
            stream_id: *id.as_bytes(),
            sequence: 0,
            credit: 0,
            kind: tag,
            tag,
            interaction: 0,
            code: 0,
            reason: 0,
            reserved: 0,
            context: ixt_span_t::default(),
            payload: ixt_span_t::default(),
            message: ixt_span_t::default(),
            details: ixt_span_t::default(),
            frame: ixt_span_t::of(message, input),
        }
    }

    /// Writes the frame whose parts stand in `input`.
    #[inline]
    fn encode_to_slice(&self, input: &[u8], limits: Limits, out: &mut [u8]) -> Result<usize, Error> {
        // Nearly all are data frames, and those need not become one of seven kinds on the way.
        if self.kind == ixt_frame_kind::IXT_FRAME_DATA as u16
            && let Ok(payload) = self.payload.get(input)
        {
            let data = StreamData { sequence: self.sequence, payload };
            if let Some(length) = FrameRef::encode_data(StreamId::new(self.stream_id)?, data, out, limits) {
                return Ok(length);
            }
        }
        self.get(input)?.encode_to_slice(out, limits)
    }

    /// The frame whose parts stand in `input`.
    #[inline(never)]
    pub(crate) fn get<'a>(&self, input: &'a [u8]) -> Result<FrameRef<'a>, Error> {
        let stream_id = StreamId::new(self.stream_id)?;
        let place = |span: ixt_span_t, field: &'static str| {
            span.get(input).map_err(|kind| Error::new(kind).in_field(field))
        };
        let body = match self.kind {
            0 => FrameBody::Open(Open {
                interaction: InteractionKind::from_raw(self.interaction),
                initial_credit: self.credit,
                context: place(self.context, "open.context")?,
            }),
            1 => FrameBody::Data(StreamData {
                sequence: self.sequence,
                payload: place(self.payload, "data.payload")?,
            }),
            2 => FrameBody::Error(StreamError {
                code: StreamErrorCode::from_raw(self.code),
                sequence: self.sequence,
                message: text(place(self.message, "error.message")?, "error.message")?,
                details: place(self.details, "error.details")?,
            }),
            3 => FrameBody::Close(Close {
                reason: CloseReason::from_raw(self.reason),
                final_sequence: self.sequence,
            }),
            4 => FrameBody::Cancel(Cancel {
                reason: CancelReason::from_raw(self.reason),
                message: text(place(self.message, "cancel.message")?, "cancel.message")?,
            }),
            5 => FrameBody::Credit(Credit { frames: self.credit }),
            _ => return unknown(place(self.frame, "frame")?),
        };
        Ok(Frame { stream_id, body })
    }
}

/// A frame of a later schema from its original bytes, which are all that can be encoded of it.
fn unknown(message: &[u8]) -> Result<FrameRef<'_>, Error> {
    let frame = FrameRef::decode_within(message, Limits::with_max_payload(usize::MAX))?;
    match frame.body {
        FrameBody::Unknown(UnknownFrame { .. }) => Ok(frame),
        _ => Err(Error::new(ErrorKind::InvalidArgument).in_field("kind")),
    }
}

/// UTF-8, or the refusal that names the field.
#[inline]
pub(crate) fn text<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a str, Error> {
    utf8(bytes).ok_or_else(|| Error::new(ErrorKind::BadText).in_field(field))
}

/// Writes a frame to the caller's room; says how much room is needed where it is too small.
#[inline]
pub(crate) fn emit<B: AsRef<[u8]>, T: AsRef<str>>(
    frame: &Frame<B, T>,
    limits: Limits,
    out: &mut [u8],
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    match frame.encode_to_slice(out, limits) {
        Ok(length) => {
            written.write(length);
            Ok(())
        }
        Err(error) => {
            if error.kind() == ErrorKind::BufferTooSmall {
                written.write(frame.encoded_len());
            }
            Err(error)
        }
    }
}

/// The same for a data frame, as nearly all are.
#[inline]
pub(crate) fn emit_data(
    id: StreamId,
    data: StreamData<&[u8]>,
    limits: Limits,
    out: &mut [u8],
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    match FrameRef::encode_data(id, data, out, limits) {
        Some(length) => {
            written.write(length);
            Ok(())
        }
        None => emit_other_data(id, data, limits, out, written),
    }
}

#[cold]
#[inline(never)]
fn emit_other_data(
    id: StreamId,
    data: StreamData<&[u8]>,
    limits: Limits,
    out: &mut [u8],
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    emit(&FrameRef::data(id, data.sequence, data.payload), limits, out, written)
}

/// Where a frame goes, and the bytes that it is decoded from.
#[inline]
fn decoding(
    bytes: Bytes,
    length: usize,
    frame: Option<&mut MaybeUninit<ixt_frame_t>>,
) -> Result<(&mut MaybeUninit<ixt_frame_t>, &[u8]), ErrorKind> {
    let frame = required(frame)?;
    let bytes = bytes.get(length)?;
    if length > MAX_INPUT { Err(ErrorKind::MessageTooLarge) } else { Ok((frame, bytes)) }
}

/// What is no data frame of the usual shape, or to be refused.
#[cold]
#[inline(never)]
fn decode_other(bytes: &[u8], limits: Limits, to: &mut MaybeUninit<ixt_frame_t>) -> Result<(), Error> {
    to.write(ixt_frame_t::of(&FrameRef::decode_within(bytes, limits)?, bytes, bytes));
    Ok(())
}

/// Finds the end of the first frame in a byte stream of frames back to back, from its segment table alone.
///
/// bytes: `length` bytes, borrowed for the call. max_message: largest frame to go on with, most often
/// `max_payload + IXT_MAX_OVERHEAD`. frame_length: written on success: the bytes of the first frame where it is
/// there whole; else more than `length`, so many as are needed before more can be said.
/// Returns: IXT_OK, IXT_ERR_TOO_MANY_SEGMENTS, IXT_ERR_MESSAGE_TOO_LARGE, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_split(
    bytes: Bytes,
    length: usize,
    max_message: usize,
    frame_length: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let frame_length = required(frame_length)?;
        let (Split::Message(found) | Split::Incomplete(found)) = split(bytes.get(length)?, max_message)?;
        frame_length.write(found);
        Ok(())
    })
}

/// Decodes one whole frame. Nothing is copied: the frame holds places in `bytes`.
///
/// bytes: `length` bytes, borrowed for the call; the places mean something as long as the caller keeps
/// them. max_payload: largest payload to accept. frame: written on success. error: NULL, or written on
/// failure.
/// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_decode(
    bytes: Bytes,
    length: usize,
    max_payload: usize,
    frame: Option<&mut MaybeUninit<ixt_frame_t>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (to, bytes) = decoding(bytes, length, frame)?;
        let limits = Limits::with_max_payload(max_payload);
        match FrameRef::decode_data(bytes, limits) {
            Some((id, data)) => {
                to.write(ixt_frame_t::of_data(id, data, bytes, bytes));
                Ok(())
            }
            None => decode_other(bytes, limits, to),
        }
    })
}

/// Decodes one whole frame, and refuses, as IXT_ERR_NOT_CANONICAL, bytes that its value does not encode to.
///
/// As ixt_frame_decode().
/// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_decode_canonical(
    bytes: Bytes,
    length: usize,
    max_payload: usize,
    frame: Option<&mut MaybeUninit<ixt_frame_t>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (to, bytes) = decoding(bytes, length, frame)?;
        let frame = FrameRef::decode_canonical(bytes, Limits::with_max_payload(max_payload))?;
        to.write(ixt_frame_t::of(&frame, bytes, bytes));
        Ok(())
    })
}

/// Decodes the frames at the beginning of a byte stream, such as a read buffer holds, in one call.
///
/// It stops at the end of `bytes`, at a frame that is not there whole, when `frames` is full, and before
/// a frame that is refused; the refusal is returned by the call that begins with that frame.
///
/// bytes: `length` bytes, borrowed for the call. max_payload: largest payload to accept. frames: room for
/// `capacity` frames, of which the first `*count` are written; their places are in `bytes` as a whole.
/// consumed: written on success: bytes of the frames that were decoded. error: NULL, or written on failure.
/// Returns: IXT_OK, also for no frame; a refusal (1 to 99) of the first frame; IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_decode_batch(
    bytes: Bytes,
    length: usize,
    max_payload: usize,
    frames: FramesOut,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
    consumed: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (count, consumed) = (required(count)?, required(consumed)?);
        let bytes = within(bytes.get(length)?);
        let room = frames.get(capacity)?;
        let mut decoded = ixt_core::stream::frames(bytes, Limits::with_max_payload(max_payload));
        let mut filled = 0;
        for slot in room {
            let from = decoded.consumed();
            if let Some((id, data)) = decoded.next_data() {
                let message = bytes.get(from..decoded.consumed()).unwrap_or_default();
                *slot = ixt_frame_t::of_data(id, data, message, bytes);
                filled += 1;
                continue;
            }
            match decoded.next() {
                Some(Ok((_, frame))) => {
                    let message = bytes.get(from..decoded.consumed()).unwrap_or_default();
                    *slot = ixt_frame_t::of(&frame, message, bytes);
                    filled += 1;
                }
                Some(Err(error)) if filled == 0 => return Err(error),
                Some(Err(_)) | None => break,
            }
        }
        count.write(filled);
        consumed.write(decoded.consumed());
        Ok(())
    })
}

/// So much of an input as spans can name.
#[inline]
pub(crate) fn within(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAX_INPUT).unwrap_or(bytes)
}

/// The number of bytes that a frame encodes to.
///
/// frame: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
/// call. encoded_length: written on success. error: NULL, or written on failure.
/// Returns: IXT_OK; IXT_ERR_INVALID_ARGUMENT for a place outside `bytes`; IXT_ERR_NIL_STREAM_ID,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_encoded_length(
    frame: Option<&ixt_frame_t>,
    bytes: Bytes,
    length: usize,
    encoded_length: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (frame, encoded_length) = (required(frame)?, required(encoded_length)?);
        encoded_length.write(frame.get(bytes.get(length)?)?.encoded_len());
        Ok(())
    })
}

/// Encodes a frame whose parts stand in an input, such as one that was decoded. To encode parts that
/// stand anywhere, take ixt_open_encode() and its five sisters.
///
/// frame: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
/// call. max_payload: largest payload to accept. out: room for `capacity` bytes; may be NULL when
/// `capacity` is 0, to ask for the size; must not overlap `bytes`. written: the bytes written, on
/// success; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT
/// for a place outside `bytes`; IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_encode(
    frame: Option<&ixt_frame_t>,
    bytes: Bytes,
    length: usize,
    max_payload: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (frame, written) = (required(frame)?, required(written)?);
        let frame = frame.get(bytes.get(length)?)?;
        emit(&frame, Limits::with_max_payload(max_payload), out.get(capacity)?, written)
    })
}

/// Encodes frames back to back, as many as there is room for, in one call.
///
/// frames: `count` frames, borrowed for the call. bytes: the `length` bytes in which the places of all
/// are, borrowed for the call. max_payload: largest payload to accept. out: room for `capacity` bytes;
/// must not overlap `bytes`. encoded: written on success: how many frames were encoded. It is less than
/// `count` where the next one does not fit, or is refused; the refusal is returned by the call that
/// begins with it. written: the bytes written, on success; the bytes that the first frame needs, with
/// IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL where not even the first frame fits; a refusal of the first
/// frame's value (1 to 99); IXT_ERR_INVALID_ARGUMENT for a place outside `bytes`; IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_frame_encode_batch(
    frames: FramesIn,
    count: usize,
    bytes: Bytes,
    length: usize,
    max_payload: usize,
    out: BytesOut,
    capacity: usize,
    encoded: Option<&mut MaybeUninit<usize>>,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (encoded, written) = (required(encoded)?, required(written)?);
        let (frames, bytes, mut out) = (frames.get(count)?, bytes.get(length)?, out.get(capacity)?);
        let limits = Limits::with_max_payload(max_payload);
        let (mut done, mut used) = (0, 0);
        for frame in frames {
            match frame.encode_to_slice(bytes, limits, out) {
                Ok(size) => {
                    out = std::mem::take(&mut out).get_mut(size..).unwrap_or_default();
                    (done, used) = (done + 1, used + size);
                }
                Err(_) if done > 0 => break,
                Err(error) => {
                    if error.kind() == ErrorKind::BufferTooSmall {
                        written.write(frame.get(bytes)?.encoded_len());
                    }
                    return Err(error);
                }
            }
        }
        encoded.write(done);
        written.write(used);
        Ok(())
    })
}

macro_rules! flat {
    ($written:ident, $max_payload:expr, $out:ident, $capacity:ident, $frame:expr) => {{
        let written = required($written)?;
        let frame: FrameRef<'_> = $frame;
        emit(&frame, Limits::with_max_payload($max_payload), $out.get($capacity)?, written)
    }};
}

/// Encodes an open frame.
///
/// stream_id: 16 bytes, borrowed for the call. interaction: one of ixt_interaction. credit: data
/// frames that the opener is ready to receive. context: an encoded invocation context of
/// `context_length` bytes; none for anonymous; borrowed for the call. out: room for `capacity` bytes; may be NULL when `capacity` is 0,
/// to ask for the size. written: the bytes written, on success; the bytes needed, with
/// IXT_ERR_BUFFER_TOO_SMALL.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_CONTEXT_TOO_LARGE,
/// IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_open_encode(
    stream_id: Bytes,
    interaction: u16,
    credit: u32,
    context: Bytes,
    context_length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        flat!(written, 0, out, capacity, {
            let id = StreamId::new(*stream_id.id()?)?;
            let interaction = InteractionKind::from_raw(interaction);
            Frame::open(id, interaction, credit, context.get(context_length)?)
        })
    })
}

/// Encodes a data frame.
///
/// stream_id: 16 bytes, borrowed for the call. payload: `length` bytes, borrowed for the call.
/// max_payload: largest payload to accept. out, capacity, written: as for ixt_open_encode(); 64 bytes
/// more than the payload are always enough.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_FRAME_TOO_LARGE,
/// IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_data_encode(
    stream_id: Bytes,
    sequence: u64,
    payload: Bytes,
    length: usize,
    max_payload: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let written = required(written)?;
        let (id, limits) = (StreamId::new(*stream_id.id()?)?, Limits::with_max_payload(max_payload));
        let payload = payload.get(length)?;
        emit_data(id, StreamData { sequence, payload }, limits, out.get(capacity)?, written)
    })
}

/// Encodes an error frame.
///
/// stream_id: 16 bytes, borrowed for the call. code: one of ixt_error_code. sequence: data frames
/// accepted for sending before it. message: UTF-8 without NUL, `message_length` bytes, borrowed for the
/// call. details: `details_length` bytes, borrowed for the call. out, capacity, written: as for
/// ixt_open_encode().
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_error_encode(
    stream_id: Bytes,
    code: u16,
    sequence: u64,
    message: Bytes,
    message_length: usize,
    details: Bytes,
    details_length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        flat!(written, 0, out, capacity, {
            let id = StreamId::new(*stream_id.id()?)?;
            let message = text(message.get(message_length)?, "error.message")?;
            Frame::error(id, StreamErrorCode::from_raw(code), sequence, message, details.get(details_length)?)
        })
    })
}

/// Encodes a close frame.
///
/// stream_id: 16 bytes, borrowed for the call. reason: one of ixt_close_reason. final_sequence:
/// data frames sent. out, capacity, written: as for ixt_open_encode(); 56 bytes are always enough.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_close_encode(
    stream_id: Bytes,
    reason: u16,
    final_sequence: u64,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        flat!(written, 0, out, capacity, {
            Frame::close(StreamId::new(*stream_id.id()?)?, CloseReason::from_raw(reason), final_sequence)
        })
    })
}

/// Encodes a cancel frame.
///
/// stream_id: 16 bytes, borrowed for the call. reason: one of ixt_cancel_reason. message: UTF-8
/// without NUL, `message_length` bytes, borrowed for the call. out, capacity, written: as for
/// ixt_open_encode().
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_cancel_encode(
    stream_id: Bytes,
    reason: u16,
    message: Bytes,
    message_length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        flat!(written, 0, out, capacity, {
            let id = StreamId::new(*stream_id.id()?)?;
            let message = text(message.get(message_length)?, "cancel.message")?;
            Frame::cancel(id, CancelReason::from_raw(reason), message)
        })
    })
}

/// Encodes a credit frame.
///
/// stream_id: 16 bytes, borrowed for the call. frames: further data frames allowed. out, capacity,
/// written: as for ixt_open_encode(); 48 bytes are always enough.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_credit_encode(
    stream_id: Bytes,
    frames: u32,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| flat!(written, 0, out, capacity, { Frame::credit(StreamId::new(*stream_id.id()?)?, frames) }))
}
