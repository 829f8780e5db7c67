//! Frames in the text form.

use serde::{Deserialize, Serialize};

use super::member::{is_default, some_object};
use super::{Hex, Named, UnknownText, read};
use crate::stream::{
    CancelReason, CloseReason, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamFrame, StreamId,
};
use crate::{Error, ErrorKind, Result};

/// A frame as JSON: its stream, and just one of the members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameText {
    /// The 16 bytes of the stream's id.
    pub stream_id: Hex,
    /// Begins a stream.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub open: Option<OpenText>,
    /// One message.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub data: Option<DataText>,
    /// Ends the stream as failed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub error: Option<ErrorText>,
    /// Ends one direction.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub close: Option<CloseText>,
    /// Ends the stream as cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub cancel: Option<CancelText>,
    /// Allows further data frames.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub credit: Option<CreditText>,
    /// A frame of a later schema.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownText>,
}

/// See [`Open`](crate::stream::Open).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenText {
    /// How many messages each side may send.
    #[serde(skip_serializing_if = "is_default")]
    pub interaction: Named<InteractionKind>,
    /// Data frames that the opener is ready to receive.
    #[serde(skip_serializing_if = "is_default")]
    pub initial_credit: u32,
    /// An encoded context.
    #[serde(skip_serializing_if = "is_default")]
    pub context: Hex,
}

/// See [`StreamData`](crate::stream::StreamData).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataText {
    /// 0, 1, 2, … in each direction.
    #[serde(skip_serializing_if = "is_default")]
    pub sequence: u64,
    /// The application's bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub payload: Hex,
}

/// See [`StreamError`](crate::stream::StreamError).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorText {
    /// Why.
    #[serde(skip_serializing_if = "is_default")]
    pub code: Named<StreamErrorCode>,
    /// Data frames accepted before it.
    #[serde(skip_serializing_if = "is_default")]
    pub sequence: u64,
    /// For people.
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
    /// The application's to define.
    #[serde(skip_serializing_if = "is_default")]
    pub details: Hex,
}

/// See [`Close`](crate::stream::Close).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloseText {
    /// Why.
    #[serde(skip_serializing_if = "is_default")]
    pub reason: Named<CloseReason>,
    /// The number of data frames sent.
    #[serde(skip_serializing_if = "is_default")]
    pub final_sequence: u64,
}

/// See [`Cancel`](crate::stream::Cancel).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CancelText {
    /// Why.
    #[serde(skip_serializing_if = "is_default")]
    pub reason: Named<CancelReason>,
    /// For people.
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
}

/// See [`Credit`](crate::stream::Credit).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreditText {
    /// How many more.
    #[serde(skip_serializing_if = "is_default")]
    pub frames: u32,
}

impl From<FrameRef<'_>> for FrameText {
    fn from(frame: FrameRef<'_>) -> Self {
        let mut text = Self {
            stream_id: Hex::from(frame.stream_id.as_bytes().as_slice()),
            open: None,
            data: None,
            error: None,
            close: None,
            cancel: None,
            credit: None,
            unknown: None,
        };
        match frame.body {
            FrameBody::Open(open) => {
                text.open = Some(OpenText {
                    interaction: Named(open.interaction),
                    initial_credit: open.initial_credit,
                    context: open.context.into(),
                });
            }
            FrameBody::Data(data) => {
                text.data = Some(DataText { sequence: data.sequence, payload: data.payload.into() });
            }
            FrameBody::Error(error) => {
                text.error = Some(ErrorText {
                    code: Named(error.code),
                    sequence: error.sequence,
                    message: error.message.into(),
                    details: error.details.into(),
                });
            }
            FrameBody::Close(close) => {
                text.close =
                    Some(CloseText { reason: Named(close.reason), final_sequence: close.final_sequence });
            }
            FrameBody::Cancel(cancel) => {
                text.cancel =
                    Some(CancelText { reason: Named(cancel.reason), message: cancel.message.into() });
            }
            FrameBody::Credit(credit) => text.credit = Some(CreditText { frames: credit.frames }),
            FrameBody::Unknown(unknown) => text.unknown = Some(UnknownText { tag: unknown.tag }),
        }
        text
    }
}

/// Refuses all but one member (`BadJson`) and what is no stream id (`BadIdLength`, `NilStreamId`).
/// Limits are checked where the frame is encoded.
impl TryFrom<FrameText> for StreamFrame {
    type Error = Error;

    fn try_from(text: FrameText) -> Result<Self> {
        let stream_id = StreamId::from_slice(&text.stream_id.0)?;
        let FrameText { open, data, error, close, cancel, credit, unknown, .. } = text;
        // An unknown one cannot be read, so nothing stands for it here and none is left.
        if unknown.is_some() {
            return Err(Error::new(ErrorKind::BadJson).in_field("unknown"));
        }
        let open =
            open.map(|open| Self::open(stream_id, open.interaction.0, open.initial_credit, open.context.0));
        let data = data.map(|data| Self::data(stream_id, data.sequence, data.payload.0));
        let error = error.map(|error| {
            Self::error(stream_id, error.code.0, error.sequence, error.message, error.details.0)
        });
        let close = close.map(|close| Self::close(stream_id, close.reason.0, close.final_sequence));
        let cancel = cancel.map(|cancel| Self::cancel(stream_id, cancel.reason.0, cancel.message));
        let credit = credit.map(|credit| Self::credit(stream_id, credit.frames));

        let mut members = [open, data, error, close, cancel, credit].into_iter().flatten();
        match (members.next(), members.next()) {
            (Some(frame), None) => Ok(frame),
            _ => Err(Error::new(ErrorKind::BadJson).in_field("frame")),
        }
    }
}

/// Reads a frame from JSON.
///
/// ```
/// use ixt_core::text::{frame_from_json, frame_to_json};
///
/// let line = r#"{"stream_id":"0102030405060708090a0b0c0d0e0f10","data":{"sequence":7,"payload":"73646b"}}"#;
/// let frame = frame_from_json(line)?;
/// assert_eq!(frame_to_json(&frame.as_ref()), line);
/// # Ok::<(), ixt_core::Error>(())
/// ```
///
/// # Errors
/// `BadJson` with the place in `text`, `BadIdLength`, `NilStreamId`. Limits are checked where the frame
/// is encoded.
pub fn frame_from_json(text: &str) -> Result<StreamFrame> {
    read::<FrameText>(text)?.try_into()
}

/// Writes a frame as compact JSON in the documented order, without what holds its default.
#[must_use]
pub fn frame_to_json(frame: &FrameRef<'_>) -> String {
    super::write(&FrameText::from(*frame))
}
