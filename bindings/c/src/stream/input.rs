//! What the peer sent.

use std::mem::MaybeUninit;

use crate::error::ixt_error_t;
use crate::event::{self, ixt_event_t};
use crate::ffi::{Bytes, BytesOut, EventsOut};
use crate::frame::{ixt_frame_t, within};
use crate::guard::{guard_with, required};
use crate::status::ixt_status_t;
use ixt_core::ErrorKind;
use ixt_core::stream::FrameBody;
use ixt_core::wire::{Split, split};

use super::{command, ixt_stream_t};

/// Decodes one whole frame of the peer and hands it to the stream. Drain after it.
///
/// A frame that breaks a rule is no error of this call: the stream fails, with an event and an error frame
/// to transmit. One that does not decode is an error, and nothing has changed; the peer's byte stream can
/// then not be trusted any more.
///
/// bytes: one whole frame of `length` bytes, borrowed for the call. received: written on success: one of
/// enum ixt_received. frame: NULL, or written on success, with places in `bytes`. error: NULL, or written
/// on failure.
/// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_receive(
    stream: Option<&mut ixt_stream_t>,
    bytes: Bytes,
    length: usize,
    received: Option<&mut MaybeUninit<u16>>,
    frame: Option<&mut MaybeUninit<ixt_frame_t>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let received = required(received)?;
        let bytes = within(bytes.get(length)?);
        command(stream, |this| {
            let decoded = this.decode(bytes)?;
            received.write(event::received(&this.stream.receive(decoded)));
            if let Some(frame) = frame {
                frame.write(ixt_frame_t::of(&decoded, bytes, bytes));
            }
            Ok(())
        })
    })
}

/// Hands a frame that was decoded before, by ixt_frame_decode_batch() most often, to the stream: for who
/// routes the frames of many streams. Drain after it.
///
/// frame: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
/// call. received: written on success: one of ixt_received. error: NULL, or written on failure.
/// Returns: IXT_OK; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT for a place outside
/// `bytes`; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_receive_frame(
    stream: Option<&mut ixt_stream_t>,
    frame: Option<&ixt_frame_t>,
    bytes: Bytes,
    length: usize,
    received: Option<&mut MaybeUninit<u16>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (frame, received) = (required(frame)?, required(received)?);
        let bytes = bytes.get(length)?;
        command(stream, |this| {
            let frame = frame.get(bytes)?;
            // Payloads and contexts are the engine's to judge; of texts it takes that they were decoded.
            // Nothing is encoded into no room, but every rule for values is checked before that shows.
            if matches!(frame.body, FrameBody::Error(_) | FrameBody::Cancel(_)) {
                match frame.encode_to_slice(&mut [], this.limits) {
                    Err(error) if error.kind() != ErrorKind::BufferTooSmall => return Err(error),
                    _ => {}
                }
            }
            received.write(event::received(&this.stream.receive(frame)));
            Ok(())
        })
    })
}

/// Hands a read buffer to the stream and drains it, in one call: all whole frames at the beginning of
/// `bytes`, one after the other, with all that they cause.
///
/// It stops at the end of `bytes`, at a frame that is not there whole, before a frame that is refused
/// (the refusal is returned by the call that begins with it), and when `events` is full. Opens and
/// messages are events here, with places in `bytes`; use them before the bytes are moved.
///
/// bytes: `length` bytes, borrowed for the call. consumed: written on success: bytes of the frames that
/// were taken. out, capacity, written, events, event_capacity, event_count, more: as for
/// ixt_stream_drain(); `out` must not overlap `bytes`. Without room for events nothing is taken. error:
/// NULL, or written on failure.
/// Returns: IXT_OK, also for no frame; a refusal (1 to 99) of the first frame; IXT_ERR_NULL_POINTER,
/// IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_receive_batch(
    stream: Option<&mut ixt_stream_t>,
    bytes: Bytes,
    length: usize,
    consumed: Option<&mut MaybeUninit<usize>>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    events: EventsOut,
    event_capacity: usize,
    event_count: Option<&mut MaybeUninit<usize>>,
    more: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (consumed, written) = (required(consumed)?, required(written)?);
        let (event_count, more) = (required(event_count)?, required(more)?);
        let bytes = within(bytes.get(length)?);
        let (out, room) = (out.get(capacity)?, events.get(event_capacity)?);
        command(stream, |this| {
            let (mut taken, mut filled) = (0, 0);
            loop {
                this.tell(room, &mut filled);
                let rest = bytes.get(taken..).unwrap_or_default();
                // A frame of the application's bytes is an event, so there must be room for one.
                let Some(slot) = room.get_mut(filled) else { break };
                let frame = match split(rest, this.limits.max_message()) {
                    Ok(Split::Message(end)) => rest
                        .get(..end)
                        .ok_or(ErrorKind::Truncated.into())
                        .and_then(|message| this.decode(message).map(|frame| (frame, end))),
                    Ok(Split::Incomplete(_)) => break,
                    Err(error) => Err(error),
                };
                let (frame, end) = match frame {
                    Ok(found) => found,
                    Err(_) if taken > 0 || filled > 0 => break,
                    Err(error) => return Err(error),
                };
                taken += end;
                if let Some(event) = ixt_event_t::of_received(&this.stream.receive(frame), bytes) {
                    *slot = event;
                    filled += 1;
                }
            }
            consumed.write(taken);
            event_count.write(filled);
            written.write(this.transmit(out)?);
            more.write(this.has_more());
            Ok(())
        })
    })
}
