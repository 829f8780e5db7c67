//! What is checked of all that a client is told.

use std::fmt::Write;

use ixt::arcp::Update;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Done;
use crate::agents::part;

/// What one session has been told, in order.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of the last event of the session, of whatever job.
    pub(crate) last: u64,
}

impl Ledger {
    /// Takes an update's number, which is one more than that of the one before.
    pub(crate) fn next(&mut self, update: &Update) -> Done {
        let number = match update {
            Update::Event(event) => event.event_seq,
            Update::Chunk { event_seq, .. } => *event_seq,
            _ => return Err("an update of an unknown kind".into()),
        };
        self.number(number)
    }

    pub(crate) fn number(&mut self, number: Option<u64>) -> Done {
        if number != Some(self.last + 1) {
            return Err(format!("event {} is due, and {number:?} came", self.last + 1).into());
        }
        self.last += 1;
        Ok(())
    }
}

/// What a job that draws has told.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// Parts of the result, from its beginning.
    pub(crate) parts: u64,
    /// Hundredths of USD that are left, as they were told.
    pub(crate) left: Vec<u64>,
    /// What a look outside the lease was answered.
    pub(crate) strays: Vec<String>,
    /// How it says that it began.
    pub(crate) attempts: Vec<String>,
}

impl Drawn {
    pub(crate) fn take(&mut self, update: &Update) -> Done {
        match update {
            Update::Chunk { bytes, chunk_seq, more, .. } => {
                if *chunk_seq == 0 {
                    // It begins, for the first time or again.
                    self.parts = 0;
                }
                if *chunk_seq != self.parts || (*more && *bytes != part(self.parts)) {
                    return Err(format!("part {chunk_seq} is not part {}", self.parts).into());
                }
                self.parts += u64::from(*more);
            }
            Update::Event(event) => {
                let body: Value = serde_json::from_str(event.body.get())?;
                match event.kind.as_str() {
                    "metric" if body["name"] == "cost.budget.remaining" => {
                        let left = body["value"].as_f64().ok_or("what is left is no number")?;
                        self.left.push((left * 100.0).round() as u64);
                    }
                    "tool_result" => {
                        self.strays.push(body["error"]["code"].as_str().unwrap_or("allowed").to_owned());
                    }
                    "status" => self.attempts.push(body["message"].as_str().unwrap_or_default().to_owned()),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether each part has cost what it costs, from this much on.
    pub(crate) fn paid(&self, budget: u64, cents: u64) -> Done {
        let mut due = budget;
        for left in &self.left {
            due = due.saturating_sub(cents);
            if *left != due {
                return Err(format!("{due} cents are due to be left, and {left} are").into());
            }
        }
        Ok(())
    }
}

/// The hash of a map of so many parts.
pub(crate) fn hash_of_map(parts: u64) -> String {
    let mut hash = Sha256::new();
    (0..parts).for_each(|number| hash.update(part(number)));
    hex(&hash.finalize())
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A claim of the demo, which ends where it does not hold.
pub(crate) fn must(holds: bool, claim: &str) -> Done {
    if holds { Ok(()) } else { Err(format!("not so: {claim}").into()) }
}
