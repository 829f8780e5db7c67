//! Frames, as records.

use ixt_core::Limits;
use ixt_core::stream as core;

use crate::names::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use crate::refusal::Result;

/// One frame of a stream: whose, and what.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct StreamFrame {
    /// 16 bytes, not all zero.
    pub stream_id: Vec<u8>,
    /// What it says.
    pub body: FrameBody,
}

/// The six kinds of frame, and what a later schema may add.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum FrameBody {
    /// Begins a stream.
    Open {
        /// How many messages each side may send.
        interaction: InteractionKind,
        /// Data frames that the opener is ready to receive.
        initial_credit: u32,
        /// An encoded context, or no bytes for anonymous.
        context: Vec<u8>,
    },
    /// One message.
    Data {
        /// 0, 1, 2, … in each direction.
        sequence: u64,
        /// The application's bytes.
        payload: Vec<u8>,
    },
    /// Ends the stream as failed.
    Error {
        /// Why.
        code: StreamErrorCode,
        /// Data frames accepted for sending before it; told, not checked.
        sequence: u64,
        /// For people, at most 4 KiB.
        message: String,
        /// The application's to define, at most 4 KiB.
        details: Vec<u8>,
    },
    /// Ends one direction in order.
    Close {
        /// Why.
        reason: CloseReason,
        /// The number of data frames sent in this direction.
        final_sequence: u64,
    },
    /// Ends the stream as cancelled.
    Cancel {
        /// Why.
        reason: CancelReason,
        /// For people, at most 4 KiB.
        message: String,
    },
    /// Allows the peer further data frames.
    Credit {
        /// How many more; at least 1.
        frames: u32,
    },
    /// A kind of a later schema, kept whole.
    Unknown {
        /// Its union tag.
        tag: u16,
        /// The whole message as it came.
        message: Vec<u8>,
    },
}

impl StreamFrame {
    pub(crate) fn to_core(&self) -> Result<core::FrameRef<'_>> {
        let body: core::FrameBody<&[u8], &str> = match &self.body {
            FrameBody::Open { interaction, initial_credit, context } => core::FrameBody::Open(core::Open {
                interaction: (*interaction).into(),
                initial_credit: *initial_credit,
                context,
            }),
            FrameBody::Data { sequence, payload } => {
                core::FrameBody::Data(core::StreamData { sequence: *sequence, payload })
            }
            FrameBody::Error { code, sequence, message, details } => {
                core::FrameBody::Error(core::StreamError {
                    code: (*code).into(),
                    sequence: *sequence,
                    message,
                    details,
                })
            }
            FrameBody::Close { reason, final_sequence } => core::FrameBody::Close(core::Close {
                reason: (*reason).into(),
                final_sequence: *final_sequence,
            }),
            FrameBody::Cancel { reason, message } => {
                core::FrameBody::Cancel(core::Cancel { reason: (*reason).into(), message })
            }
            FrameBody::Credit { frames } => core::FrameBody::Credit(core::Credit { frames: *frames }),
            FrameBody::Unknown { tag, message } => return unknown(&self.stream_id, *tag, message),
        };
        Ok(core::Frame { stream_id: core::StreamId::from_slice(&self.stream_id)?, body })
    }
}

/// A frame of a later schema encodes to the bytes that it came as, so they must be such a frame.
fn unknown<'a>(stream_id: &[u8], tag: u16, message: &'a [u8]) -> Result<core::FrameRef<'a>> {
    let frame = core::FrameRef::decode_within(message, Limits::with_max_payload(usize::MAX))?;
    match frame.body {
        core::FrameBody::Unknown(unknown)
            if unknown.tag == tag && frame.stream_id.as_bytes().as_slice() == stream_id =>
        {
            Ok(frame)
        }
        _ => {
            Err(ixt_core::Error::new(ixt_core::ErrorKind::InvalidArgument).in_field("unknown.message").into())
        }
    }
}

impl From<core::FrameRef<'_>> for StreamFrame {
    fn from(frame: core::FrameRef<'_>) -> Self {
        let body = match frame.body {
            core::FrameBody::Open(open) => FrameBody::Open {
                interaction: open.interaction.into(),
                initial_credit: open.initial_credit,
                context: open.context.to_vec(),
            },
            core::FrameBody::Data(data) => {
                FrameBody::Data { sequence: data.sequence, payload: data.payload.to_vec() }
            }
            core::FrameBody::Error(error) => FrameBody::Error {
                code: error.code.into(),
                sequence: error.sequence,
                message: error.message.to_owned(),
                details: error.details.to_vec(),
            },
            core::FrameBody::Close(close) => {
                FrameBody::Close { reason: close.reason.into(), final_sequence: close.final_sequence }
            }
            core::FrameBody::Cancel(cancel) => {
                FrameBody::Cancel { reason: cancel.reason.into(), message: cancel.message.to_owned() }
            }
            core::FrameBody::Credit(credit) => FrameBody::Credit { frames: credit.frames },
            core::FrameBody::Unknown(unknown) => {
                FrameBody::Unknown { tag: unknown.tag, message: unknown.message.to_vec() }
            }
            _ => FrameBody::Unknown { tag: frame.body.tag(), message: Vec::new() },
        };
        Self { stream_id: frame.stream_id.as_bytes().to_vec(), body }
    }
}

/// The limits with this largest payload; none is the default of 1 MiB.
pub(crate) fn limits(max_payload: Option<u64>) -> Limits {
    max_payload.map_or(Limits::DEFAULT, |bytes| {
        Limits::with_max_payload(usize::try_from(bytes).unwrap_or(usize::MAX))
    })
}

/// The canonical bytes of a frame.
///
/// # Errors
/// A refusal of specification 20.
#[uniffi::export(default(max_payload = None))]
pub fn encode_frame(frame: &StreamFrame, max_payload: Option<u64>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    frame.to_core()?.encode_into(&mut out, limits(max_payload))?;
    Ok(out)
}

/// The frame of these bytes; `canonical` refuses bytes that its value does not encode to.
///
/// # Errors
/// A refusal of specification 20.
#[uniffi::export(default(max_payload = None, canonical = false))]
pub fn decode_frame(bytes: Vec<u8>, max_payload: Option<u64>, canonical: bool) -> Result<StreamFrame> {
    let limits = limits(max_payload);
    let frame = if canonical {
        core::FrameRef::decode_canonical(&bytes, limits)
    } else {
        core::FrameRef::decode_within(&bytes, limits)
    };
    Ok(frame?.into())
}
