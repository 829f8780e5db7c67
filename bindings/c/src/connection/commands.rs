//! What the application does.

use std::mem::MaybeUninit;

use ixt_core::connection::{EndReason, Key};
use ixt_core::flow::{Effect, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};
use ixt_core::{Error, ErrorKind};

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, ConsumedIn};
use crate::frame::text;
use crate::guard::{guard, guard_with, required};
use crate::status::ixt_status_t;

use super::{command, ixt_connection_t};

fn kind_of(interaction: u16) -> Result<InteractionKind, Error> {
    let kind = InteractionKind::from_raw(interaction);
    match kind.name() {
        Some(_) => Ok(kind),
        None => Err(Error::new(ErrorKind::InvalidArgument).in_field("interaction")),
    }
}

fn ended(effect: Effect, already_ended: Option<&mut MaybeUninit<bool>>) {
    if let Some(already_ended) = already_ended {
        already_ended.write(effect == Effect::AlreadyEnded);
    }
}

/// Opens a stream. The window of the settings holds for what the peer sends on it. Transmit after it.
///
/// stream_id: 16 bytes that were never used before, such as a UUIDv7; borrowed for the call. interaction: one
/// of ixt_interaction. context: an encoded context of `context_length` bytes, none for anonymous; its
/// deadline is the stream's; borrowed for the call. stream: written on success: its key. error: NULL, or
/// written on failure.
/// Returns: IXT_OK; IXT_ERR_NOT_ESTABLISHED before IXT_EVENT_ESTABLISHED; IXT_ERR_GOING_AWAY once an end
/// goes away; IXT_ERR_CLOSED after the end; IXT_ERR_TOO_MANY_STREAMS, as the peer allows;
/// IXT_ERR_QUEUE_FULL while too much waits to be sent; IXT_ERR_STREAM_ID_IN_USE; IXT_ERR_NIL_STREAM_ID;
/// IXT_ERR_INVALID_ARGUMENT; a refusal of the context (1 to 99); IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Nothing has changed then.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_open(
    connection: Option<&mut ixt_connection_t>,
    stream_id: Bytes,
    interaction: u16,
    context: Bytes,
    context_length: usize,
    stream: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let stream = required(stream)?;
        let (id, context) = (StreamId::new(*stream_id.id()?)?, context.get(context_length)?);
        let kind = kind_of(interaction)?;
        let key = command(connection, |this| this.connection.open(id, kind, context))?;
        stream.write(key.raw());
        Ok(())
    })
}

/// Opens a stream that carries one message of the opener's, sends that, and closes this direction, in one
/// call: a unary or a server-streaming call whose frames leave together. Transmit after it.
///
/// interaction: IXT_INTERACTION_UNARY or IXT_INTERACTION_SERVER_STREAM. payload: `payload_length` bytes,
/// borrowed for the call. The rest is as for ixt_connection_open().
/// Returns: as ixt_connection_open(); IXT_ERR_FRAME_TOO_LARGE; IXT_ERR_INVALID_ARGUMENT for another
/// interaction. Nothing has changed then.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_open_send_close(
    connection: Option<&mut ixt_connection_t>,
    stream_id: Bytes,
    interaction: u16,
    context: Bytes,
    context_length: usize,
    payload: Bytes,
    payload_length: usize,
    stream: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let stream = required(stream)?;
        let (id, context) = (StreamId::new(*stream_id.id()?)?, context.get(context_length)?);
        let payload = payload.get(payload_length)?;
        let kind = kind_of(interaction)?;
        if !matches!(kind, InteractionKind::Unary | InteractionKind::ServerStream) {
            return Err(Error::new(ErrorKind::InvalidArgument).in_field("interaction"));
        }
        let key = command(connection, |this| {
            let theirs = this.connection.peer().map_or(u32::MAX, |peer| peer.max_payload);
            if payload.len() > this.max_payload.min(theirs) as usize {
                return Err(Error::new(ErrorKind::FrameTooLarge).in_field("payload"));
            }
            let key = this.connection.open(id, kind, context)?;
            // Its one message has its credit, and an open would have been refused where the queue is full.
            let sent = this
                .connection
                .try_send(key, payload)
                .and_then(|()| this.connection.close(key, CloseReason::Completed));
            if let Err(error) = sent {
                this.connection.cancel(key, CancelReason::Unspecified, "")?;
                return Err(error);
            }
            Ok(key)
        })?;
        stream.write(key.raw());
        Ok(())
    })
}

