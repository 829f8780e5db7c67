//! What happened to the calls that this program made, and to those that it answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ixt::{CallError, Outcome};
use serde_json::{Value, json};

/// Counts, by service and outcome.
#[derive(Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    /// Traffic belongs to a round; the next round ends it.
    round: AtomicU64,
}

#[derive(Default)]
struct Counts {
    /// Workers that are in a call.
    busy: u64,
    /// Streams that are being answered.
    answering: u64,
    calls: BTreeMap<(String, String), u64>,
    answers: BTreeMap<(String, String), u64>,
    /// What came was not what must come.
    wrong: Vec<String>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a round of traffic, and gives its number.
    pub(crate) fn begin(&self) -> u64 {
        self.round.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn stop(&self) {
        self.begin();
    }

    pub(crate) fn runs(&self, round: u64) -> bool {
        self.round.load(Ordering::SeqCst) == round
    }

    pub(crate) fn calls(&self) {
        self.lock().busy += 1;
    }

    /// A call is over, well or not.
    pub(crate) fn called(&self, service: &str, result: &Result<(), CallError>) {
        let outcome = match result {
            Ok(()) => "completed".to_owned(),
            Err(CallError::Failed { code, .. }) => format!("failed:{code}"),
            Err(CallError::Cancelled { reason, .. }) => format!("cancelled:{reason}"),
            Err(other) => match other.code() {
                Some(code) => format!("refused:{code}"),
                None => format!("refused:{other}"),
            },
        };
        let mut counts = self.lock();
        counts.busy -= 1;
        *counts.calls.entry((service.to_owned(), outcome)).or_default() += 1;
    }

    pub(crate) fn answers(&self) {
        self.lock().answering += 1;
    }

    /// A stream that was answered is over.
    pub(crate) fn answered(&self, service: &str, outcome: Option<&Outcome>) {
        let outcome = match outcome {
            Some(Outcome::Completed(_)) => "completed".to_owned(),
            Some(Outcome::Failed(failure)) => format!("failed:{}", failure.code),
            Some(Outcome::Cancelled(cancelled)) => format!("cancelled:{}", cancelled.reason),
            None => "none".to_owned(),
        };
        let mut counts = self.lock();
        counts.answering -= 1;
        *counts.answers.entry((service.to_owned(), outcome)).or_default() += 1;
    }

    pub(crate) fn wrong(&self, what: String) {
        self.lock().wrong.push(what);
    }

    pub(crate) fn reset(&self) {
        let mut counts = self.lock();
        let (busy, answering) = (counts.busy, counts.answering);
        *counts = Counts { busy, answering, ..Counts::default() };
    }

    pub(crate) fn report(&self) -> Value {
        let counts = self.lock();
        let table = |counts: &BTreeMap<(String, String), u64>| {
            let mut table = serde_json::Map::new();
            for ((service, outcome), count) in counts {
                let row = table.entry(service.clone()).or_insert_with(|| json!({}));
                row[outcome.as_str()] = json!(count);
            }
            table
        };
        json!({
            "busy": counts.busy, "answering": counts.answering, "wrong": counts.wrong,
            "calls": table(&counts.calls), "answers": table(&counts.answers),
        })
    }
}
