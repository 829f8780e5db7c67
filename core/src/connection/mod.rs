//! The connection engine: many streams over one ordered byte pipe (specification 24).
//!
//! [`Connection`] is one end. It is handed what was read of the transport ([`receive`](Connection::receive)),
//! what the application wants ([`open`](Connection::open), [`try_send`](Connection::try_send),
//! [`close`](Connection::close), …) and the time ([`handle_timeout`](Connection::handle_timeout)). It fills
//! buffers with what is to be written ([`poll_transmit`](Connection::poll_transmit)) and tells what happened.
//! It joins one credit engine ([`flow::Stream`](crate::flow::Stream)) a stream, so a stream behaves as
//! specification 23 says.
//!
//! **After every input, drain the outputs until there are none**: the events of [`receive`](Connection::receive)
//! or of [`poll_event`](Connection::poll_event), and [`poll_transmit`](Connection::poll_transmit). What does
//! not leave yet waits: a transport that is slower than the application fills the queues up to the limits of
//! [`Config`], and then [`try_send`](Connection::try_send) says `QueueFull` and tickets are not ready.
//!
//! Control frames leave before data, streams with data take turns, and a stream that stalls stalls itself
//! alone. In steady state no frame allocates.

mod bucket;
mod config;
mod control;
mod deadlines;
mod end;
mod engine;
mod event;
mod framer;
mod lane;
mod line;
mod message;
mod outbox;
mod receive;
mod relay;
mod relaying;
mod table;
mod transmit;

pub use config::{Config, Settings, VERSION};
pub use control::SERVICE;
pub use end::{End, EndReason};
pub use engine::{Connection, Stats};
pub use event::Event;
pub use receive::Incoming;
pub use relay::RelayState;
pub use table::Key;