/// Spends a free credit and queues the message. Transmit after it.
///
/// stream: its key. payload: `length` bytes, borrowed for the call.
/// Returns: IXT_OK; IXT_ERR_CREDIT_EXHAUSTED or IXT_ERR_QUEUE_FULL, where ixt_connection_wait() helps;
/// IXT_ERR_STREAM_ENDED, IXT_ERR_FRAME_TOO_LARGE, IXT_ERR_TOO_MANY_MESSAGES, IXT_ERR_NULL_POINTER,
/// IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_try_send(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    payload: Bytes,
    length: usize,
) -> ixt_status_t {
    guard(|| {
        let payload = payload.get(length)?;
        command(connection, |this| this.connection.try_send(Key::from_raw(stream), payload))
    })
}

/// Sends the last message of this direction and closes it, in one call. Transmit after it.
///
/// stream, payload: as for ixt_connection_try_send(). reason: one of ixt_close_reason.
/// Returns: as ixt_connection_try_send().
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_send_close(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    payload: Bytes,
    length: usize,
    reason: u16,
) -> ixt_status_t {
    guard(|| {
        let payload = payload.get(length)?;
        command(connection, |this| {
            let stream = Key::from_raw(stream);
            this.connection.try_send(stream, payload)?;
            this.connection.close(stream, CloseReason::from_raw(reason)).map(drop)
        })
    })
}

/// Spends the credit of a ready ticket and queues the message. Transmit after it.
///
/// ticket: a number that IXT_EVENT_READY named. The rest is as for ixt_connection_try_send().
/// Returns: as ixt_connection_try_send(); the ticket keeps its credit where it fails, and with
/// IXT_ERR_QUEUE_FULL it becomes ready again.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_send_with(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    ticket: u64,
    payload: Bytes,
    length: usize,
) -> ixt_status_t {
    guard(|| {
        let payload = payload.get(length)?;
        command(connection, |this| {
            this.connection.send_with(Key::from_raw(stream), Ticket::from_raw(ticket), payload)
        })
    })
}

/// Queues for one credit and for room. IXT_EVENT_READY says when both are there, at once where they are;
/// IXT_EVENT_ENDED when the stream went first. Drain after it.
///
/// stream: its key. ticket: written on success. Numbers ascend and are not used again in a stream.
/// Returns: IXT_OK, IXT_ERR_STREAM_ENDED, IXT_ERR_TOO_MANY_MESSAGES, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_wait(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    ticket: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let ticket = required(ticket)?;
        let given = command(connection, |this| this.connection.wait(Key::from_raw(stream)))?;
        ticket.write(given.raw());
        Ok(())
    })
}

/// Gives a ticket up. A credit that it held goes to the next one, or is free again. A ticket that is spent
/// or unknown is no matter. Drain after it.
///
/// stream: its key.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_drop_ticket(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    ticket: u64,
) -> ixt_status_t {
    guard(|| {
        command(connection, |this| {
            this.connection.drop_ticket(Key::from_raw(stream), Ticket::from_raw(ticket));
            Ok(())
        })
    })
}

/// The application is done with so many messages of a stream: grants follow, in steps of half of the
/// window. Transmit after it.
///
/// stream: its key; none for a stream that is over.
/// Returns: IXT_OK, also for a stream that is over; IXT_ERR_INVALID_GRANT for more than was delivered;
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_consume(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    frames: u32,
) -> ixt_status_t {
    guard(|| command(connection, |this| this.connection.consume(Key::from_raw(stream), frames)))
}

/// So many messages of one stream.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ixt_consumed_t {
    /// The stream's key.
    pub stream: u64,
    /// How many messages of it the application is done with.
    pub frames: u32,
}

