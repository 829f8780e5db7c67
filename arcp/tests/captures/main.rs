//! Recorded sessions of the official SDKs, against both engines.

#[path = "../engines/world.rs"]
#[allow(dead_code)]
mod world;

mod client;
mod decode;
mod lenient;
mod recording;
mod runtime;
