//! What the engine tells the application, as plain structs.

use ixt_core::flow::{By, Event, Half, Outcome, Received, Violation};

use crate::span::ixt_span_t;

/// The values of ixt_event_t's `kind`.
#[repr(C)]
pub enum ixt_event_kind {
    /// The responder's stream has begun: interaction, credit, context, stream_id by ixt_stream_id(). Hand
    /// the time to ixt_stream_handle_timeout() before a handler sees it.
    IXT_EVENT_OPENED = 1,
    /// A message, in order and under credit: sequence, payload.
    IXT_EVENT_DATA = 2,
    /// The credit to send grew: credit.
    IXT_EVENT_CREDIT = 3,
    /// A ticket has its credit: ticket. Send with it, or drop it.
    IXT_EVENT_READY = 4,
    /// The stream, or its sender half, ended before a ticket had a credit: ticket.
    IXT_EVENT_ENDED = 5,
    /// The peer's direction ended in order: reason.
    IXT_EVENT_CLOSED = 6,
    /// The responder's close ended this opener's sender half; no frame is sent for it.
    IXT_EVENT_FINISHED = 7,
    /// The stream failed, by the peer or by a check of this end: code, by. The texts are in the outcome.
    IXT_EVENT_FAILED = 8,
    /// The stream was cancelled, by the peer or by its deadline: reason, by. The text is in the outcome.
    IXT_EVENT_CANCELLED = 9,
    /// The peer broke a rule that ends no stream: violation.
    IXT_EVENT_VIOLATION = 10,
    /// Of a connection: the stream has ended and all of it that was to leave has left; its key names nothing
    /// any more: outcome, and as of failed, cancelled or closed.
    IXT_EVENT_OVER = 20,
    /// Of a connection: both hellos have passed, so that streams may be opened: credit, data.
    IXT_EVENT_ESTABLISHED = 21,
    /// Of a connection: a frame of a stream that is not known here: stream_id. A diagnostic.
    IXT_EVENT_UNKNOWN_STREAM = 22,
    /// Of a connection: the answer to a ping: number.
    IXT_EVENT_PONG = 23,
    /// Of a connection: the peer goes away; no stream can be opened any more: reason, credit, data.
    IXT_EVENT_GOING_AWAY = 24,
    /// Of a connection: an end goes away and no stream is left. Close the transport.
    IXT_EVENT_DRAINED = 25,
    /// The connection has ended, and every stream with it: reason, by, data. Transmit what is left, then
    /// close the transport.
    IXT_EVENT_CONNECTION_ENDED = 26,
    /// An event of a later version.
    IXT_EVENT_UNKNOWN = 65535,
}

/// The values of `by`: who ended the stream.
#[repr(C)]
pub enum ixt_by {
    /// The peer's frame.
    IXT_BY_PEER = 1,
    /// This end's application, deadline or check.
    IXT_BY_LOCAL = 2,
}

/// The values of `violation`: a broken rule that ends no stream, for the host to count.
#[repr(C)]
pub enum ixt_violation {
    /// A frame of a stream that is not open here. A diagnostic, never a ground to drop a peer.
    IXT_VIOLATION_UNKNOWN_STREAM = 1,
    /// Data, or another final sequence, after the peer's close.
    IXT_VIOLATION_FRAME_AFTER_CLOSE = 2,
    /// A kind of frame that this version does not know.
    IXT_VIOLATION_UNKNOWN_FRAME = 3,
    /// A rule of a later version.
    IXT_VIOLATION_OTHER = 65535,
}

/// The values of `sender` and `receiver` in ixt_state_t: one direction at this end.
#[repr(C)]
pub enum ixt_half {
    /// Before the open.
    IXT_HALF_IDLE = 0,
    /// Frames may pass.
    IXT_HALF_OPEN = 1,
    /// Ended in order.
    IXT_HALF_CLOSED = 2,
    /// Ended by an error.
    IXT_HALF_FAILED = 3,
    /// Ended by a cancel or the deadline.
    IXT_HALF_CANCELLED = 4,
}

