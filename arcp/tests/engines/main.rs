//! Both engines against each other and against peers that speak by hand.

mod delegation;
mod dialects;
mod handshake;
mod jobs;
mod leases;
mod pace;
mod permits;
mod registry;
mod results;
mod world;
