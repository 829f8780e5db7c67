#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "arcp")]
pub mod arcp;
mod error;
mod handle;
#[cfg(feature = "net")]
pub mod interceptors;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "otel")]
pub mod otel;
mod sender;
mod shared;
mod sink;
mod sync;
#[cfg(feature = "net")]
pub mod testing;
#[cfg(feature = "net")]
pub mod typed;

pub use error::{RecvError, SendError};
pub use handle::{Settings, StreamHandle};
#[cfg(feature = "net")]
pub use net::{
    Address, AddressError, Call, CallBuilder, CallContext, CallError, Client, ClientTls, ConnectError, Host,
    HostBuilder, HostHandle, Interceptor, Listening, Module, ModuleBuilder, NatsUrl, Next, Over, Request,
    ServerTls, Service, TlsError, Trace, message_handler,
};
pub use sender::StreamSender;
pub use sink::{FrameSink, SinkClosed};

/// What messages come in: cheap to clone, cheap to cut.
#[cfg(feature = "net")]
pub use bytes::Bytes;

/// The core: codecs, capability rules and the engine, without IO.
pub use ixt_core as core;
pub use ixt_core::flow::Outcome;
pub use ixt_core::invocation::{ActorIdentity, HandlePayload, InvocationContext, Subject, Target};
pub use ixt_core::stream::{
    CancelReason, CloseReason, FrameRef, InteractionKind, StreamErrorCode, StreamFrame, StreamId,
};
pub use ixt_core::{Error, ErrorKind, Limits};
/// The host's engine, its policy, and what it tells.
#[cfg(feature = "net")]
pub use ixt_host as host;

/// The guide to modules, whose code is compiled.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../../docs/guides/rust.md")]
struct Guide;

/// The guide to ARCP, whose Rust is run.
#[cfg(all(doctest, feature = "arcp-sqlite"))]
#[doc = include_str!("../../docs/guides/arcp.md")]
struct ArcpGuide;

/// The guide to traces and metrics, whose Rust is compiled.
#[cfg(all(doctest, feature = "otel"))]
#[doc = include_str!("../../docs/guides/telemetry.md")]
struct TelemetryGuide;
