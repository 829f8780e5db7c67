//! A host as a station.

use ixt_core::wire::MESSAGE_OVERHEAD;
use ixt_host::{Host, LinkId, Peer, Policy, Settings};

use crate::station::Station;

pub(crate) struct HostStation {
    host: Host,
    settings: Settings,
}

/// Control frames that may wait for one connection: what the core allows to wait before it opens nothing more, and
/// the errors and credits of streams that live.
const MOST_CONTROL: usize = 8 << 20;

impl HostStation {
    pub(crate) fn new(settings: Settings, seed: [u8; 32], now_us: u64) -> ixt_core::Result<Self> {
        Ok(Self { host: Host::new(settings.clone(), Policy::open(), seed, now_us)?, settings })
    }
}

impl Station for HostStation {
    fn connect(&mut self, _: usize, now_us: u64) -> Option<u64> {
        self.host.connect(Peer::default(), now_us).map(LinkId::raw)
    }

    fn receive(&mut self, link: u64, bytes: &[u8], now_us: u64) {
        self.host.receive(LinkId::from_raw(link), bytes, now_us);
    }

    fn transport_ended(&mut self, link: u64) {
        self.host.transport_ended(LinkId::from_raw(link));
    }

    fn has_ended(&self, link: u64) -> bool {
        self.host.has_ended(LinkId::from_raw(link))
    }

    fn poll_writable(&mut self) -> Option<u64> {
        self.host.poll_writable().map(LinkId::raw)
    }

    fn poll_transmit(&mut self, link: u64, out: &mut [u8]) -> usize {
        self.host.poll_transmit(LinkId::from_raw(link), out)
    }

    fn next_timeout(&mut self) -> Option<u64> {
        self.host.next_timeout()
    }

    fn handle_timeout(&mut self, now_us: u64) {
        self.host.handle_timeout(now_us);
    }

    fn go_away(&mut self, grace_ms: u32) {
        self.host.go_away(grace_ms, "going away");
    }

    fn left(&self, modules: usize) -> Option<String> {
        let held = self.host.held();
        // Each module has its stream to the host, and nothing else lives.
        let is_clean = held.connections == modules
            && held.modules == modules
            && (held.streams, held.halves) == (modules, modules)
            && (held.routes, held.indexed, held.busy) == (0, 0, 0)
            && (modules > 0 || (held.names, held.endpoints) == (0, 0));
        (!is_clean).then(|| format!("with {modules} modules: {held:?}"))
    }

    fn beyond_bounds(&self) -> Option<String> {
        let held = self.host.held();
        // A frame is taken before it is seen that it is too much, and one more may have left in part.
        let frames = 2 * (self.settings.connection.max_payload as usize + MESSAGE_OVERHEAD);
        let is_beyond = held.largest_queue > self.settings.max_queued_connection + frames
            || held.largest_control > MOST_CONTROL;
        is_beyond.then(|| format!("{held:?}"))
    }
}
