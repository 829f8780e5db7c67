//! Hosts, modules and the network between them in one process, on virtual time, from a seed.
//!
//! The engines are those that ship: a module is an [`ixt_core::connection::Connection`], a host an
//! [`ixt_host::Host`], and a module on NATS has its [`ixt_host::node::Node`]. The simulation is what stands around them elsewhere: sockets, clocks, applications, and what
//! goes wrong with these. No real clock, no thread, and one generator of random numbers: so a seed is one run, and a
//! run that fails can be had again. What must hold is named by [`Invariant`].

#![forbid(unsafe_code)]

mod calling;
mod fault;
mod host;
mod invariant;
mod ledger;
mod life;
mod moving;
mod nats;
mod part;
mod payload;
mod pipe;
mod plan;
mod queue;
mod random;
mod run;
mod session;
mod station;
mod trace;
mod verdict;
mod world;

pub use invariant::{Failure, Invariant};
pub use run::{run, run_twice};
pub use world::Outcome;
