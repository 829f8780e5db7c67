//! What leaves, what happened, and what a connection looks like.

use std::mem::MaybeUninit;

use ixt_core::ErrorKind;
use ixt_core::connection::Key;

use crate::event::{self, ixt_state_t};
use crate::ffi::{BytesOut, ConnectionEventsOut};
use crate::guard::{guard, required};
use crate::status::ixt_status_t;

use super::{command, ixt_connection_t};

/// Fills a buffer with as many frames as fit. A frame that would not fit an empty buffer either is cut, and
/// goes on in the next call, so any buffer will do; 64 KiB is a good one. Control frames come first, and
/// streams with data take turns. There may be events after it, of room that was made.
///
/// out: room for `capacity` bytes. filled: written on success: bytes to write to the transport; 0 when there
/// is nothing to send.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_poll_transmit(
    connection: Option<&mut ixt_connection_t>,
    out: BytesOut,
    capacity: usize,
    filled: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let filled = required(filled)?;
        let out = out.get(capacity)?;
        command(connection, |this| {
            filled.write(this.connection.poll_transmit(out));
            Ok(())
        })
    })
}

/// Takes events that come from no frame: of commands, of the time, of room that was made.
///
/// events: room for `capacity` events, of which the first `*count` are written; their texts are borrowed
/// until the next call of this function, ixt_connection_receive() or ixt_connection_drain(). count: written
/// on success; less than `capacity` where no more are left.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_poll_events(
    connection: Option<&mut ixt_connection_t>,
    events: ConnectionEventsOut,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let count = required(count)?;
        let room = events.get(capacity)?;
        command(connection, |this| {
            this.forget_texts();
            let mut filled = 0;
            this.tell_all(room, &mut filled);
            count.write(filled);
            Ok(())
        })
    })
}

/// ixt_connection_poll_transmit() and ixt_connection_poll_events() in one call, for where calls cost: fills a
/// buffer with frames, and takes the events.
///
/// out: room for `capacity` bytes. filled: written on success: bytes to write to the transport. events: room
/// for `event_capacity` events, of which the first `*event_count` are written, as for
/// ixt_connection_poll_events(). event_count: written on success. more: written on success: whether another
/// call is due, for frames or for events.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_drain(
    connection: Option<&mut ixt_connection_t>,
    out: BytesOut,
    capacity: usize,
    filled: Option<&mut MaybeUninit<usize>>,
    events: ConnectionEventsOut,
    event_capacity: usize,
    event_count: Option<&mut MaybeUninit<usize>>,
    more: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let (filled, event_count, more) = (required(filled)?, required(event_count)?, required(more)?);
        let (out, room) = (out.get(capacity)?, events.get(event_capacity)?);
        command(connection, |this| {
            this.forget_texts();
            filled.write(this.connection.poll_transmit(out));
            let mut told = 0;
            let has_events = this.tell_all(room, &mut told);
            event_count.write(told);
            more.write(has_events || this.connection.has_transmit());
            Ok(())
        })
    })
}

/// Whether ixt_connection_poll_transmit() has something.
///
/// has: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_connection_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_has_transmit(
    connection: Option<&ixt_connection_t>,
    has: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let (connection, has) = (&required(connection)?.connection, required(has)?);
        has.write(connection.has_transmit());
        Ok(())
    })
}

/// Whether the connection has ended. Once nothing is left to transmit, close the transport.
///
/// ended: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_connection_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_has_ended(
    connection: Option<&ixt_connection_t>,
    ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let (connection, ended) = (&required(connection)?.connection, required(ended)?);
        ended.write(connection.has_ended());
        Ok(())
    })
}

/// What has passed on a connection, for metrics.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_connection_stats_t {
    /// Frames that came whole.
    pub frames_in: u64,
    /// Frames that left, or have begun to.
    pub frames_out: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that left.
    pub bytes_out: u64,
    /// Streams that were opened, here or by the peer.
    pub opened: u64,
    /// Streams of the peer that were refused.
    pub refused: u64,
    /// Frames of streams that were never known here.
    pub unknown: u64,
    /// Frames that crossed with the end of their stream.
    pub ignored: u64,
    /// Rules of streams that the peer broke.
    pub violations: u64,
    /// Streams that live now.
    pub streams: u64,
    /// Bytes that wait to be sent.
    pub queued: u64,
}

/// What has passed.
///
/// stats: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_connection_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_stats(
    connection: Option<&ixt_connection_t>,
    stats: Option<&mut MaybeUninit<ixt_connection_stats_t>>,
) -> ixt_status_t {
    guard(|| {
        let (connection, out) = (&required(connection)?.connection, required(stats)?);
        let stats = connection.stats();
        out.write(ixt_connection_stats_t {
            frames_in: stats.frames_in,
            frames_out: stats.frames_out,
            bytes_in: stats.bytes_in,
            bytes_out: stats.bytes_out,
            opened: stats.opened,
            refused: stats.refused,
            unknown: stats.unknown,
            ignored: stats.ignored,
            violations: stats.violations,
            streams: connection.len() as u64,
            queued: connection.queued() as u64,
        });
        Ok(())
    })
}

/// What a stream looks like now. Of ixt_state_t, `sent`, `received`, `next_timeout_ms` and `interaction` are 0
/// here.
///
/// stream: its key. state: written on success.
/// Returns: IXT_OK, IXT_ERR_STREAM_ENDED for a stream that is over, IXT_ERR_NULL_POINTER.
/// Threads: runs beside others that take `const ixt_connection_t *`.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_stream_state(
    connection: Option<&ixt_connection_t>,
    stream: u64,
    state: Option<&mut MaybeUninit<ixt_state_t>>,
) -> ixt_status_t {
    guard(|| {
        let (connection, out) = (&required(connection)?.connection, required(state)?);
        let state = connection.state(Key::from_raw(stream)).ok_or(ErrorKind::StreamEnded)?;
        let ended = |half| !matches!(half, ixt_core::flow::Half::Idle | ixt_core::flow::Half::Open);
        out.write(ixt_state_t {
            ignored: state.ignored,
            sent: 0,
            received: 0,
            next_timeout_ms: 0,
            credit: state.credit,
            outstanding: state.outstanding,
            sender: event::half(state.sender),
            receiver: event::half(state.receiver),
            interaction: 0,
            ended: u16::from(ended(state.sender) && ended(state.receiver)),
        });
        Ok(())
    })
}
