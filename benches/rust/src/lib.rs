//! What is measured, by the public calls alone: ours, the peer's, and the loop around both.

pub mod called;
pub mod lent;
pub mod measure;
pub mod ours;
pub mod peer;
pub mod samples;
