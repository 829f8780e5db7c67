//! The six frames, over owned or borrowed storage.

use std::fmt;

use super::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};

/// One frame of a stream: whose, and what.
///
/// `B` holds bytes and `T` text; see [`StreamFrame`] (owned) and [`FrameRef`] (borrowed).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<B, T> {
    /// The stream that it belongs to.
    pub stream_id: StreamId,
    /// What it says.
    pub body: FrameBody<B, T>,
}

/// A frame that owns its bytes.
pub type StreamFrame = Frame<Vec<u8>, String>;

/// A frame that borrows its bytes, as decoding gives it without a copy.
pub type FrameRef<'a> = Frame<&'a [u8], &'a str>;

/// The six kinds of frame, and what a later schema may add.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameBody<B, T> {
    /// Begins a stream.
    Open(Open<B>),
    /// One message.
    Data(StreamData<B>),
    /// Ends the stream as failed.
    Error(StreamError<B, T>),
    /// Ends one direction in order.
    Close(Close),
    /// Ends the stream as cancelled.
    Cancel(Cancel<T>),
    /// Allows the peer further data frames.
    Credit(Credit),
    /// A kind of a later schema.
    Unknown(UnknownFrame<B>),
}

/// Begins a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Open<B> {
    /// How many messages each side may send.
    pub interaction: InteractionKind,
    /// Data frames that the opener is ready to receive, 0 to 2^31 − 1; means nothing where the
    /// responder sends exactly one.
    pub initial_credit: u32,
    /// An encoded [`InvocationContext`](crate::invocation::InvocationContext) of at most 16 KiB; empty
    /// means anonymous. Who forwards passes these bytes on untouched.
    pub context: B,
}

/// One message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamData<B> {
    /// 0, 1, 2, … in each direction.
    pub sequence: u64,
    /// The application's bytes, at most 1 MiB unless both ends agreed otherwise.
    pub payload: B,
}

/// Ends the stream as failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamError<B, T> {
    /// Why.
    pub code: StreamErrorCode,
    /// Data frames accepted for sending before it in this direction; told, not checked.
    pub sequence: u64,
    /// For people, at most 4 KiB.
    pub message: T,
    /// The application's to define, at most 4 KiB.
    pub details: B,
}

/// Ends one direction in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub reason: CloseReason,
    /// The number of data frames sent in this direction.
    pub final_sequence: u64,
}

/// Ends the stream as cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancel<T> {
    /// Why.
    pub reason: CancelReason,
    /// For people, at most 4 KiB.
    pub message: T,
}

/// Allows the peer further data frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// How many more; at least 1.
    pub frames: u32,
}

/// A kind of frame of a later schema, kept whole so that it encodes to the same bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UnknownFrame<B> {
    /// Its union tag.
    pub tag: u16,
    /// The whole message as it came.
    pub message: B,
}

impl<B, T> Frame<B, T> {
    /// An open frame.
    pub const fn open(
        stream_id: StreamId,
        interaction: InteractionKind,
        initial_credit: u32,
        context: B,
    ) -> Self {
        Self { stream_id, body: FrameBody::Open(Open { interaction, initial_credit, context }) }
    }

    /// A data frame.
    pub const fn data(stream_id: StreamId, sequence: u64, payload: B) -> Self {
        Self { stream_id, body: FrameBody::Data(StreamData { sequence, payload }) }
    }

    /// An error frame.
    pub const fn error(
        stream_id: StreamId,
        code: StreamErrorCode,
        sequence: u64,
        message: T,
        details: B,
    ) -> Self {
        Self { stream_id, body: FrameBody::Error(StreamError { code, sequence, message, details }) }
    }

    /// A close frame.
    pub const fn close(stream_id: StreamId, reason: CloseReason, final_sequence: u64) -> Self {
        Self { stream_id, body: FrameBody::Close(Close { reason, final_sequence }) }
    }

    /// A cancel frame.
    pub const fn cancel(stream_id: StreamId, reason: CancelReason, message: T) -> Self {
        Self { stream_id, body: FrameBody::Cancel(Cancel { reason, message }) }
    }

