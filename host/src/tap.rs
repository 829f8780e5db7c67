//! Copies of the frames of chosen streams, for who looks for a fault.

use std::collections::VecDeque;

use crate::host::Host;
use crate::link::Side;
use crate::routes::RouteId;

/// Names a tap until it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TapId(u64);

/// Which streams are copied: those for which all that is said holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TapFilter {
    /// Caller or provider has this name.
    pub module: Option<String>,
    /// The stream goes to this, as `service:thumbs`.
    pub target: Option<String>,
}

/// Frames that wait for one who looks.
#[derive(Debug)]
pub(crate) struct Tap {
    id: TapId,
    filter: TapFilter,
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    missed: u64,
}

/// Bytes that wait for one who looks; beyond it frames are left out.
const MAX_BYTES: usize = 16 << 20;

impl Host {
    /// Begins to copy the frames of streams, from their open on.
    pub fn open_tap(&mut self, filter: TapFilter) -> TapId {
        self.next_tap += 1;
        let id = TapId(self.next_tap);
        self.taps.push(Tap { id, filter, frames: VecDeque::new(), bytes: 0, missed: 0 });
        id
    }

    /// Ends a tap.
    pub fn close_tap(&mut self, id: TapId) {
        self.taps.retain(|tap| tap.id != id);
    }

    /// The next frame of a tap, as it came.
    pub fn poll_tap(&mut self, id: TapId) -> Option<Vec<u8>> {
        let tap = self.taps.iter_mut().find(|tap| tap.id == id)?;
        let frame = tap.frames.pop_front()?;
        tap.bytes -= frame.len();
        Some(frame)
    }

    /// How many frames were left out because nobody took them.
    #[must_use]
    pub fn missed(&self, id: TapId) -> u64 {
        self.taps.iter().find(|tap| tap.id == id).map_or(0, |tap| tap.missed)
    }

    /// Copies a frame of a stream that goes through, its open included.
    pub(crate) fn tap_frame(&mut self, id: RouteId, bytes: &[u8]) {
        if self.taps.is_empty() {
            return;
        }
        let Some(route) = self.routes.get(id) else { return };
        // A tap whose own frames were tapped would never come to rest.
        if self.peer_of(route.ends.provider.0).is_some_and(|peer| peer.is_host) {
            return;
        }
        let modules = [Side::Caller, Side::Provider]
            .map(|side| self.module_of(route.ends.of(side).0).unwrap_or_default().to_owned());
        let target = &route.target;
        for tap in &mut self.taps {
            let of_module = tap.filter.module.as_ref().is_none_or(|module| modules.contains(module));
            let to_target = tap.filter.target.as_ref().is_none_or(|wanted| wanted == target);
            if !of_module || !to_target {
                continue;
            }
            if tap.bytes + bytes.len() > MAX_BYTES {
                tap.missed += 1;
                continue;
            }
            tap.bytes += bytes.len();
            tap.frames.push_back(bytes.to_vec());
        }
    }
}
