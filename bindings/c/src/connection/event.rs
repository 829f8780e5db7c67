//! What happens on a connection, as plain structs.

use std::ptr;

use ixt_core::connection::{Event, Key};
use ixt_core::flow::Outcome;

use crate::event::{self, ixt_event_kind, ixt_event_t, ixt_outcome_t};

/// The values of `reason` where a connection ends or is about to.
#[repr(C)]
pub enum ixt_end_reason {
    /// No reason given.
    IXT_END_UNSPECIFIED = 0,
    /// An end goes away in order.
    IXT_END_SHUTDOWN = 1,
    /// Frames that the protocol does not allow where they stand.
    IXT_END_PROTOCOL_VIOLATION = 2,
    /// The byte stream ended within a frame.
    IXT_END_TORN_FRAME = 3,
    /// A frame larger than the limit.
    IXT_END_OVERSIZED_FRAME = 4,
    /// A frame that does not decode.
    IXT_END_MALFORMED_FRAME = 5,
    /// Broken rules of streams, too many of them.
    IXT_END_TOO_MANY_VIOLATIONS = 6,
    /// Nothing came for too long.
    IXT_END_IDLE = 7,
    /// No version of the connection protocol in common.
    IXT_END_VERSION = 8,
    /// More waits to be sent than the limits allow.
    IXT_END_OVERLOAD = 9,
    /// The peer may not connect.
    IXT_END_REFUSED = 10,
    /// The byte stream ended between frames, or could not be read or written.
    IXT_END_TRANSPORT = 11,
}

/// Something that happened on a connection. Fields that its kind has no use for are 0 and NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_connection_event_t {
    /// The stream's key; 0 where it is the connection's event.
    pub stream: u64,
    /// Of data: its sequence. Of ready and ended: the ticket. Of pong: the round trip in microseconds.
    pub number: u64,
    /// Of data: the payload. Of opened: the encoded context. Of failed, cancelled, over, going away and
    /// connection ended: a message for people. Of established: the peer's software. Borrowed until the next
    /// ixt_connection_receive(), ixt_connection_poll_events() or ixt_connection_drain() of this connection;
    /// a payload and a context may stand in the input of the call that gave the event, and are gone with it.
    pub data: *const u8,
    /// Bytes of it.
    pub length: usize,
    /// Of failed, and of over after it: the details. Borrowed as `data`.
    pub details: *const u8,
    /// Bytes of them.
    pub details_length: usize,
    /// Of opened and of unknown stream: the stream's id.
    pub stream_id: [u8; 16],
    /// Of credit: how many more. Of established: the streams that may be opened at once. Of going away: the
    /// grace in milliseconds.
    pub credit: u32,
    /// One of ixt_event_kind.
    pub kind: u16,
    /// Of opened: one of ixt_interaction.
    pub interaction: u16,
    /// Of failed, and of over after it: one of ixt_error_code, or a number of a later schema.
    pub code: u16,
    /// Of closed and of over in order: one of ixt_close_reason. Of cancelled, and of over after it: one of
    /// ixt_cancel_reason. Of going away and connection ended: one of ixt_end_reason. Or a number of a later
    /// schema.
    pub reason: u16,
    /// Of failed, cancelled, over and connection ended: one of ixt_by.
    pub by: u16,
    /// Of violation: one of ixt_violation.
    pub violation: u16,
    /// Of over: one of ixt_outcome_kind.
    pub outcome: u16,
}

impl Default for ixt_connection_event_t {
    fn default() -> Self {
        Self {
            stream: 0,
            number: 0,
            data: ptr::null(),
            length: 0,
            details: ptr::null(),
            details_length: 0,
            stream_id: [0; 16],
            credit: 0,
            kind: 0,
            interaction: 0,
            code: 0,
            reason: 0,
            by: 0,
            violation: 0,
            outcome: 0,
        }
    }
}

/// What an event says, with its texts moved to where the caller can borrow them.
struct Texts<'a>(&'a mut Vec<Vec<u8>>);

impl Texts<'_> {
    fn keep(&mut self, text: Vec<u8>) -> (*const u8, usize) {
        if text.is_empty() {
            return (ptr::null(), 0);
        }
        // Moving a vector does not move its bytes.
        let place = (text.as_ptr(), text.len());
        self.0.push(text);
        place
    }
}

