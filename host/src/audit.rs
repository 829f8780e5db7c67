//! What was refused, and to whom: one line of JSON each.

use serde::Serialize;

/// Something that a module may not do. It holds no token and no payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The connection, by its number.
    pub link: u64,
    /// The module, where it is announced.
    pub module: Option<String>,
    /// The user id of the process behind the connection, where the transport tells it.
    pub uid: Option<u32>,
    /// What it wanted: `announce`, `open`, `connect`.
    pub wanted: &'static str,
    /// The target of an open, as `service:thumbs`.
    pub target: String,
    /// The correlation id of an open, as 32 hexadecimal digits; empty where there is none.
    pub correlation_id: String,
    /// What the module was told.
    pub code: String,
    /// Why, for people.
    pub reason: String,
}

impl Refusal {
    /// One line of JSON, without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // It has strings and numbers alone, which always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}
