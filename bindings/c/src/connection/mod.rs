//! The connection engine: many streams over one ordered byte pipe (specification 24).

mod commands;
mod config;
mod event;
mod input;
mod output;

use std::mem::MaybeUninit;

use ixt_core::connection::{Connection, Event};
use ixt_core::stream::StreamId;
use ixt_core::{Error, ErrorKind};

use crate::error::ixt_error_t;
use crate::ffi::Bytes;
use crate::guard::{guard, guard_with, required};
use crate::status::ixt_status_t;

pub use commands::*;
pub use config::*;
pub use event::*;
pub use input::*;
pub use output::*;

/// One end of a connection: many streams over one ordered byte pipe, such as a socket. It takes what was
/// read of the pipe, commands and the time; it fills buffers with what is to be written, and gives events.
/// After every input, drain the outputs until there are none: ixt_connection_drain(). Outputs that are not
/// drained are late, never lost and never reordered.
///
/// Streams are named by their key, a number that is never 0 and names one stream from its open until
/// IXT_EVENT_OVER. A key whose stream is over names no other stream.
///
/// It never waits, reads a clock, calls back, or keeps a pointer of the caller's. Times are microseconds
/// since the Unix epoch, read once at the start and moved on by a monotonic clock.
///
/// Threads: functions that take `const ixt_connection_t *` may run at the same time; one that takes
/// `ixt_connection_t *` runs alone. A connection may be used from any thread, one after the other.
pub struct ixt_connection_t {
    connection: Connection,
    /// The texts of events that were given last, which the caller borrows.
    texts: Vec<Vec<u8>>,
    /// The largest payload that this end was set to.
    max_payload: u32,
    /// Set while a command runs, so that it stays set where one panics.
    broken: bool,
}

impl ixt_connection_t {
    /// Gives the next event to the caller, whose texts stay here meanwhile.
    fn tell(&mut self, event: Event<'static>) -> ixt_connection_event_t {
        ixt_connection_event_t::of(event, &mut self.texts)
    }

    /// Puts events into what is free of the room from `filled` on; whether there may be more.
    fn tell_all(&mut self, room: &mut [ixt_connection_event_t], filled: &mut usize) -> bool {
        while let Some(slot) = room.get_mut(*filled) {
            let Some(event) = self.connection.poll_event() else { return false };
            *slot = self.tell(event);
            *filled += 1;
        }
        true
    }

    /// The texts of earlier events are not borrowed any more.
    fn forget_texts(&mut self) {
        if !self.texts.is_empty() {
            self.texts.clear();
        }
    }
}

/// Runs a command. One that panics leaves the connection broken, and no further one runs.
#[inline]
fn command<T>(
    connection: Option<&mut ixt_connection_t>,
    run: impl FnOnce(&mut ixt_connection_t) -> Result<T, Error>,
) -> Result<T, Error> {
    let connection = required(connection)?;
    if std::mem::replace(&mut connection.broken, true) {
        return Err(ErrorKind::Panic.into());
    }
    let result = run(connection);
    connection.broken = false;
    result
}

/// Makes one end of a new connection. What says hello to the peer is there to be transmitted.
///
/// config: NULL for the usual one; copied. control_id: 16 bytes that were never used as the id of a stream,
/// such as a UUIDv7; borrowed for the call. now_us: the time. connection: written on success; ownership is
/// transferred to the caller, who gives it back to ixt_connection_free(). error: NULL, or written on
/// failure.
/// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT with the setting as the field, IXT_ERR_NIL_STREAM_ID,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_new(
    config: Option<&ixt_connection_config_t>,
    control_id: Bytes,
    now_us: u64,
    connection: Option<&mut MaybeUninit<Box<ixt_connection_t>>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let connection = required(connection)?;
        let id = StreamId::new(*control_id.id()?)?;
        let config = config::of(config)?;
        let max_payload = config.max_payload;
        let made = Connection::new(config, id, now_us)?;
        connection.write(Box::new(ixt_connection_t {
            connection: made,
            texts: Vec::new(),
            max_payload,
            broken: false,
        }));
        Ok(())
    })
}

/// Frees a connection. Nothing is sent: see ixt_connection_go_away() and ixt_connection_end().
///
/// connection: ownership is transferred back; NULL is allowed and does nothing.
/// Threads: nobody else may be using the connection.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_free(connection: Option<Box<ixt_connection_t>>) {
    guard(|| {
        drop(connection);
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the header promises: from any thread, and read by several at once.
    #[test]
    fn a_connection_may_move_between_threads_and_be_read_by_several() {
        fn holds<T: Send + Sync>() {}
        holds::<ixt_connection_t>();
    }

    #[test]
    fn a_command_that_panicked_leaves_the_connection_broken() -> Result<(), Error> {
        let made = Connection::new(config::of(None)?, StreamId::new([1; 16])?, 0)?;
        let mut connection =
            ixt_connection_t { connection: made, texts: Vec::new(), max_payload: 0, broken: false };
        let status = guard(|| command(Some(&mut connection), |_| -> Result<(), Error> { panic!("planted") }));
        assert_eq!(status, ErrorKind::Panic.code());
        assert_eq!(ixt_connection_ping(Some(&mut connection)), ErrorKind::Panic.code());
        Ok(())
    }
}
