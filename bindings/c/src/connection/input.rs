//! What the peer sent, and what time does.

use std::mem::MaybeUninit;

use crate::ffi::{Bytes, ConnectionEventsOut};
use crate::guard::{guard, required};
use crate::status::ixt_status_t;

use super::{command, ixt_connection_event_t, ixt_connection_t};

/// Hands what was read of the transport to the connection, and takes all events of it in one call: those of
/// the frames that it holds, in order, and those that waited before. Frames need not be whole: the beginning
/// of one is kept.
///
/// It stops when `events` is full, and behind a message that came in parts, whose bytes would not last. While
/// `*more` is true, call it again with the rest of the input: `bytes + *consumed`. Then transmit.
///
/// bytes: `length` bytes, borrowed for the call; payloads and contexts of the events stand in them, or in the
/// library's memory for a frame that came in parts, borrowed until the next call of this function,
/// ixt_connection_poll_events() or ixt_connection_drain(). now_us: the time. events: room for `capacity`
/// events, of which the first `*count` are written. count, consumed, more: written on success.
/// Returns: IXT_OK, also where the bytes end the connection, which an event says;
/// IXT_ERR_INVALID_ARGUMENT for no room for events; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_receive(
    connection: Option<&mut ixt_connection_t>,
    bytes: Bytes,
    length: usize,
    now_us: u64,
    events: ConnectionEventsOut,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
    consumed: Option<&mut MaybeUninit<usize>>,
    more: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let (count, consumed, more) = (required(count)?, required(consumed)?, required(more)?);
        let read = bytes.get(length)?;
        let room = events.get(capacity)?;
        if room.is_empty() {
            return Err(ixt_core::ErrorKind::InvalidArgument.into());
        }
        command(connection, |this| {
            this.forget_texts();
            let inside = read.as_ptr_range();
            let texts = &mut this.texts;
            let mut incoming = this.connection.receive(read, now_us);
            let (mut filled, mut has_more) = (0, true);
            while let Some(slot) = room.get_mut(filled) {
                let Some(event) = incoming.next() else {
                    has_more = false;
                    break;
                };
                filled += 1;
                match ixt_connection_event_t::of_bytes(event) {
                    Ok((event, part)) => {
                        *slot = event;
                        // The next frame overwrites one that came in parts.
                        if !part.is_empty() && !inside.contains(&part.as_ptr()) {
                            break;
                        }
                    }
                    Err(event) => *slot = ixt_connection_event_t::of(event, texts),
                }
            }
            count.write(filled);
            consumed.write(read.len() - incoming.rest().len());
            more.write(has_more);
            Ok(())
        })
    })
}

/// The byte stream from the peer has ended, or could not be read or written: the connection ends, which an
/// event says. Drain after it.
///
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_transport_ended(connection: Option<&mut ixt_connection_t>) -> ixt_status_t {
    guard(|| {
        command(connection, |this| {
            this.connection.transport_ended();
            Ok(())
        })
    })
}

/// Tells the time: deadlines of streams, pings, a peer that has gone silent, the end of going away. Drain
/// after it.
///
/// now_us: the time.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_handle_timeout(
    connection: Option<&mut ixt_connection_t>,
    now_us: u64,
) -> ixt_status_t {
    guard(|| {
        command(connection, |this| {
            this.connection.handle_timeout(now_us);
            Ok(())
        })
    })
}

/// When ixt_connection_handle_timeout() has something to do.
///
/// at_us: written on success: the time; 0 for never.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_next_timeout(
    connection: Option<&mut ixt_connection_t>,
    at_us: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let at_us = required(at_us)?;
        command(connection, |this| {
            at_us.write(this.connection.next_timeout().unwrap_or(0));
            Ok(())
        })
    })
}
