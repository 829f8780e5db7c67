//! The credit engine: one endpoint of one stream (specification 23).
//!
//! [`Stream`] joins a sender half and a receiver half. It is told what the application does
//! ([`try_send`](Stream::try_send), [`grant`](Stream::grant), [`close`](Stream::close), …), what the peer
//! sent ([`receive`](Stream::receive)) and what time it is ([`handle_timeout`](Stream::handle_timeout)).
//! It answers with frames to transmit and events.
//!
//! **After every input, drain the outputs until there are none**: [`poll_transmit`](Stream::poll_transmit)
//! and [`poll_event`](Stream::poll_event). Frames and messages that carry the application's bytes do not
//! pass through these: they come back from the call itself and borrow the caller's bytes, so the engine
//! copies no payload and allocates nothing in steady state.
//!
//! ```
//! use ixt_core::flow::{Config, Event, Received, Stream};
//! use ixt_core::stream::{CloseReason, InteractionKind, StreamId};
//!
//! let id = StreamId::new([1; 16])?;
//! let mut here = Stream::opener(InteractionKind::BidiStream, Config::default());
//! let mut there = Stream::responder(Config::default().with_window(2));
//!
//! // The opener may receive 4 frames; the responder answers with its whole window.
//! let open = here.open(id, 4, &[])?;
//! assert!(matches!(there.receive(open), Received::Opened(_)));
//! let credit = there.poll_transmit().ok_or("a grant")?;
//! let _ = here.receive(credit.as_ref());
//! assert_eq!(here.poll_event(), Some(Event::Credit(2)));
//!
//! let data = here.try_send(b"hello")?;
//! let Received::Data(data) = there.receive(data) else { return Err("a message".into()) };
//! assert_eq!(data.payload, b"hello");
//! here.close(CloseReason::Completed)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod event;
mod receiver;
mod sender;
mod state;
mod stream;

pub use config::{Config, Role};
pub use event::{By, Cancellation, Effect, Event, Failure, Outcome, Received, Violation};
pub use sender::Ticket;
pub use state::{Half, State};
pub use stream::Stream;
