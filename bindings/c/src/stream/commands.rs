//! What the application does.

use std::mem::MaybeUninit;

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, BytesOut};
use crate::frame::{emit, text};
use crate::guard::{guard, guard_with, required};
use crate::status::ixt_status_t;
use ixt_core::flow::{Effect, Role, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, Frame, StreamErrorCode, StreamId};
use ixt_core::{Error, ErrorKind};

use super::{command, ixt_stream_t};

fn ended(effect: Effect, already_ended: Option<&mut MaybeUninit<bool>>) {
    if let Some(already_ended) = already_ended {
        already_ended.write(effect == Effect::AlreadyEnded);
    }
}

/// Opens the stream, and encodes the open frame, which leaves before any other.
///
/// stream_id: 16 bytes that were never used before, such as a UUIDv7; borrowed for the call. credit:
/// data frames that this end is ready to receive. context: an encoded context of `context_length` bytes,
/// none for anonymous; its deadline is the stream's; borrowed for the call. out: room for `capacity`
/// bytes; must not overlap `context`. written: the bytes written, on success; the bytes needed, with
/// IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_ALREADY_OPEN, IXT_ERR_NOT_OPEN at a responder,
/// IXT_ERR_NIL_STREAM_ID, IXT_ERR_WINDOW_OVERFLOW, a refusal of the context (1 to 99),
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_open(
    stream: Option<&mut ixt_stream_t>,
    stream_id: Bytes,
    credit: u32,
    context: Bytes,
    context_length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let written = required(written)?;
        let (id, context) = (stream_id.id()?, context.get(context_length)?);
        let out = out.get(capacity)?;
        command(stream, |this| {
            let may_open = this.stream.role() == Role::Opener && this.stream.id().is_none();
            let id = match StreamId::new(*id) {
                Ok(id) => id,
                Err(nil) if may_open => return Err(nil),
                Err(_) => return Err(refused_open(this.stream.role())),
            };
            let frame = Frame::<_, &str>::open(id, this.stream.kind(), credit, context);
            let needed = frame.encoded_len();
            if may_open && needed > out.len() {
                written.write(needed);
                return Err(ErrorKind::BufferTooSmall.into());
            }
            let limits = this.limits;
            let frame = this.stream.open(id, credit, context)?;
            emit(&frame, limits, out, written)
        })
    })
}

/// Why a stream may not be opened, whatever its id.
fn refused_open(role: Role) -> Error {
    match role {
        Role::Opener => ErrorKind::AlreadyOpen.into(),
        Role::Responder => ErrorKind::NotOpen.into(),
    }
}

/// Spends a free credit, and encodes the data frame, in one call. There is nothing to drain after it.
///
/// payload: `length` bytes, borrowed for the call. out: room for `capacity` bytes, of which 64 more than
/// the payload are always enough; must not overlap `payload`. written: the bytes written, on success; the
/// bytes needed, with IXT_ERR_BUFFER_TOO_SMALL, when no credit was spent.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_STREAM_ENDED,
/// IXT_ERR_FRAME_TOO_LARGE, IXT_ERR_TOO_MANY_MESSAGES, IXT_ERR_CREDIT_EXHAUSTED, IXT_ERR_NULL_POINTER,
/// IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_try_send(
    stream: Option<&mut ixt_stream_t>,
    payload: Bytes,
    length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let written = required(written)?;
        let (payload, out) = (payload.get(length)?, out.get(capacity)?);
        command(stream, |this| this.send(payload, None, out, written))
    })
}

/// Spends the credit of a ready ticket, and encodes the data frame, in one call. There is nothing to
/// drain after it. Where it fails, the ticket keeps its credit.
///
/// ticket: a number that IXT_EVENT_READY named. The rest is as for ixt_stream_try_send().
/// Returns: as ixt_stream_try_send(); IXT_ERR_CREDIT_EXHAUSTED where the ticket is not ready.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_send_with(
    stream: Option<&mut ixt_stream_t>,
    ticket: u64,
    payload: Bytes,
    length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let written = required(written)?;
        let (payload, out) = (payload.get(length)?, out.get(capacity)?);
        command(stream, |this| this.send(payload, Some(Ticket::from_raw(ticket)), out, written))
    })
}

/// Queues for one credit. IXT_EVENT_READY says when it is there, at once where credit is free;
/// IXT_EVENT_ENDED when the stream went first. Drain after it.
///
/// ticket: written on success. Numbers ascend and are not used again in this stream.
/// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_STREAM_ENDED, IXT_ERR_TOO_MANY_MESSAGES,
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_wait(
    stream: Option<&mut ixt_stream_t>,
    ticket: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let out = required(ticket)?;
        out.write(command(stream, |this| this.stream.wait())?.raw());
        Ok(())
    })
}

