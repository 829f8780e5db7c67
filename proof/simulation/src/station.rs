//! What modules connect to, and all that the world wants of it.

/// What modules connect to: a host. The world moves the bytes of each module's pipe, tells the time when it was asked
/// for, and decides when the whole of it dies; what stands behind the pipes is its own matter. It keeps the contract
/// of the engines: after every input, the outputs are drained.
pub(crate) trait Station {
    /// A module connects; `None` where that is refused.
    fn connect(&mut self, now_us: u64) -> Option<u64>;
    /// Bytes of a module have come.
    fn receive(&mut self, link: u64, bytes: &[u8], now_us: u64);
    /// A module's pipe has ended, or its last word is written.
    fn transport_ended(&mut self, link: u64);
    /// Whether it is done with this link but for what is to be written.
    fn has_ended(&self, link: u64) -> bool;
    /// The next link that has something to be written.
    fn poll_writable(&mut self) -> Option<u64>;
    /// Fills `out` with what is to be written.
    fn poll_transmit(&mut self, link: u64, out: &mut [u8]) -> usize;
    /// When the time is to be told.
    fn next_timeout(&mut self) -> Option<u64>;
    /// Tells the time.
    fn handle_timeout(&mut self, now_us: u64);
    /// It is going to be shut down.
    fn go_away(&mut self, grace_ms: u32);
    /// What it keeps that it should not, while so many modules are announced and no call is under way.
    fn left(&self, modules: usize) -> Option<String>;
    /// What it keeps beyond its bounds.
    fn beyond_bounds(&self) -> Option<String>;
}
