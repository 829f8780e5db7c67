//! Modules, clients and the host, on sockets.

mod address;
mod admin;
mod answer;
mod arrived;
mod call;
pub(crate) mod caught;
mod client;
pub(crate) mod clock;
mod context;
mod error;
mod host;
mod hosting;
mod interceptor;
mod link;
mod message;
mod module;
#[cfg(feature = "nats")]
mod nats;
mod nats_url;
mod pipe;
mod tls;
mod wakers;
mod watch;

pub use address::{Address, AddressError};
pub use call::Call;
pub use client::{CallBuilder, Client};
pub use context::CallContext;
pub use error::{CallError, ConnectError};
pub use host::{Host, HostBuilder, HostHandle};
pub use interceptor::{Interceptor, Next, Request, Trace};
pub use message::message_handler;
pub use module::{Listening, Module, ModuleBuilder, Service};
pub use nats_url::NatsUrl;
pub(crate) use pipe::Pipe;
pub use tls::{ClientTls, ServerTls, TlsError};
pub use watch::Over;

/// Two ends of a pipe within the process; the second says that a process of this user is behind it.
pub(crate) fn pipe_pair(uid: Option<u32>) -> (Pipe, Pipe) {
    Pipe::pair(uid)
}
