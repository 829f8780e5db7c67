//! Nodes: modules that call each other by messages, without a host between them.

mod calls;
mod faults;
mod net;
mod rules;
