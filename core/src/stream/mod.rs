//! Stream ids and the six frames of a credit-controlled stream (specification 23).
//!
//! A frame is [`StreamFrame`] when it owns its bytes and [`FrameRef`] when it borrows them: the same
//! type over other storage, so that encoding, comparing and matching are written once.

mod codec;
pub(crate) mod data;
mod frame;
mod id;
mod reason;

pub use codec::{FrameBatch, frames};
pub(crate) use codec::{check_details, check_message};
pub use frame::{
    Cancel, Close, Credit, Frame, FrameBody, FrameRef, Open, StreamData, StreamError, StreamFrame,
    UnknownFrame,
};
pub use id::StreamId;
pub(crate) use reason::enumeration;
pub use reason::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