/// The values of `kind` in ixt_outcome_t.
#[repr(C)]
pub enum ixt_outcome_kind {
    /// The stream has not ended.
    IXT_OUTCOME_NONE = 0,
    /// Both directions ended in order: reason. Only IXT_CLOSE_COMPLETED is success.
    IXT_OUTCOME_COMPLETED = 1,
    /// An error frame, or a broken rule: code, by, and two texts.
    IXT_OUTCOME_FAILED = 2,
    /// A cancel frame, or the deadline: reason, by, and a text.
    IXT_OUTCOME_CANCELLED = 3,
}

/// The values of what ixt_stream_receive() says that became of a frame.
#[repr(C)]
pub enum ixt_received {
    /// It changed the state or raised an event; there is nothing more to it.
    IXT_RECEIVED_DONE = 0,
    /// The responder's stream has begun; the frame is the open.
    IXT_RECEIVED_OPENED = 1,
    /// A message; the frame is the data.
    IXT_RECEIVED_DATA = 2,
    /// It was ignored and counted; correct peers cause this by crossing.
    IXT_RECEIVED_IGNORED = 3,
}

/// Something that happened at a stream. It holds no pointer; fields that its kind has no use for are 0.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ixt_event_t {
    /// Of data: its number.
    pub sequence: u64,
    /// Of ready and ended: the number that ixt_stream_wait() gave.
    pub ticket: u64,
    /// Of credit: how many more. Of opened: what the opener is ready to receive.
    pub credit: u32,
    /// One of ixt_event_kind.
    pub kind: u16,
    /// Of opened: one of ixt_interaction.
    pub interaction: u16,
    /// Of failed: one of ixt_error_code, or a number of a later schema.
    pub code: u16,
    /// Of closed: one of ixt_close_reason. Of cancelled: one of ixt_cancel_reason. Or a number of
    /// a later schema.
    pub reason: u16,
    /// Of failed and cancelled: one of ixt_by.
    pub by: u16,
    /// Of violation: one of ixt_violation.
    pub violation: u16,
    /// Of data: the application's bytes, in the input of the call that gave the event.
    pub payload: ixt_span_t,
    /// Of opened: the encoded invocation context, in the input of the call that gave the event.
    pub context: ixt_span_t,
}

/// How a stream ended. The first end decides; nothing changes it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ixt_outcome_t {
    /// Bytes of the message, which ixt_stream_outcome_message() gives; at most IXT_MAX_TEXT.
    pub message_length: usize,
    /// Bytes of the details, which ixt_stream_outcome_details() gives; at most IXT_MAX_TEXT.
    pub details_length: usize,
    /// One of ixt_outcome_kind.
    pub kind: u16,
    /// Of failed: one of ixt_error_code, or a number of a later schema.
    pub code: u16,
    /// Of completed: one of ixt_close_reason. Of cancelled: one of ixt_cancel_reason. Or a number
    /// of a later schema.
    pub reason: u16,
    /// Of failed and cancelled: one of ixt_by.
    pub by: u16,
}

/// What an endpoint looks like at one moment.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_state_t {
    /// Frames of the peer that were ignored.
    pub ignored: u64,
    /// Data frames accepted for sending so far.
    pub sent: u64,
    /// Data frames received so far.
    pub received: u64,
    /// When ixt_stream_handle_timeout() has something to do: the deadline of an open stream, in milliseconds
    /// since the Unix epoch; 0 for never.
    pub next_timeout_ms: u64,
    /// Data frames that may be sent now and that no ticket holds; 0 unless the sender half is open.
    pub credit: u32,
    /// Data frames that the peer may still send; 0 unless the receiver half is open.
    pub outstanding: u32,
    /// One of ixt_half.
    pub sender: u16,
    /// One of ixt_half.
    pub receiver: u16,
    /// One of ixt_interaction; at a responder it means nothing before the open.
    pub interaction: u16,
    /// 1 when both halves have ended, else 0.
    pub ended: u16,
}

pub(crate) const fn half(half: Half) -> u16 {
    match half {
        Half::Idle => ixt_half::IXT_HALF_IDLE as u16,
        Half::Open => ixt_half::IXT_HALF_OPEN as u16,
        Half::Closed => ixt_half::IXT_HALF_CLOSED as u16,
        Half::Failed => ixt_half::IXT_HALF_FAILED as u16,
        Half::Cancelled => ixt_half::IXT_HALF_CANCELLED as u16,
    }
}

