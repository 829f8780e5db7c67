//! The runtime against naive models: the states of a job exhaustively, and sessions at random.

mod job;
mod sessions;
