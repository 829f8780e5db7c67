//! Copies of the frames of chosen streams, for who looks for a fault.

use std::collections::VecDeque;

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

/// All taps of a host.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    taps: Vec<Tap>,
    next: u64,
}

/// Frames that wait for one who looks.
#[derive(Debug)]
struct Tap {
    id: TapId,
    filter: TapFilter,
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    missed: u64,
}

/// Bytes that wait for one who looks; with the first frame beyond it a tap is over, for a gap would mislead.
const MAX_BYTES: usize = 16 << 20;

impl Taps {
    pub(crate) fn open(&mut self, filter: TapFilter) -> TapId {
        self.next += 1;
        let id = TapId(self.next);
        self.taps.push(Tap { id, filter, frames: VecDeque::new(), bytes: 0, missed: 0 });
        id
    }

    pub(crate) fn close(&mut self, id: TapId) {
        self.taps.retain(|tap| tap.id != id);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.taps.is_empty()
    }

    pub(crate) fn poll(&mut self, id: TapId) -> Option<Vec<u8>> {
        let tap = self.taps.iter_mut().find(|tap| tap.id == id)?;
        let frame = tap.frames.pop_front()?;
        tap.bytes -= frame.len();
        Some(frame)
    }

    pub(crate) fn missed(&self, id: TapId) -> u64 {
        self.taps.iter().find(|tap| tap.id == id).map_or(0, |tap| tap.missed)
    }

    /// Copies a frame of a stream between these modules to this target for all who want it.
    pub(crate) fn copy(&mut self, modules: &[String; 2], target: &str, bytes: &[u8]) {
        for tap in &mut self.taps {
            let of_module = tap.filter.module.as_ref().is_none_or(|module| modules.contains(module));
            let to_target = tap.filter.target.as_ref().is_none_or(|wanted| wanted == target);
            if !of_module || !to_target {
                continue;
            }
            if tap.missed > 0 || tap.bytes + bytes.len() > MAX_BYTES {
                tap.missed += 1;
                continue;
            }
            tap.bytes += bytes.len();
            tap.frames.push_back(bytes.to_vec());
        }
    }
}