pub(crate) const fn received(received: &Received<'_>) -> u16 {
    match received {
        Received::Done => ixt_received::IXT_RECEIVED_DONE as u16,
        Received::Opened(_) => ixt_received::IXT_RECEIVED_OPENED as u16,
        Received::Data(_) => ixt_received::IXT_RECEIVED_DATA as u16,
        Received::Ignored => ixt_received::IXT_RECEIVED_IGNORED as u16,
    }
}

pub(crate) const fn by(by: By) -> u16 {
    match by {
        By::Peer => ixt_by::IXT_BY_PEER as u16,
        By::Local => ixt_by::IXT_BY_LOCAL as u16,
    }
}

impl ixt_event_t {
    /// The event of a frame that carries the application's bytes; `None` for one that does not.
    #[inline]
    pub(crate) fn of_received(received: &Received<'_>, input: &[u8]) -> Option<Self> {
        match received {
            Received::Opened(open) => Some(Self {
                kind: ixt_event_kind::IXT_EVENT_OPENED as u16,
                interaction: open.interaction.raw(),
                credit: open.initial_credit,
                context: ixt_span_t::of(open.context, input),
                ..Self::default()
            }),
            Received::Data(data) => Some(Self {
                kind: ixt_event_kind::IXT_EVENT_DATA as u16,
                sequence: data.sequence,
                payload: ixt_span_t::of(data.payload, input),
                ..Self::default()
            }),
            Received::Done | Received::Ignored => None,
        }
    }
}

impl From<Event> for ixt_event_t {
    fn from(event: Event) -> Self {
        use ixt_event_kind as kind;
        let of = |kind: ixt_event_kind| Self { kind: kind as u16, ..Self::default() };
        match event {
            Event::Credit(credit) => Self { credit, ..of(kind::IXT_EVENT_CREDIT) },
            Event::Ready(ticket) => Self { ticket: ticket.raw(), ..of(kind::IXT_EVENT_READY) },
            Event::Ended(ticket) => Self { ticket: ticket.raw(), ..of(kind::IXT_EVENT_ENDED) },
            Event::Closed(reason) => Self { reason: reason.raw(), ..of(kind::IXT_EVENT_CLOSED) },
            Event::Finished => of(kind::IXT_EVENT_FINISHED),
            Event::Failed(failure) => {
                Self { code: failure.code.raw(), by: by(failure.by), ..of(kind::IXT_EVENT_FAILED) }
            }
            Event::Cancelled(cancellation) => Self {
                reason: cancellation.reason.raw(),
                by: by(cancellation.by),
                ..of(kind::IXT_EVENT_CANCELLED)
            },
            Event::Violation(violation) => Self {
                violation: match violation {
                    Violation::UnknownStream => ixt_violation::IXT_VIOLATION_UNKNOWN_STREAM,
                    Violation::FrameAfterClose => ixt_violation::IXT_VIOLATION_FRAME_AFTER_CLOSE,
                    Violation::UnknownFrame => ixt_violation::IXT_VIOLATION_UNKNOWN_FRAME,
                    _ => ixt_violation::IXT_VIOLATION_OTHER,
                } as u16,
                ..of(kind::IXT_EVENT_VIOLATION)
            },
            _ => of(kind::IXT_EVENT_UNKNOWN),
        }
    }
}

impl From<Option<&Outcome>> for ixt_outcome_t {
    fn from(outcome: Option<&Outcome>) -> Self {
        use ixt_outcome_kind as kind;
        match outcome {
            None => Self::default(),
            Some(Outcome::Completed(reason)) => {
                Self { kind: kind::IXT_OUTCOME_COMPLETED as u16, reason: reason.raw(), ..Self::default() }
            }
            Some(Outcome::Failed(failure)) => Self {
                kind: kind::IXT_OUTCOME_FAILED as u16,
                code: failure.code.raw(),
                by: by(failure.by),
                message_length: failure.message.len(),
                details_length: failure.details.len(),
                ..Self::default()
            },
            Some(Outcome::Cancelled(cancellation)) => Self {
                kind: kind::IXT_OUTCOME_CANCELLED as u16,
                reason: cancellation.reason.raw(),
                by: by(cancellation.by),
                message_length: cancellation.message.len(),
                ..Self::default()
            },
        }
    }
}
