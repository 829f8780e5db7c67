//! A module's own end of a network of messages: what stands between its connection and a client of NATS
//! (specification 27).
//!
//! A [`Node`] is to the module what a host is: the module speaks to it over a byte pipe within the process, and knows
//! no difference. On its other side there are no connections but messages with subjects, which a client of NATS
//! carries: [`Node::receive`] takes those that came, [`Node::poll_publish`] gives those that leave, and
//! [`Node::poll_subscription`] what to subscribe to. It keeps the contract of every engine here: no IO, no clock, no
//! randomness of its own, and **after every input, drain the outputs until there are none**.

mod engine;
mod envelope;
mod peers;
mod permissions;
mod publish;
mod receive;
mod settings;
mod subject;
mod subscriptions;

pub(crate) use receive::first;

pub use engine::{Node, NodeStats};
pub use permissions::permissions;
pub use publish::Outgoing;
pub use settings::NodeSettings;
pub use subject::escape;
pub use subscriptions::Subscription;
