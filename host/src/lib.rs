#![doc = include_str!("../README.md")]
//!
//! [`Host`] keeps the contract of the engines of `ixt-core`: it is handed new connections ([`Host::connect`]), what was
//! read of them ([`Host::receive`]) and the time ([`Host::handle_timeout`]); it fills buffers with what is to be
//! written ([`Host::poll_transmit`]) and says to which connections ([`Host::poll_writable`]). It reads no clock and
//! draws no random number: both are handed in. So a host runs on sockets, in a test without any, or a thousand of
//! them in a simulation.
//!
//! **After every input, drain the outputs until there are none.**
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod announce;
mod audit;
mod authority;
mod broadcast;
mod command;
mod commanding;
mod ended;
mod ends;
mod held;
mod host;
mod info;
mod leaving;
mod link;
mod local;
mod looking;
mod message;
mod name;
pub mod node;
mod open;
mod policy;
mod registry;
mod relaying;
mod routes;
mod settings;
mod stats;
mod tap;
mod telling;

pub use audit::Refusal;
pub use ended::{EndedStream, HowEnded};
pub use ends::LinkId;
pub use held::Held;
pub use host::Host;
pub use info::{ModuleInfo, StreamInfo};
pub use link::Peer;
pub use message::{FromHost, ServiceOffer, ToHost};
pub use name::is_name;
pub use policy::{ModulePolicy, Policy, PolicyError};
pub use settings::Settings;
pub use stats::Stats;
pub use tap::{TapFilter, TapId};

/// The service to which a module announces itself.
pub const SERVICE: &str = "ixt.host";
