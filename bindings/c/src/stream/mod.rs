//! The credit engine: one endpoint of one stream (specification 23).

mod commands;
mod input;
mod output;

use std::mem::MaybeUninit;

use crate::error::ixt_error_t;
use crate::event::{self, ixt_event_t};
use crate::ffi::Bytes;
use crate::frame::{IXT_MAX_PAYLOAD, emit, emit_data, ixt_frame_t};
use crate::guard::{guard, guard_with, required};
use crate::status::ixt_status_t;
use ixt_core::flow::{Config, Event, Half, Stream, Ticket};
use ixt_core::stream::{Frame, FrameBody, FrameRef, InteractionKind, StreamFrame};
use ixt_core::wire::MESSAGE_OVERHEAD;
use ixt_core::{Error, ErrorKind, Limits};

pub use commands::*;
pub use input::*;
pub use output::*;

/// Room for any one frame that ixt_stream_drain() and ixt_stream_poll_transmit() give, in bytes.
pub const IXT_MAX_CONTROL: usize = 8272;

/// The settings of an endpoint. Where a function takes NULL for it, they are IXT_MAX_PAYLOAD, 0, 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_config_t {
    /// The largest payload, for sending and receiving. Both ends must agree on it; IXT_MAX_PAYLOAD, where
    /// they have agreed on nothing.
    pub max_payload: usize,
    /// Frames that may be outstanding where grants follow ixt_stream_consume(), at most 2^31 - 1; 0 for
    /// grants by hand, with ixt_stream_grant().
    pub window: u32,
    /// The credit that the opener has from the beginning because the connection agreed on it: for an
    /// opener its own first credit, for a responder what it knows the opener to have.
    pub agreed_credit: u32,
}

/// One endpoint of one stream. It takes commands, the peer's frames and the time; it gives frames to
/// transmit and events. After every input, drain the outputs until there are none: ixt_stream_drain().
/// Outputs that are not drained are late, never lost and never reordered.
///
/// It never waits, reads a clock, calls back, or keeps a pointer of the caller's.
///
/// Threads: functions that take `const ixt_stream_t *` may run at the same time; one that takes
/// `ixt_stream_t *` runs alone. A stream may be used from any thread, one after the other.
pub struct ixt_stream_t {
    stream: Stream,
    limits: Limits,
    /// Taken from the engine and not yet passed on, for lack of room.
    frame: Option<StreamFrame>,
    event: Option<Event>,
    /// Set while a command runs, so that it stays set where one panics.
    broken: bool,
}

impl ixt_stream_t {
    pub(crate) fn new(stream: Stream, config: Option<&ixt_config_t>) -> Box<Self> {
        Box::new(Self { stream, limits: limits_of(config), frame: None, event: None, broken: false })
    }

    /// The next frame to transmit, still kept until it is [taken](Self::frame).
    fn next_frame(&mut self) -> Option<&StreamFrame> {
        // A frame that waited for room while the stream ended is not to leave any more.
        let state = self.stream.state();
        let stale = self.frame.as_ref().is_some_and(|frame| match frame.body {
            FrameBody::Credit(_) => state.receiver != Half::Open,
            FrameBody::Close(_) => matches!(state.sender, Half::Failed | Half::Cancelled),
            _ => false,
        });
        if stale {
            self.frame = None;
        }
        if self.frame.is_none() {
            self.frame = self.stream.poll_transmit();
        }
        self.frame.as_ref()
    }

