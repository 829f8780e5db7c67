//! What a host keeps, counted: so that a test can demand that nothing is left.

use crate::host::Host;

/// Everything that a host keeps for streams and modules, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Connections.
    pub connections: usize,
    /// Modules that are announced.
    pub modules: usize,
    /// Services and topics that somebody has announced.
    pub names: usize,
    /// Endpoints that are open.
    pub endpoints: usize,
    /// Streams of all connections: those to `ixt.host`, and two for each that goes through.
    pub streams: usize,
    /// What the host knows of these: as many, when nothing is wrong.
    pub halves: usize,
    /// Streams that go through.
    pub routes: usize,
    /// Entries of the indexes by span, by id, and by caller and provider.
    pub indexed: usize,
    /// Calls that modules are counted to be answering: as many as routes, when nothing is wrong.
    pub busy: usize,
    /// Bytes of data that wait for one connection, at most.
    pub largest_queue: usize,
    /// Bytes of control frames that wait for one connection, at most.
    pub largest_control: usize,
}

impl Host {
    /// Counts what is kept. It looks at every connection once.
    #[must_use]
    pub fn held(&self) -> Held {
        let mut held = Held {
            connections: self.links.len(),
            modules: self.registry.modules().count(),
            names: self.registry.names(),
            endpoints: self.registry.endpoints(),
            routes: self.routes.len(),
            indexed: self.routes.indexed(),
            ..Held::default()
        };
        for link in self.links.iter() {
            let control = link.connection.queued_control();
            held.streams += link.connection.len();
            held.halves += link.halves.len();
            held.busy += link.busy;
            held.largest_queue = held.largest_queue.max(link.connection.queued() - control);
            held.largest_control = held.largest_control.max(control);
        }
        held
    }
}
