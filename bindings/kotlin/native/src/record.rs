//! Frames as longs, and offsets into the caller's bytes in place of copies.

use ixt_core::stream::{
    Cancel, CancelReason, Close, CloseReason, Credit, Frame, FrameBody, FrameRef, InteractionKind, Open,
    StreamData, StreamError, StreamErrorCode, StreamId,
};
use ixt_core::wire::Limits;
use ixt_core::{Error, ErrorKind, Result};
use jni_sys::jlong;

/// Longs of one frame: tag, id (high, low), two numbers, text (offset, length), bytes (offset, length).
pub(crate) const FRAME: usize = 9;

/// The id of two longs.
pub(crate) fn id_of(high: jlong, low: jlong) -> Result<StreamId> {
    let both = u128::from(high as u64) << 64 | u128::from(low as u64);
    StreamId::new(both.to_be_bytes())
}

/// The two longs of an id.
pub(crate) fn longs_of(id: StreamId) -> (jlong, jlong) {
    let both = u128::from_be_bytes(*id.as_bytes());
    ((both >> 64) as jlong, both as jlong)
}

/// The frame that these longs and contents say.
pub(crate) fn frame_of<'a>(
    tag: jlong,
    (high, low): (jlong, jlong),
    (x, y): (jlong, jlong),
    text: &'a [u8],
    bytes: &'a [u8],
) -> Result<FrameRef<'a>> {
    let text = || std::str::from_utf8(text).map_err(|_| Error::new(ErrorKind::BadText).in_field("message"));
    let body = match tag {
        0 => FrameBody::Open(Open {
            interaction: InteractionKind::from_raw(x as u16),
            initial_credit: y as u32,
            context: bytes,
        }),
        1 => FrameBody::Data(StreamData { sequence: x as u64, payload: bytes }),
        2 => FrameBody::Error(StreamError {
            code: StreamErrorCode::from_raw(x as u16),
            sequence: y as u64,
            message: text()?,
            details: bytes,
        }),
        3 => FrameBody::Close(Close { reason: CloseReason::from_raw(x as u16), final_sequence: y as u64 }),
        4 => FrameBody::Cancel(Cancel { reason: CancelReason::from_raw(x as u16), message: text()? }),
        5 => FrameBody::Credit(Credit { frames: x as u32 }),
        // It is the bytes that it came as; the caller can only have them from a decoder.
        _ => return FrameRef::decode_within(bytes, Limits::with_max_payload(usize::MAX)),
    };
    Ok(Frame { stream_id: id_of(high, low)?, body })
}

/// The longs of a frame that was decoded from `input`, which stands at `base` of the caller's array.
pub(crate) fn longs_of_frame(frame: &FrameRef<'_>, input: &[u8], base: usize) -> [jlong; FRAME] {
    let (high, low) = longs_of(frame.stream_id);
    let none: &[u8] = &[];
    let (x, y, text, bytes) = match frame.body {
        FrameBody::Open(open) => {
            (jlong::from(open.interaction.raw()), jlong::from(open.initial_credit), none, open.context)
        }
        FrameBody::Data(data) => (data.sequence as jlong, 0, none, data.payload),
        FrameBody::Error(error) => {
            (jlong::from(error.code.raw()), error.sequence as jlong, error.message.as_bytes(), error.details)
        }
        FrameBody::Close(close) => {
            (jlong::from(close.reason.raw()), close.final_sequence as jlong, none, none)
        }
        FrameBody::Cancel(cancel) => (jlong::from(cancel.reason.raw()), 0, cancel.message.as_bytes(), none),
        FrameBody::Credit(credit) => (jlong::from(credit.frames), 0, none, none),
        FrameBody::Unknown(unknown) => (0, 0, none, unknown.message),
        _ => (0, 0, none, none),
    };
    let (text_at, text_length) = place(text, input, base);
    let (bytes_at, bytes_length) = place(bytes, input, base);
    [jlong::from(frame.body.tag()), high, low, x, y, text_at, text_length, bytes_at, bytes_length]
}

/// Where a part of `input` stands in the caller's array, and its length.
pub(crate) fn place(part: &[u8], input: &[u8], base: usize) -> (jlong, jlong) {
    if part.is_empty() {
        return (0, 0);
    }
    let within = (part.as_ptr() as usize).wrapping_sub(input.as_ptr() as usize);
    (base.wrapping_add(within) as jlong, part.len() as jlong)
}
