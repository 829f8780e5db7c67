//! Both ends of one stream over lossless pipes, explored exhaustively within bounds.
//!
//! A [`World`] holds two real engines ([`ixt_core::flow::Stream`]) and the frames between them. Its
//! [`Step`]s are what applications, hosts and pipes may do at any moment; every step calls the engine
//! itself, so what is explored is the code that ships and not a copy of its rules. [`Bounds`] says how
//! much of everything there is. The checker visits every reachable world once and holds it against the
//! [`properties`](Bounds::properties).

#![forbid(unsafe_code)]

mod bounds;
mod end;
mod properties;
mod run;
mod step;
mod wire;
mod world;

pub use bounds::{Application, Bounds};
pub use end::{End, Fault};
pub use run::{KINDS, Report, run};
pub use step::Step;
pub use wire::Wire;
pub use world::{Side, World};
