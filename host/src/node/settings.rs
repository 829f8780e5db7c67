//! What a node is told before it begins.

use crate::Settings;

/// The settings of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSettings {
    /// As those of a host, for the module's connection and for what goes through.
    pub host: Settings,
    /// The largest message that the server takes, in bytes, as it says when a client connects: 1 MiB. At least 64 KiB.
    pub max_message: usize,
    /// When nothing came from another node for so long, in milliseconds, while a stream with it lives, it is asked
    /// for the number of its last message: 1 s.
    pub keepalive_ms: u32,
    /// When nothing came from it for so long, in milliseconds, its streams end as `unavailable`: 5 s.
    pub lease_ms: u32,
    /// How long an open waits for somebody to take it, in milliseconds, before it fails as `unavailable`: 5 s.
    pub patience_ms: u32,
    /// An open that was taken is told to its caller after so many milliseconds at the latest: 20 ms. Mostly the answer
    /// is there earlier, and tells it.
    pub taken_ms: u32,
    /// What is kept of another node with which no stream lives is forgotten after so long, in milliseconds: 60 s.
    pub idle_ms: u32,
    /// Other nodes at once: 10,000.
    pub max_peers: usize,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            host: Settings::default(),
            max_message: 1 << 20,
            keepalive_ms: 1000,
            lease_ms: 5000,
            patience_ms: 5000,
            taken_ms: 20,
            idle_ms: 60_000,
            max_peers: 10_000,
        }
    }
}
