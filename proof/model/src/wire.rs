//! A frame under way.

use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamId,
};

/// A frame between the ends, in the little that it takes to make it again: payloads are the number of the
/// message, and texts are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// An open, with its initial credit.
    Open(InteractionKind, u32),
    /// A message: its sequence and which one of the application's it is.
    Data(u64, u8),
    /// A close, with its number.
    Close(CloseReason, u64),
    /// A grant.
    Credit(u32),
    /// An error.
    Error(StreamErrorCode, u64),
    /// A cancel.
    Cancel(CancelReason),
}

impl Wire {
    /// What is kept of a frame; `None` for a kind that no engine makes.
    #[must_use]
    pub fn of(frame: FrameRef<'_>) -> Option<Self> {
        Some(match frame.body {
            FrameBody::Open(open) => Self::Open(open.interaction, open.initial_credit),
            FrameBody::Data(data) => Self::Data(data.sequence, *data.payload.first()?),
            FrameBody::Close(close) => Self::Close(close.reason, close.final_sequence),
            FrameBody::Credit(credit) => Self::Credit(credit.frames),
            FrameBody::Error(error) => Self::Error(error.code, error.sequence),
            FrameBody::Cancel(cancel) => Self::Cancel(cancel.reason),
            _ => return None,
        })
    }

    /// Makes the frame again and hands it to `take`.
    pub fn with<R>(self, id: StreamId, context: &[u8], take: impl FnOnce(FrameRef<'_>) -> R) -> R {
        let message = [self.message()];
        let frame: FrameRef<'_> = match self {
            Self::Open(kind, credit) => Frame::open(id, kind, credit, context),
            Self::Data(sequence, _) => Frame::data(id, sequence, &message[..]),
            Self::Close(reason, sequence) => Frame::close(id, reason, sequence),
            Self::Credit(frames) => Frame::credit(id, frames),
            Self::Error(code, sequence) => Frame::error(id, code, sequence, "", &[][..]),
            Self::Cancel(reason) => Frame::cancel(id, reason, ""),
        };
        take(frame)
    }

    fn message(self) -> u8 {
        if let Self::Data(_, message) = self { message } else { 0 }
    }

    /// Whether nothing may follow it.
    #[must_use]
    pub fn ends_the_stream(self) -> bool {
        matches!(self, Self::Error(..) | Self::Cancel(_))
    }
}
