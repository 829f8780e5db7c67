//! The credit engine: one endpoint of one stream (specification 23).

use std::mem::MaybeUninit;

use ixt_core::flow::{Config, Effect, Event, Half, Outcome, Received, Role, Stream, Ticket};
use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamFrame,
    StreamId,
};
use ixt_core::wire::{MESSAGE_OVERHEAD, Split, split};
use ixt_core::{Error, ErrorKind, Limits};

use crate::error::ixt_error_t;
use crate::event::{self, ixt_event_t, ixt_outcome_t, ixt_state_t};
use crate::ffi::{Bytes, BytesOut, EventsOut};
use crate::frame::{IXT_MAX_PAYLOAD, emit, ixt_frame_t, text, within};
use crate::guard::{guard, guard_with, required};
use crate::status::ixt_status_t;

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
        emit(&frame, limits, out, written)
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

fn ended(effect: Effect, already_ended: Option<&mut MaybeUninit<bool>>) {
    if let Some(already_ended) = already_ended {
        already_ended.write(effect == Effect::AlreadyEnded);
    }
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
            let id = match StreamId::new(id) {
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

/// Says that the application has consumed so many messages: grants again once half a window is due.
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