/// ixt_connection_consume() for several streams in one call.
///
/// consumed: `count` of them, borrowed for the call; may be NULL when `count` is 0.
/// Returns: as ixt_connection_consume(), of the first one that fails; those before it are done.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_consume_batch(
    connection: Option<&mut ixt_connection_t>,
    consumed: ConsumedIn,
    count: usize,
) -> ixt_status_t {
    guard(|| {
        let consumed = consumed.get(count)?;
        command(connection, |this| {
            let mut all = consumed.iter();
            all.try_for_each(|one| this.connection.consume(Key::from_raw(one.stream), one.frames))
        })
    })
}

/// Ends this end's direction of a stream in order, behind what is queued. Drain after it.
///
/// stream: its key. reason: one of ixt_close_reason. already_ended: NULL, or written on success: whether
/// there was nothing left to end.
/// Returns: IXT_OK, also for a stream that is over; IXT_ERR_MISSING_MESSAGE where the kind demands a message
/// that was not sent; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_close(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    reason: u16,
    already_ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let reason = CloseReason::from_raw(reason);
        let effect = command(connection, |this| this.connection.close(Key::from_raw(stream), reason))?;
        ended(effect, already_ended);
        Ok(())
    })
}

/// Ends a stream as failed; what is queued of it is dropped. Drain after it.
///
/// stream: its key. code: one of ixt_error_code. message: UTF-8 without NUL, `message_length` bytes, copied.
/// details: `details_length` bytes, copied. already_ended: as for ixt_connection_close().
/// Returns: IXT_OK, also for a stream that is over; IXT_ERR_MESSAGE_TEXT_TOO_LONG, IXT_ERR_BAD_TEXT,
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_fail(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
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
        let effect =
            command(connection, |this| this.connection.fail(Key::from_raw(stream), code, message, details))?;
        ended(effect, already_ended);
        Ok(())
    })
}

/// Ends a stream as cancelled; what is queued of it is dropped. Drain after it.
///
/// stream: its key. reason: one of ixt_cancel_reason. message: UTF-8 without NUL, `message_length` bytes,
/// copied. already_ended: as for ixt_connection_close().
/// Returns: as ixt_connection_fail().
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_cancel(
    connection: Option<&mut ixt_connection_t>,
    stream: u64,
    reason: u16,
    message: Bytes,
    message_length: usize,
    already_ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let message = text(message.get(message_length)?, "message")?;
        let reason = CancelReason::from_raw(reason);
        let effect =
            command(connection, |this| this.connection.cancel(Key::from_raw(stream), reason, message))?;
        ended(effect, already_ended);
        Ok(())
    })
}

/// Sends a ping, unless one is under way; IXT_EVENT_PONG follows. Transmit after it.
///
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_ping(connection: Option<&mut ixt_connection_t>) -> ixt_status_t {
    guard(|| {
        command(connection, |this| {
            this.connection.ping();
            Ok(())
        })
    })
}

/// Goes away in order: no stream can be opened any more, here or by the peer. Those that run may finish until
/// `grace_ms` have passed; then they are cancelled (IXT_CANCEL_SHUTDOWN). IXT_EVENT_DRAINED says when none is
/// left. Drain after it.
///
/// message: UTF-8 for people, `message_length` bytes, copied.
/// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_go_away(
    connection: Option<&mut ixt_connection_t>,
    grace_ms: u32,
    message: Bytes,
    message_length: usize,
) -> ixt_status_t {
    guard(|| {
        let message = text(message.get(message_length)?, "message")?;
        command(connection, |this| {
            this.connection.go_away(grace_ms, message);
            Ok(())
        })
    })
}

/// Ends the connection at once: every stream fails as unavailable, and the peer is told why as the last thing
/// that leaves. Drain after it.
///
/// reason: one of ixt_end_reason. message: UTF-8 for people, `message_length` bytes, copied.
/// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_end(
    connection: Option<&mut ixt_connection_t>,
    reason: u16,
    message: Bytes,
    message_length: usize,
) -> ixt_status_t {
    guard(|| {
        let message = text(message.get(message_length)?, "message")?;
        command(connection, |this| {
            this.connection.end(EndReason::from_raw(reason), message);
            Ok(())
        })
    })
}