impl ixt_connection_event_t {
    /// An event of a frame that carries the application's bytes; gives another one back.
    #[inline]
    pub(super) fn of_bytes<'a>(event: Event<'a>) -> Result<(Self, &'a [u8]), Event<'a>> {
        match event {
            Event::Message { stream, sequence, payload } => Ok((
                Self {
                    stream: stream.raw(),
                    number: sequence,
                    data: payload.as_ptr(),
                    length: payload.len(),
                    kind: ixt_event_kind::IXT_EVENT_DATA as u16,
                    ..Self::default()
                },
                payload,
            )),
            Event::Opened { stream, id, kind, context } => Ok((
                Self {
                    stream: stream.raw(),
                    data: context.as_ptr(),
                    length: context.len(),
                    stream_id: *id.as_bytes(),
                    kind: ixt_event_kind::IXT_EVENT_OPENED as u16,
                    interaction: kind.raw(),
                    ..Self::default()
                },
                context,
            )),
            other => Err(other),
        }
    }

    /// Any other event.
    pub(super) fn of(event: Event<'_>, texts: &mut Vec<Vec<u8>>) -> Self {
        use ixt_event_kind as kind;
        let mut texts = Texts(texts);
        let of = |kind: ixt_event_kind| Self { kind: kind as u16, ..Self::default() };
        match event {
            Event::Stream(key, event) => Self::of_stream(key, event, &mut texts),
            Event::Over(key, outcome) => {
                let told = ixt_outcome_t::from(Some(&outcome));
                let (message, details) = match outcome {
                    Outcome::Completed(_) => (Vec::new(), Vec::new()),
                    Outcome::Failed(failure) => (failure.message.into_bytes(), failure.details),
                    Outcome::Cancelled(cancellation) => (cancellation.message.into_bytes(), Vec::new()),
                };
                let (data, length) = texts.keep(message);
                let (details, details_length) = texts.keep(details);
                Self {
                    stream: key.raw(),
                    data,
                    length,
                    details,
                    details_length,
                    code: told.code,
                    reason: told.reason,
                    by: told.by,
                    outcome: told.kind,
                    ..of(kind::IXT_EVENT_OVER)
                }
            }
            Event::Established { peer, software } => {
                let (data, length) = texts.keep(software.into_bytes());
                Self { data, length, credit: peer.max_streams, ..of(kind::IXT_EVENT_ESTABLISHED) }
            }
            Event::UnknownStream(id) => {
                Self { stream_id: *id.as_bytes(), ..of(kind::IXT_EVENT_UNKNOWN_STREAM) }
            }
            Event::Pong { round_trip_us } => Self { number: round_trip_us, ..of(kind::IXT_EVENT_PONG) },
            Event::GoingAway { reason, grace_ms, message } => {
                let (data, length) = texts.keep(message.into_bytes());
                Self {
                    data,
                    length,
                    credit: grace_ms,
                    reason: reason.raw(),
                    ..of(kind::IXT_EVENT_GOING_AWAY)
                }
            }
            Event::Drained => of(kind::IXT_EVENT_DRAINED),
            Event::Ended(end) => {
                let (data, length) = texts.keep(end.message.into_bytes());
                Self {
                    data,
                    length,
                    reason: end.reason.raw(),
                    by: event::by(end.by),
                    ..of(kind::IXT_EVENT_CONNECTION_ENDED)
                }
            }
            // Opens and messages stand in the input, and relays are a host's.
            _ => of(kind::IXT_EVENT_UNKNOWN),
        }
    }

    fn of_stream(key: Key, event: ixt_core::flow::Event, texts: &mut Texts<'_>) -> Self {
        use ixt_core::flow::Event as Told;
        let ((data, length), (details, details_length)) = match &event {
            Told::Failed(failure) => {
                (texts.keep(failure.message.clone().into_bytes()), texts.keep(failure.details.clone()))
            }
            Told::Cancelled(cancellation) => {
                (texts.keep(cancellation.message.clone().into_bytes()), (ptr::null(), 0))
            }
            _ => ((ptr::null(), 0), (ptr::null(), 0)),
        };
        let plain = ixt_event_t::from(event);
        Self {
            stream: key.raw(),
            number: plain.ticket,
            data,
            length,
            details,
            details_length,
            credit: plain.credit,
            kind: plain.kind,
            code: plain.code,
            reason: plain.reason,
            by: plain.by,
            violation: plain.violation,
            ..Self::default()
        }
    }
}