    /// Writes as many frames as there is room for; gives the bytes.
    fn transmit(&mut self, mut out: &mut [u8]) -> Result<usize, Error> {
        let (limits, mut used) = (self.limits, 0);
        while let Some(frame) = self.next_frame() {
            match frame.encode_to_slice(out, limits) {
                Ok(size) => {
                    self.frame = None;
                    used += size;
                    out = std::mem::take(&mut out).get_mut(size..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::BufferTooSmall => break,
                Err(error) => return Err(error),
            }
        }
        Ok(used)
    }

    /// Puts events into what is free of the room from `filled` on.
    fn tell(&mut self, room: &mut [ixt_event_t], filled: &mut usize) {
        while let Some(slot) = room.get_mut(*filled) {
            match self.event.take().or_else(|| self.stream.poll_event()) {
                Some(event) => *slot = event.into(),
                None => return,
            }
            *filled += 1;
        }
    }

    fn has_events(&mut self) -> bool {
        if self.event.is_none() {
            self.event = self.stream.poll_event();
        }
        self.event.is_some()
    }

    fn has_more(&mut self) -> bool {
        self.has_events() || self.next_frame().is_some()
    }

    /// Decodes under the limit for messages. A payload above the endpoint's own limit is let through,
    /// for it is the engine that fails the stream then.
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<FrameRef<'a>, Error> {
        let limits = if bytes.len() > self.limits.max_message() {
            self.limits
        } else {
            Limits::with_max_payload(self.limits.max_payload().saturating_add(MESSAGE_OVERHEAD))
        };
        FrameRef::decode_within(bytes, limits)
    }

    /// Sends, after making sure that there is room for the frame: a credit spent on a frame that cannot
    /// be written would be lost.
    #[inline]
    fn send(
        &mut self,
        payload: &[u8],
        ticket: Option<Ticket>,
        out: &mut [u8],
        written: &mut MaybeUninit<usize>,
    ) -> Result<(), Error> {
        if out.len() < payload.len().saturating_add(DATA_OVERHEAD) {
            self.check_room(payload, ticket, out.len(), written)?;
        }
        let limits = self.limits;
        let frame = match ticket {
            None => self.stream.try_send(payload),
            Some(ticket) => self.stream.send_with(ticket, payload),
        }?;
        match frame.body {
            FrameBody::Data(data) => emit_data(frame.stream_id, data, limits, out, written),
            _ => emit(&frame, limits, out, written),
        }
    }

    #[cold]
    fn check_room(
        &mut self,
        payload: &[u8],
        ticket: Option<Ticket>,
        room: usize,
        written: &mut MaybeUninit<usize>,
    ) -> Result<(), Error> {
        let state = self.stream.state();
        let Some(id) = self.stream.id() else { return Ok(()) };
        let refused = state.sender != Half::Open
            || payload.len() > self.limits.max_payload()
            || (ticket.is_none() && state.credit == 0);
        let needed = Frame::<&[u8], &str>::data(id, self.stream.sent(), payload).encoded_len();
        // Where the engine is going to refuse anyway, its reason is the better one.
        if refused || needed <= room {
            return Ok(());
        }
        written.write(needed);
        Err(ErrorKind::BufferTooSmall.into())
    }
}

/// What a data frame has beside its payload, at most.
const DATA_OVERHEAD: usize = 64;

fn limits_of(config: Option<&ixt_config_t>) -> Limits {
    Limits::with_max_payload(config.map_or(IXT_MAX_PAYLOAD, |config| config.max_payload))
}

pub(crate) fn config_of(config: Option<&ixt_config_t>) -> Result<Config, Error> {
    let limited = Config::default().with_limits(limits_of(config));
    let Some(given) = config else { return Ok(limited) };
    for (frames, field) in [(given.window, "window"), (given.agreed_credit, "agreed_credit")] {
        if frames > ixt_core::wire::MAX_CREDIT {
            return Err(Error::new(ErrorKind::InvalidArgument).in_field(field));
        }
    }
    let agreed = limited.with_agreed_credit(given.agreed_credit);
    Ok(if given.window == 0 { agreed } else { agreed.with_window(given.window) })
}

/// Runs a command. One that panics leaves the stream broken, and no further one runs.
#[inline]
pub(crate) fn command<T>(
    stream: Option<&mut ixt_stream_t>,
    run: impl FnOnce(&mut ixt_stream_t) -> Result<T, Error>,
) -> Result<T, Error> {
    let stream = required(stream)?;
    if std::mem::replace(&mut stream.broken, true) {
        return Err(ErrorKind::Panic.into());
    }
    let result = run(stream);
    stream.broken = false;
    result
}

/// Makes the end that will open a stream of this kind.
///
/// interaction: one of ixt_interaction. config: NULL for the usual one; copied. stream: written on
/// success; ownership is transferred to the caller, who gives it back to ixt_stream_free().
/// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_new_opener(
    interaction: u16,
    config: Option<&ixt_config_t>,
    stream: Option<&mut MaybeUninit<Box<ixt_stream_t>>>,
) -> ixt_status_t {
    guard(|| {
        let stream = required(stream)?;
        let kind = InteractionKind::from_raw(interaction);
        if kind.name().is_none() {
            return Err(Error::new(ErrorKind::InvalidArgument).in_field("interaction"));
        }
        stream.write(ixt_stream_t::new(Stream::opener(kind, config_of(config)?), config));
        Ok(())
    })
}

