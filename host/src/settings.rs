//! What a host is told before it begins.

use ixt_core::connection::Config;

/// The settings of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Of every connection. `relay` is set, and the queues of the host bound what waits.
    pub connection: Config,
    /// Data frames of one stream that may be under way through the host in one direction: allowed to its sender
    /// and not yet sent on. 256; fewer where so many of the largest that was seen could not wait.
    pub under_way: u32,
    /// Bytes of one stream that may wait for one connection: 16 MiB. Beyond it the stream ends with
    /// `resourceExhausted`.
    pub max_queued_stream: usize,
    /// Bytes of all streams that may wait for one connection: 64 MiB. Beyond it its largest stream ends with
    /// `resourceExhausted`.
    pub max_queued_connection: usize,
    /// Connections at once: 1,000.
    pub max_connections: usize,
    /// Streams that have ended and wait to be asked for by [`poll_ended`](crate::Host::poll_ended); more are not
    /// kept. 0: none is, and it costs nothing.
    pub max_ended: usize,
}

impl Settings {
    /// Data frames that may be under way of a stream whose largest message had so many bytes; 0: none was seen, and
    /// it may be as large as any.
    pub(crate) fn most_under_way(&self, largest: usize) -> u32 {
        let largest = if largest == 0 { self.connection.max_payload as usize } else { largest };
        let fit = self.max_queued_stream / (largest + ixt_core::wire::MESSAGE_OVERHEAD);
        self.under_way.min(u32::try_from(fit).unwrap_or(u32::MAX)).max(1)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut connection = Config::default();
        connection.relay = true;
        connection.remembered = 65_536;
        connection.max_queued = usize::MAX;
        connection.max_queued_stream = usize::MAX;
        // So many of the largest messages may wait, before anything is known of a stream.
        connection.initial_credit = 15;
        Self {
            connection,
            under_way: 256,
            max_queued_stream: 16 << 20,
            max_queued_connection: 64 << 20,
            max_connections: 1000,
            max_ended: 0,
        }
    }
}