    /// A credit frame.
    pub const fn credit(stream_id: StreamId, frames: u32) -> Self {
        Self { stream_id, body: FrameBody::Credit(Credit { frames }) }
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>> Frame<B, T> {
    /// The same frame, borrowed.
    #[inline]
    pub fn as_ref(&self) -> FrameRef<'_> {
        Frame { stream_id: self.stream_id, body: self.body.as_ref() }
    }

    /// The same frame, owned.
    pub fn into_owned(self) -> StreamFrame {
        let frame = self.as_ref();
        let body = match frame.body {
            FrameBody::Open(open) => FrameBody::Open(Open {
                interaction: open.interaction,
                initial_credit: open.initial_credit,
                context: open.context.to_vec(),
            }),
            FrameBody::Data(data) => {
                FrameBody::Data(StreamData { sequence: data.sequence, payload: data.payload.to_vec() })
            }
            FrameBody::Error(error) => FrameBody::Error(StreamError {
                code: error.code,
                sequence: error.sequence,
                message: error.message.to_owned(),
                details: error.details.to_vec(),
            }),
            FrameBody::Close(close) => FrameBody::Close(close),
            FrameBody::Cancel(cancel) => {
                FrameBody::Cancel(Cancel { reason: cancel.reason, message: cancel.message.to_owned() })
            }
            FrameBody::Credit(credit) => FrameBody::Credit(credit),
            FrameBody::Unknown(unknown) => {
                FrameBody::Unknown(UnknownFrame { tag: unknown.tag, message: unknown.message.to_vec() })
            }
        };
        Frame { stream_id: frame.stream_id, body }
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>> FrameBody<B, T> {
    /// The same body, borrowed.
    #[inline]
    pub fn as_ref(&self) -> FrameBody<&[u8], &str> {
        match self {
            Self::Open(open) => FrameBody::Open(Open {
                interaction: open.interaction,
                initial_credit: open.initial_credit,
                context: open.context.as_ref(),
            }),
            Self::Data(data) => {
                FrameBody::Data(StreamData { sequence: data.sequence, payload: data.payload.as_ref() })
            }
            Self::Error(error) => FrameBody::Error(StreamError {
                code: error.code,
                sequence: error.sequence,
                message: error.message.as_ref(),
                details: error.details.as_ref(),
            }),
            Self::Close(close) => FrameBody::Close(*close),
            Self::Cancel(cancel) => {
                FrameBody::Cancel(Cancel { reason: cancel.reason, message: cancel.message.as_ref() })
            }
            Self::Credit(credit) => FrameBody::Credit(*credit),
            Self::Unknown(unknown) => {
                FrameBody::Unknown(UnknownFrame { tag: unknown.tag, message: unknown.message.as_ref() })
            }
        }
    }

    /// The union tag in the schema.
    pub const fn tag(&self) -> u16 {
        match self {
            Self::Open(_) => 0,
            Self::Data(_) => 1,
            Self::Error(_) => 2,
            Self::Close(_) => 3,
            Self::Cancel(_) => 4,
            Self::Credit(_) => 5,
            Self::Unknown(unknown) => unknown.tag,
        }
    }
}

// Debug shows how many bytes there are and never the bytes: payloads are large and a context holds a
// token reference.

impl<B: AsRef<[u8]>, T: AsRef<str>> fmt::Debug for Frame<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("stream_id", &self.stream_id).field("body", &self.body).finish()
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>> fmt::Debug for FrameBody<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(open) => open.fmt(f),
            Self::Data(data) => data.fmt(f),
            Self::Error(error) => error.fmt(f),
            Self::Close(close) => close.fmt(f),
            Self::Cancel(cancel) => f
                .debug_struct("Cancel")
                .field("reason", &cancel.reason)
                .field("message", &cancel.message.as_ref())
                .finish(),
            Self::Credit(credit) => credit.fmt(f),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for Open<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("interaction", &self.interaction)
            .field("initial_credit", &self.initial_credit)
            .field("context", &Length(self.context.as_ref()))
            .finish()
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for StreamData<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamData")
            .field("sequence", &self.sequence)
            .field("payload", &Length(self.payload.as_ref()))
            .finish()
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>> fmt::Debug for StreamError<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamError")
            .field("code", &self.code)
            .field("sequence", &self.sequence)
            .field("message", &self.message.as_ref())
            .field("details", &Length(self.details.as_ref()))
            .finish()
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for UnknownFrame<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownFrame")
            .field("tag", &self.tag)
            .field("message", &Length(self.message.as_ref()))
            .finish()
    }
}

struct Length<'a>(&'a [u8]);

impl fmt::Debug for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
