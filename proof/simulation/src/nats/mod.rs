//! Modules on NATS: a server, or a cluster, and a node for each module (specification 27).

mod client;
mod faults;
mod server;
mod station;
mod trie;

pub(crate) use station::NatsStation;
