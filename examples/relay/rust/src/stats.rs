//! What the hop tells of itself at the end.

use std::time::{Duration, Instant};

use ixt::core::stream::FrameBody;
use serde_json::json;

/// Counters of one run.
#[derive(Default)]
pub(crate) struct Stats {
    /// Frames sent, by union tag.
    frames: [u64; 6],
    payload_bytes: u64,
    max_outstanding: u32,
    credit_waits: u64,
    credit_wait: Duration,
    /// Since when the credit is spent.
    spent_since: Option<Instant>,
    opened: Option<Instant>,
}

impl Stats {
    /// A frame leaves.
    pub(crate) fn sent(&mut self, body: &FrameBody<&[u8], &str>, forward: bool) {
        if let Some(count) = self.frames.get_mut(usize::from(body.tag())) {
            *count += 1;
        }
        match body {
            FrameBody::Open(_) => self.opened = Some(Instant::now()),
            FrameBody::Data(data) if forward => self.payload_bytes += data.payload.len() as u64,
            FrameBody::Close(_) if forward => self.settle(),
            _ => {}
        }
    }

    /// The credit downstream is this much now.
    pub(crate) fn credit(&mut self, credit: u32, forward_open: bool) {
        self.max_outstanding = self.max_outstanding.max(credit);
        if credit > 0 || !forward_open {
            self.settle();
        } else if self.max_outstanding > 0 && self.spent_since.is_none() {
            self.spent_since = Some(Instant::now());
            self.credit_waits += 1;
        }
    }

    fn settle(&mut self) {
        self.credit_wait += self.spent_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// The one line for the relay's table.
    pub(crate) fn line(&self) -> String {
        let [open, data, error, close, cancel, credit] = self.frames;
        json!({
            "language": "rust",
            "frames": {
                "open": open, "data": data, "credit": credit, "close": close, "error": error, "cancel": cancel,
            },
            "payload_bytes": self.payload_bytes,
            "max_outstanding": self.max_outstanding,
            "credit_waits": self.credit_waits,
            "credit_wait_ms": self.credit_wait.as_secs_f64() * 1e3,
            "seconds": self.opened.map_or(0.0, |opened| opened.elapsed().as_secs_f64()),
        })
        .to_string()
    }
}
