#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod handle;
mod sender;
mod shared;
mod sink;
mod sync;

pub use error::{RecvError, SendError};
pub use handle::{Settings, StreamHandle};
pub use sender::StreamSender;
pub use sink::{FrameSink, SinkClosed};

/// The core: codecs, capability rules and the engine, without IO.
pub use ixt_core as core;
pub use ixt_core::flow::Outcome;
pub use ixt_core::invocation::{ActorIdentity, InvocationContext, Subject, Target};
pub use ixt_core::stream::{
    CancelReason, CloseReason, FrameRef, InteractionKind, StreamErrorCode, StreamFrame, StreamId,
};
pub use ixt_core::{Error, ErrorKind, Limits};
