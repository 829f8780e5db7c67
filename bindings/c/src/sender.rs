//! The sending end alone, for who routes frames by hand.

use std::mem::MaybeUninit;

use ixt_core::flow::{Effect, Stream};
use ixt_core::stream::{CancelReason, CloseReason, Frame, StreamErrorCode, StreamId};
use ixt_core::wire::MAX_CREDIT;
use ixt_core::{Error, ErrorKind};

use crate::ffi::{Bytes, BytesOut};
use crate::frame::text;
use crate::guard::{guard, required};
use crate::status::ixt_status_t;
use crate::stream::{command, config_of, ixt_config_t, ixt_stream_t, receive_own};

/// The sending end alone of a stream that is open already: it sends under credit, takes the peer's
/// credit, error and cancel, and has ended with its close. It is a stream, and every ixt_stream_ function
/// takes it: ixt_stream_wait() for a ticket, ixt_stream_drain() for events, ixt_stream_free() in the end.
pub type ixt_sender_t = ixt_stream_t;

/// Makes the sending end of a stream that is open already.
///
/// stream_id: 16 bytes, copied. credit: data frames that it may send at once, at most 2^31 - 1. config:
/// NULL for the usual one, of which `max_payload` counts; copied. sender: written on success; ownership is
/// transferred to the caller, who gives it back to ixt_stream_free().
/// Returns: IXT_OK, IXT_ERR_NIL_STREAM_ID, IXT_ERR_WINDOW_OVERFLOW, IXT_ERR_INVALID_ARGUMENT,
/// IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_sender_new(
    stream_id: Bytes,
    credit: u32,
    config: Option<&ixt_config_t>,
    sender: Option<&mut MaybeUninit<Box<ixt_sender_t>>>,
) -> ixt_status_t {
    guard(|| {
        let sender = required(sender)?;
        let id = StreamId::new(*stream_id.id()?)?;
        if credit > MAX_CREDIT {
            return Err(ErrorKind::WindowOverflow.into());
        }
        sender.write(ixt_stream_t::new(Stream::sender(id, credit, config_of(config)?), config));
        Ok(())
    })
}

/// Spends a free credit, and encodes the data frame: ixt_stream_try_send().
///
/// payload, length, out, capacity, written: as for ixt_stream_try_send(), borrowed for the call.
/// Returns: as ixt_stream_try_send().
/// Threads: runs alone on this sender.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_sender_try_send(
    sender: Option<&mut ixt_sender_t>,
    payload: Bytes,
    length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    crate::stream::ixt_stream_try_send(sender, payload, length, out, capacity, written)
}

/// Adds the credit of a credit frame of the peer's. Drain after it: tickets may have become ready, and a
/// grant of 0 or past 2^31 - 1 fails the stream, as it would in a frame.
///
/// ignored: NULL, or written on success: whether the sender had ended, so that the credit means nothing.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this sender.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_sender_grant_credit(
    sender: Option<&mut ixt_sender_t>,
    frames: u32,
    ignored: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let was_ignored = command(sender, |this| {
            let id = this.engine().id().ok_or(ErrorKind::NotOpen)?;
            Ok(receive_own(this, Frame::credit(id, frames)))
        })?;
        if let Some(ignored) = ignored {
            ignored.write(was_ignored);
        }
        Ok(())
    })
}

/// Ends the stream in order, and encodes the close frame, in one call. Drain after it where tickets wait.
///
/// reason: one of ixt_close_reason. out: room for `capacity` bytes; 56 are enough. written: the
/// bytes written, on success, 0 where the stream had ended already; the bytes needed, with
/// IXT_ERR_BUFFER_TOO_SMALL, when nothing has changed.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_MISSING_MESSAGE,
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this sender.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_sender_close(
    sender: Option<&mut ixt_sender_t>,
    reason: u16,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let (out, written) = (out.get(capacity)?, required(written)?);
        let reason = CloseReason::from_raw(reason);
        command(sender, |this| {
            let sent = this.engine().sent();
            end(this, |id| Frame::close(id, reason, sent), |engine| engine.close(reason), out, written)
        })
    })
}

/// Ends the stream as cancelled, and encodes the cancel frame, in one call. Drain after it where tickets
/// wait.
///
/// reason: one of ixt_cancel_reason. message: UTF-8 without NUL, `message_length` bytes, copied.
/// out, capacity, written: as for ixt_sender_close(); IXT_MAX_CONTROL bytes are enough.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this sender.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_sender_cancel(
    sender: Option<&mut ixt_sender_t>,
    reason: u16,
    message: Bytes,
    message_length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let (out, written) = (out.get(capacity)?, required(written)?);
        let (reason, message) =
            (CancelReason::from_raw(reason), text(message.get(message_length)?, "message")?);
        command(sender, |this| {
            end(
                this,
                |id| Frame::cancel(id, reason, message),
                |engine| engine.cancel(reason, message),
                out,
                written,
            )
        })
    })
}

/// Ends the stream as failed, and encodes the error frame, in one call. Drain after it where tickets wait.
///
/// code: one of ixt_error_code. message: UTF-8 without NUL, `message_length` bytes, copied. details:
/// `details_length` bytes, copied. out, capacity, written: as for ixt_sender_close(); IXT_MAX_CONTROL
/// bytes are enough.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this sender.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_sender_error(
    sender: Option<&mut ixt_sender_t>,
    code: u16,
    message: Bytes,
    message_length: usize,
    details: Bytes,
    details_length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let (out, written) = (out.get(capacity)?, required(written)?);
        let (code, message) =
            (StreamErrorCode::from_raw(code), text(message.get(message_length)?, "message")?);
        let details = details.get(details_length)?;
        command(sender, |this| {
            let sent = this.engine().sent();
            end(
                this,
                |id| Frame::error(id, code, sent, message, details),
                |engine| engine.fail(code, message, details),
                out,
                written,
            )
        })
    })
}

/// Makes sure that there is room for the frame, runs the command, and writes the frame.
fn end<'f>(
    this: &mut ixt_stream_t,
    frame: impl FnOnce(StreamId) -> ixt_core::stream::FrameRef<'f>,
    run: impl FnOnce(&mut Stream) -> Result<Effect, Error>,
    out: &mut [u8],
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    if let Some(id) = this.engine().id() {
        this.room_for(&frame(id), out.len(), written)?;
    }
    run(this.engine())?;
    this.flush(out, written)
}
