//! The host of modules, for tests in other languages, and what a module and its host tell each other.

mod engine;
mod message;

pub use engine::*;
pub use message::*;
