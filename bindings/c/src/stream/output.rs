//! What leaves, what happened, and what a stream looks like.

use std::mem::MaybeUninit;

use crate::event::{self, ixt_outcome_t, ixt_state_t};
use crate::ffi::{BytesOut, EventsOut};
use crate::frame::emit;
use crate::guard::{guard, required};
use crate::status::ixt_status_t;
use ixt_core::flow::{Outcome, Received};
use ixt_core::stream::FrameRef;
use ixt_core::{Error, ErrorKind};

use super::{command, ixt_stream_t};

/// Takes all that the stream has to say, as far as there is room: frames to transmit, back to back, and
/// events. What finds no room stays for the next call.
///
/// out: room for `capacity` bytes, of which IXT_MAX_CONTROL take at least one frame; may be NULL when
/// `capacity` is 0. written: written on success: bytes to transmit. events: room for `event_capacity`
/// events, of which the first `*event_count` are written; may be NULL when `event_capacity` is 0.
/// event_count: written on success. more: written on success: whether something is left, so that another
/// call is due.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_drain(
    stream: Option<&mut ixt_stream_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    events: EventsOut,
    event_capacity: usize,
    event_count: Option<&mut MaybeUninit<usize>>,
    more: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let (written, event_count, more) = (required(written)?, required(event_count)?, required(more)?);
        let (out, room) = (out.get(capacity)?, events.get(event_capacity)?);
        command(stream, |this| {
            let mut filled = 0;
            this.tell(room, &mut filled);
            written.write(this.transmit(out)?);
            event_count.write(filled);
            more.write(this.has_more());
            Ok(())
        })
    })
}

/// Takes the next frame to transmit.
///
/// out: room for `capacity` bytes, of which IXT_MAX_CONTROL are always enough. written: the bytes
/// written, on success, 0 where there is no frame; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL, when
/// the frame stays for the next call.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_poll_transmit(
    stream: Option<&mut ixt_stream_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let written = required(written)?;
        let out = out.get(capacity)?;
        command(stream, |this| {
            let limits = this.limits;
            match this.next_frame() {
                Some(frame) => {
                    emit(frame, limits, out, written)?;
                    this.frame = None;
                }
                None => {
                    written.write(0);
                }
            }
            Ok(())
        })
    })
}

/// Takes events, in order.
///
/// events: room for `capacity` events, of which the first `*count` are written. count: written on
/// success; less than `capacity` where no more are left.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_poll_events(
    stream: Option<&mut ixt_stream_t>,
    events: EventsOut,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let count = required(count)?;
        let room = events.get(capacity)?;
        command(stream, |this| {
            let mut filled = 0;
            this.tell(room, &mut filled);
            count.write(filled);
            Ok(())
        })
    })
}

/// What the endpoint looks like now.
///
/// state: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_stream_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_state(
    stream: Option<&ixt_stream_t>,
    state: Option<&mut MaybeUninit<ixt_state_t>>,
) -> ixt_status_t {
    guard(|| {
        let (stream, out) = (&required(stream)?.stream, required(state)?);
        let state = stream.state();
        out.write(ixt_state_t {
            ignored: state.ignored,
            sent: stream.sent(),
            received: stream.received(),
            next_timeout_ms: stream.next_timeout().unwrap_or(0),
            credit: state.credit,
            outstanding: state.outstanding,
            sender: event::half(state.sender),
            receiver: event::half(state.receiver),
            interaction: stream.kind().raw(),
            ended: u16::from(stream.has_ended()),
        });
        Ok(())
    })
}

/// The stream's id.
///
/// id: 16 bytes, written on success.
/// Returns: IXT_OK, IXT_ERR_NOT_OPEN before the open, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_stream_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_id(stream: Option<&ixt_stream_t>, id: BytesOut) -> ixt_status_t {
    guard(|| {
        let (stream, out) = (&required(stream)?.stream, id.get(16)?);
        out.copy_from_slice(stream.id().ok_or(ErrorKind::NotOpen)?.as_bytes());
        Ok(())
    })
}

/// How the stream ended; IXT_OUTCOME_NONE before its end.
///
/// outcome: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_stream_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_outcome(
    stream: Option<&ixt_stream_t>,
    outcome: Option<&mut MaybeUninit<ixt_outcome_t>>,
) -> ixt_status_t {
    guard(|| {
        let (stream, out) = (&required(stream)?.stream, required(outcome)?);
        out.write(stream.outcome().into());
        Ok(())
    })
}

/// The message of the error or cancel that ended the stream: UTF-8 of the peer's or of this end's, for
/// people. Where it is the peer's it is not to be trusted.
///
/// out: room for `capacity` bytes, of which IXT_MAX_TEXT are always enough; no NUL is added. written: the
/// bytes written, on success, 0 where there is none; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_stream_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_outcome_message(
    stream: Option<&ixt_stream_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let (stream, written) = (&required(stream)?.stream, required(written)?);
        let message = match stream.outcome() {
            Some(Outcome::Failed(failure)) => failure.message.as_bytes(),
            Some(Outcome::Cancelled(cancellation)) => cancellation.message.as_bytes(),
            _ => &[],
        };
        copy(message, out.get(capacity)?, written)
    })
}

/// The details of the error that ended the stream.
///
/// out, capacity, written: as for ixt_stream_outcome_message().
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_stream_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_outcome_details(
    stream: Option<&ixt_stream_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let (stream, written) = (&required(stream)?.stream, required(written)?);
        let details = match stream.outcome() {
            Some(Outcome::Failed(failure)) => failure.details.as_slice(),
            _ => &[],
        };
        copy(details, out.get(capacity)?, written)
    })
}

fn copy(bytes: &[u8], out: &mut [u8], written: &mut MaybeUninit<usize>) -> Result<(), Error> {
    written.write(bytes.len());
    let room = out.get_mut(..bytes.len()).ok_or(ErrorKind::BufferTooSmall)?;
    room.copy_from_slice(bytes);
    Ok(())
}

/// Hands a frame that this library made to the engine, for the conveniences of a sender.
pub(crate) fn receive_own(this: &mut ixt_stream_t, frame: FrameRef<'_>) -> bool {
    matches!(this.stream.receive(frame), Received::Ignored)
}
