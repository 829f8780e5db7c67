//! How much is read at once.

use ixt_arcp::runtime::LoadedEvent;

/// Bytes of payloads.
const MAX_BYTES: usize = 1 << 20;

/// Events that are read again, until there are enough of them.
#[derive(Debug, Default)]
pub(super) struct Page {
    events: Vec<LoadedEvent>,
    bytes: usize,
}

impl Page {
    /// Adds one; false where it has no room, which the first one always has.
    pub(super) fn add(&mut self, event: LoadedEvent) -> bool {
        self.bytes += event.payload.len();
        if !self.events.is_empty() && self.bytes > MAX_BYTES {
            return false;
        }
        self.events.push(event);
        true
    }

    pub(super) fn into_events(self) -> Vec<LoadedEvent> {
        self.events
    }
}