/// Makes the end that will answer an open.
///
/// config: NULL for the usual one; copied. stream: written on success; ownership is transferred to the
/// caller, who gives it back to ixt_stream_free().
/// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_new_responder(
    config: Option<&ixt_config_t>,
    stream: Option<&mut MaybeUninit<Box<ixt_stream_t>>>,
) -> ixt_status_t {
    guard(|| {
        let stream = required(stream)?;
        stream.write(ixt_stream_t::new(Stream::responder(config_of(config)?), config));
        Ok(())
    })
}

/// Makes the end that answers an open and hands it the open frame, in one call. Drain it then, and tell
/// it the time.
///
/// config: NULL for the usual one; copied. bytes: one whole open frame of `length` bytes, borrowed for
/// the call. stream: written on success; ownership is transferred to the caller, who gives it back to
/// ixt_stream_free(). received: written on success: IXT_RECEIVED_OPENED, or IXT_RECEIVED_DONE where the
/// open breaks a rule; the stream has failed then, and an error frame is there to transmit. frame: NULL,
/// or written on success, with places in `bytes`. error: NULL, or written on failure.
/// Returns: IXT_OK; a refusal (1 to 99); IXT_ERR_INVALID_ARGUMENT for another frame than an open;
/// IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_accept(
    config: Option<&ixt_config_t>,
    bytes: Bytes,
    length: usize,
    stream: Option<&mut MaybeUninit<Box<ixt_stream_t>>>,
    received: Option<&mut MaybeUninit<u16>>,
    frame: Option<&mut MaybeUninit<ixt_frame_t>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (stream, received) = (required(stream)?, required(received)?);
        let bytes = bytes.get(length)?;
        let mut responder = ixt_stream_t::new(Stream::responder(config_of(config)?), config);
        let open = responder.decode(bytes)?;
        if !matches!(open.body, FrameBody::Open(_)) {
            return Err(Error::new(ErrorKind::InvalidArgument).in_field("kind"));
        }
        received.write(event::received(&responder.stream.receive(open)));
        if let Some(frame) = frame {
            frame.write(ixt_frame_t::of(&open, bytes, bytes));
        }
        stream.write(responder);
        Ok(())
    })
}

/// Frees a stream. Nothing is sent: to end a stream that is open, fail or cancel it before.
///
/// stream: ownership is transferred back; NULL is allowed and does nothing.
/// Threads: nobody else may be using the stream.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_free(stream: Option<Box<ixt_stream_t>>) {
    guard(|| {
        drop(stream);
        Ok(())
    });
}

impl ixt_stream_t {
    pub(crate) fn engine(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Refuses where a frame that a command would make finds no room.
    pub(crate) fn room_for(
        &self,
        frame: &FrameRef<'_>,
        room: usize,
        written: &mut MaybeUninit<usize>,
    ) -> Result<(), Error> {
        let needed = frame.encoded_len();
        if needed > room && !self.stream.has_ended() {
            written.write(needed);
            return Err(ErrorKind::BufferTooSmall.into());
        }
        Ok(())
    }

    /// Writes what is to be transmitted.
    pub(crate) fn flush(&mut self, out: &mut [u8], written: &mut MaybeUninit<usize>) -> Result<(), Error> {
        written.write(self.transmit(out)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ixt_core::stream::{StreamErrorCode, StreamId};

    use super::*;

    /// What the header promises: from any thread, and read by several at once.
    #[test]
    fn a_stream_may_move_between_threads_and_be_read_by_several() {
        fn holds<T: Send + Sync>() {}
        holds::<ixt_stream_t>();
    }

    #[test]
    fn a_command_that_panicked_leaves_the_stream_broken() {
        let mut stream = ixt_stream_t::new(Stream::responder(Config::default()), None);
        let status = guard(|| command(Some(&mut stream), |_| -> Result<(), Error> { panic!("planted") }));
        assert_eq!(status, ErrorKind::Panic.code());
        let status = guard(|| command(Some(&mut stream), |this| this.stream.grant(1)));
        assert_eq!(status, ErrorKind::Panic.code());
        ixt_stream_free(Some(stream));
    }

    /// Room for any one frame of the engine's: the largest is an error with both texts at their limit.
    #[test]
    fn the_largest_control_frame_is_as_large_as_the_header_says() -> Result<(), Error> {
        let id = StreamId::new([255; 16])?;
        let text = "x".repeat(crate::frame::IXT_MAX_TEXT);
        let error = Frame::error(id, StreamErrorCode::Internal, u64::MAX, text.as_str(), text.as_bytes());
        assert_eq!(error.encoded_len(), IXT_MAX_CONTROL);
        Ok(())
    }
}
