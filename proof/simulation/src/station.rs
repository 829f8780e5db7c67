//! What modules connect to, and all that the world wants of it.

/// What modules connect to: a host, or servers of NATS with a node for each module. The world moves the bytes of each module's pipe, tells the time when it was asked
/// for, and decides when the whole of it dies; what stands behind the pipes is its own matter. It keeps the contract
/// of the engines: after every input, the outputs are drained.
pub(crate) trait Station {
    /// A module connects; `None` where that is refused.
    fn connect(&mut self, module: usize, now_us: u64) -> Option<u64>;
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
    /// Whether its next time may come nearer by anything that happens to it.
    fn asks_anew(&self) -> bool {
        false
    }
    /// Whether what stands behind a link is as it should be.
    fn is_whole(&self, _link: u64) -> bool {
        true
    }
    /// Something goes wrong behind the pipes, or is over.
    fn disturb(&mut self, _what: Disturbance, _now_us: u64) {}
}

/// What goes wrong behind the pipes, where something stands there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Disturbance {
    /// The connection of a module's client is cut. `told`: whether the server and the client read its end.
    Cut {
        link: u64,
        told: [bool; 2],
    },
    /// A module's machine reaches no server.
    Apart {
        module: usize,
        until_us: u64,
    },
    /// A module's process ends, and its node with it. `told`: whether the server is.
    Dies {
        link: u64,
        told: bool,
    },
    /// Nothing comes to a module's client, or from it, before.
    Hold {
        link: u64,
        until_us: u64,
    },
    /// How long what a module's client says, and hears, is on its way, in microseconds.
    Quality {
        link: u64,
        delay_us: (u64, u64),
    },
    /// A server dies. `told`: whether its clients read the end of their connections.
    ServerDies {
        server: usize,
        told: bool,
    },
    ServerReturns {
        server: usize,
    },
    /// A server reads nothing before.
    ServerStalls {
        server: usize,
        until_us: u64,
    },
    /// One in so many messages is lost, or comes twice; 0 where none is any more.
    Loses(u64),
    Doubles(u64),
}
