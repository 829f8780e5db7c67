//! What goes to the store, and what waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::log::{Class, Lsn};
use super::outbox::Run;
use super::record::{Batch, Record};
use super::{ConnectionId, JobKey, SessionKey};

/// Records that have not been handed out, and batches that have and are not stored yet.
///
/// A batch says last which events its sessions are told. So once it is stored, these may be: an event stands before
/// what says that it is told.
#[derive(Debug)]
pub(super) struct Journal {
    on: bool,
    records: Vec<Record>,
    /// Bytes of events in `records`.
    bytes: usize,
    /// Sessions that have been given events since the last batch.
    dirty: Vec<SessionKey>,
    /// The place of the last record.
    lsn: Lsn,
    stored: Lsn,
    under_way: VecDeque<UnderWay>,
    /// Bytes of events that are not stored yet.
    unstored: usize,
    /// Connections and jobs to be looked at once something is stored.
    waiting: Vec<ConnectionId>,
    waiting_jobs: Vec<JobKey>,
}

#[derive(Debug)]
struct UnderWay {
    lsn: Lsn,
    bytes: usize,
    /// Up to which number each session may be told, once this is stored.
    sessions: Vec<(SessionKey, u64)>,
}

impl Journal {
    pub(super) fn new(on: bool) -> Self {
        Self {
            on,
            records: Vec::new(),
            bytes: 0,
            dirty: Vec::new(),
            lsn: 0,
            stored: if on { 0 } else { Lsn::MAX },
            under_way: VecDeque::new(),
            unstored: 0,
            waiting: Vec::new(),
            waiting_jobs: Vec::new(),
        }
    }

    /// Whether there is a store.
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// The place that the last record has, or will have in its batch.
    pub(super) fn lsn(&self) -> Lsn {
        self.lsn
    }

    pub(super) fn stored(&self) -> Lsn {
        self.stored
    }

    pub(super) fn unstored(&self) -> usize {
        self.unstored
    }

    /// Adds a record; one that need not be made where there is no store.
    pub(super) fn add(&mut self, record: impl FnOnce() -> Record) {
        if self.on {
            self.records.push(record());
            self.lsn += 1;
        }
    }

    /// Adds an event, and gives its place.
    pub(super) fn event(&mut self, job: JobKey, number: u64, class: Class, payload: &Arc<str>) -> Lsn {
        if self.on {
            self.records.push(Record::Event { job, number, class, payload: Arc::clone(payload) });
            self.lsn += 1;
            self.bytes += payload.len();
            self.unstored += payload.len();
        }
        self.lsn
    }

    /// The session was given events.
    pub(super) fn dirty(&mut self, session: SessionKey) {
        if self.on && self.dirty.last() != Some(&session) {
            self.dirty.push(session);
        }
    }

    /// This connection has something to write that waits.
    pub(super) fn wait(&mut self, connection: ConnectionId) {
        if self.waiting.last() != Some(&connection) {
            self.waiting.push(connection);
        }
    }

    pub(super) fn job_waits(&mut self, job: JobKey) {
        self.waiting_jobs.push(job);
    }

    pub(super) fn take_waiting(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn take_waiting_jobs(&mut self) -> Vec<JobKey> {
        std::mem::take(&mut self.waiting_jobs)
    }

    /// The next batch. `untold` gives what a session is told and the store does not know, and up to which number.
    pub(super) fn poll(
        &mut self,
        mut untold: impl FnMut(SessionKey) -> Option<(Vec<Run>, u64)>,
    ) -> Option<Batch> {
        if self.records.is_empty() && self.dirty.is_empty() {
            return None;
        }
        let mut records = std::mem::take(&mut self.records);
        let mut sessions = Vec::new();
        for session in std::mem::take(&mut self.dirty) {
            let Some((runs, upto)) = untold(session) else { continue };
            self.lsn += runs.len() as u64;
            records.extend(runs.into_iter().map(|run| Record::Told(session, run)));
            sessions.push((session, upto));
        }
        let lsn = self.lsn;
        self.under_way.push_back(UnderWay { lsn, bytes: std::mem::take(&mut self.bytes), sessions });
        Some(Batch { records, lsn })
    }

    /// So much is stored: which sessions may be told up to which number.
    pub(super) fn stored_upto(&mut self, lsn: Lsn) -> Vec<(SessionKey, u64)> {
        if !self.on {
            return Vec::new();
        }
        self.stored = self.stored.max(lsn.min(self.lsn));
        let mut tellable = Vec::new();
        while self.under_way.front().is_some_and(|batch| batch.lsn <= self.stored) {
            let Some(batch) = self.under_way.pop_front() else { break };
            self.unstored -= batch.bytes;
            tellable.extend(batch.sessions);
        }
        tellable
    }
}