/// Gives a ticket up. A credit that it held goes to the next one in the queue, or is free again. A ticket
/// that is spent or unknown is no matter. Drain after it.
///
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_drop_ticket(stream: Option<&mut ixt_stream_t>, ticket: u64) -> ixt_status_t {
    guard(|| {
        command(stream, |this| {
            this.stream.drop_ticket(Ticket::from_raw(ticket));
            Ok(())
        })
    })
}

/// Grants the peer so many frames more. Without effect in a direction that carries exactly one message,
/// and once the direction has ended. Drain after it.
///
/// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_INVALID_GRANT for 0, IXT_ERR_WINDOW_OVERFLOW past
/// 2^31 - 1 outstanding, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_grant(stream: Option<&mut ixt_stream_t>, frames: u32) -> ixt_status_t {
    guard(|| command(stream, |this| this.stream.grant(frames)))
}

/// Says that the application has consumed so many messages: grants again once half a window is due, or
/// all that was granted has been sent and consumed.
/// Without effect where grants are by hand.
///
/// granted: NULL, or written on success: whether there is a credit frame to drain. Where it is false,
/// nothing need be drained.
/// Returns: IXT_OK; IXT_ERR_INVALID_GRANT for more than was delivered and not yet consumed;
/// IXT_ERR_WINDOW_OVERFLOW; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_consume(
    stream: Option<&mut ixt_stream_t>,
    frames: u32,
    granted: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let has_granted = command(stream, |this| {
            let before = this.stream.state().outstanding;
            this.stream.consume(frames)?;
            Ok(this.stream.state().outstanding != before)
        })?;
        if let Some(granted) = granted {
            granted.write(has_granted);
        }
        Ok(())
    })
}

/// Ends this end's direction in order; a responder's close ends the stream in every kind but bidi.
/// Tickets still waiting end. Drain after it.
///
/// reason: one of ixt_close_reason. already_ended: NULL, or written on success: whether there was
/// nothing left to end, so that no frame is sent and the recorded outcome stands.
/// Returns: IXT_OK; IXT_ERR_NOT_OPEN; IXT_ERR_MISSING_MESSAGE where the kind demands a message that was
/// not sent; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_close(
    stream: Option<&mut ixt_stream_t>,
    reason: u16,
    already_ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let effect = command(stream, |this| this.stream.close(CloseReason::from_raw(reason)))?;
        ended(effect, already_ended);
        Ok(())
    })
}

/// Ends the stream as failed. Both halves fail, one that was closed too. Drain after it.
///
/// code: one of ixt_error_code. message: UTF-8 without NUL, `message_length` bytes, copied. details:
/// `details_length` bytes, copied. already_ended: as for ixt_stream_close().
/// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG, IXT_ERR_BAD_TEXT,
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_fail(
    stream: Option<&mut ixt_stream_t>,
    code: u16,
    message: Bytes,
    message_length: usize,
    details: Bytes,
    details_length: usize,
    already_ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let message = text(message.get(message_length)?, "message")?;
        let details = details.get(details_length)?;
        let code = StreamErrorCode::from_raw(code);
        ended(command(stream, |this| this.stream.fail(code, message, details))?, already_ended);
        Ok(())
    })
}

/// Ends the stream as cancelled. Both halves are cancelled, one that was closed too. Drain after it.
///
/// reason: one of ixt_cancel_reason. message: UTF-8 without NUL, `message_length` bytes, copied.
/// already_ended: as for ixt_stream_close().
/// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG, IXT_ERR_BAD_TEXT,
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_cancel(
    stream: Option<&mut ixt_stream_t>,
    reason: u16,
    message: Bytes,
    message_length: usize,
    already_ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let message = text(message.get(message_length)?, "message")?;
        let reason = CancelReason::from_raw(reason);
        ended(command(stream, |this| this.stream.cancel(reason, message))?, already_ended);
        Ok(())
    })
}

/// Tells the time. At or past the deadline the stream ends as cancelled. Drain after it where
/// `ended_now` is true.
///
/// now_ms: milliseconds since the Unix epoch. ended_now: NULL, or written on success: whether this ended
/// the stream.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_handle_timeout(
    stream: Option<&mut ixt_stream_t>,
    now_ms: u64,
    ended_now: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let has_ended = command(stream, |this| {
            let before = this.stream.has_ended();
            this.stream.handle_timeout(now_ms);
            Ok(this.stream.has_ended() != before)
        })?;
        if let Some(ended_now) = ended_now {
            ended_now.write(has_ended);
        }
        Ok(())
    })
}
