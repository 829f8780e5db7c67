//! The engine of a runtime: the end that runs jobs.
//!
//! It is handed connections ([`Runtime::connect`]), whole frames ([`Runtime::receive`]), what agents do
//! ([`Runtime::emit`] and its kin) and the time; it fills buffers with frames ([`Runtime::poll_transmit`]), and says what it
//! wants ([`Runtime::poll_event`]), stored ([`Runtime::poll_store`]) and loaded ([`Runtime::poll_load`]). It reads no clock,
//! draws no random number and never waits.
//!
//! **After every input, drain the outputs until there are none.**

mod agent;
mod connection;
mod credentials;
mod delegation;
mod hail;
mod handshake;
mod job;
mod journal;
mod keys;
mod leave;
mod log;
mod outbox;
mod output;
mod permit;
mod record;
mod registry;
mod requests;
mod restore;
mod result;
mod session;
mod settings;
mod streaming;
mod submit;
mod timers;
mod transmit;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use serde_json::value::RawValue;

pub use agent::Emitted;
pub use delegation::Delegate;
pub use log::{Class, Lsn};
pub use outbox::Run;
pub use output::{Audit, Event, Issued, Operation, Principal, Scope, Start};
pub use record::{
    Batch, Load, LoadedEvent, Record, Snapshot, SnapshotJob, StoredJob, StoredKey, StoredSession,
};
pub use settings::Settings;
pub use transmit::Frames;

use crate::agent::Inventory;
use crate::budget::Accounts;
use crate::features::{Feature, Features};
use crate::id::Ulid;
use crate::ids::Ids;
use crate::key::key;
use crate::time::Timestamp;
use connection::Connection;
use job::Job;
use journal::Journal;
use keys::Keys;
use session::Session;
use timers::{Timer, Timers};

key! {
    /// Names a connection of a runtime.
    ConnectionId
}
key! {
    /// Names a session of a runtime, also after it was started again.
    SessionKey
}
key! {
    /// Names a job of a runtime, also after it was started again.
    JobKey
}
key! {
    /// Names a request that waits for [`Runtime::permitted`].
    PermitId
}

/// The engine of a runtime; see the [module](self) for the contract. Not shared: one thread at a time.
#[derive(Debug)]
pub struct Runtime {
    settings: Settings,
    inventory: Inventory,
    /// The inventory as a welcome lists it.
    agents: Arc<RawValue>,
    now_us: u64,
    ids: Ids,
    next_key: u64,
    connections: HashMap<ConnectionId, Connection>,
    sessions: HashMap<SessionKey, Session>,
    session_ids: std::collections::HashMap<Arc<str>, SessionKey>,
    jobs: HashMap<JobKey, Job>,
    job_ids: std::collections::HashMap<Arc<str>, JobKey>,
    /// Jobs whose credentials are being made.
    provisioning: Vec<JobKey>,
    /// Jobs that lists show, oldest first.
    order: BTreeSet<(u64, JobKey)>,
    /// Ended jobs, and since when: the one that is forgotten first in front.
    ended: VecDeque<(u64, JobKey)>,
    /// Bytes of all logs in memory.
    logs: usize,
    accounts: Accounts,
    keys: Keys,
    /// Whose requests wait for the application.
    permits: HashMap<PermitId, ConnectionId>,
    journal: Journal,
    timers: Timers,
    events: VecDeque<Event>,
    /// Jobs that start once so much is stored.
    starts: VecDeque<(Lsn, JobKey)>,
    loads: VecDeque<Load>,
    writable: VecDeque<ConnectionId>,
    revocations: credentials::Revocations,
    stats: Stats,
}

/// What has passed, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Frames that came.
    pub frames_in: u64,
    /// Frames that left.
    pub frames_out: u64,
    /// Frames that were refused.
    pub refused: u64,
    /// Messages of vendors' types that were read over.
    pub ignored: u64,
    /// Jobs that were accepted.
    pub accepted: u64,
    /// Jobs that have ended.
    pub ended: u64,
    /// Events of jobs.
    pub events: u64,
}

impl Runtime {
    /// A runtime without sessions. `seed` is 32 random bytes: ids and tokens are made of it, and whoever knows it can
    /// guess them. `now_us` is the time in microseconds since the Unix epoch, here and in all that follows: read once
    /// at the start and moved on by a monotonic clock (§14).
    #[must_use]
    pub fn new(settings: Settings, inventory: Inventory, seed: [u8; 32], now_us: u64) -> Self {
        let agents = registry::listing(&inventory);
        Self {
            journal: Journal::new(settings.store),
            settings,
            inventory,
            agents,
            now_us,
            ids: Ids::new(seed),
            next_key: 1,
            connections: HashMap::default(),
            sessions: HashMap::default(),
            session_ids: std::collections::HashMap::new(),
            jobs: HashMap::default(),
            job_ids: std::collections::HashMap::new(),
            provisioning: Vec::new(),
            order: BTreeSet::new(),
            ended: VecDeque::new(),
            logs: 0,
            accounts: Accounts::default(),
            keys: Keys::default(),
            permits: HashMap::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            starts: VecDeque::new(),
            loads: VecDeque::new(),
            writable: VecDeque::new(),
            revocations: credentials::Revocations::default(),
            stats: Stats::default(),
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What has passed.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How many sessions there are, connected or not.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many jobs there are, ended ones that are kept among them.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// What this runtime can.
    fn features(&self) -> Features {
        let all = self.settings.features;
        if self.settings.credentials { all } else { all.without(Feature::ProvisionedCredentials) }
    }

    fn tick(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    fn now(&self) -> Timestamp {
        timestamp(self.now_us)
    }

    fn key(&mut self) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        key
    }

    fn ulid(&mut self) -> Ulid {
        self.ids.ulid(self.now_us)
    }

    /// The next thing that is wanted; `None` when there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let &(lsn, job) = self.starts.front()?;
        if lsn > self.journal.stored() {
            return None;
        }
        self.starts.pop_front();
        self.start(job).or_else(|| self.poll_event())
    }

    /// What is to be stored next, in order; `None` when there is nothing. [`stored`](Self::stored) tells when it is.
    pub fn poll_store(&mut self) -> Option<Batch> {
        let (sessions, journal) = (&mut self.sessions, &mut self.journal);
        journal.poll(|session| sessions.get_mut(&session).map(|session| session.outbox.untold_upto()))
    }

    /// All up to this place is stored: what waited for it may be told.
    pub fn stored(&mut self, lsn: Lsn) {
        for (session, upto) in self.journal.stored_upto(lsn) {
            if let Some(found) = self.sessions.get_mut(&session) {
                found.tellable = found.tellable.max(upto);
                let connection = found.connection;
                connection.into_iter().for_each(|connection| self.list(connection));
            }
        }
        let (mut waiting, stored) = (self.journal.take_waiting(), self.journal.stored());
        waiting.sort_unstable();
        waiting.dedup();
        for connection in waiting {
            self.list(connection);
            let found = self.connections.get(&connection);
            if found.is_some_and(|found| found.control.iter().any(|(lsn, _)| *lsn > stored)) {
                // A batch of before was stored; its own is not yet.
                self.journal.wait(connection);
            }
        }
        for job in self.journal.take_waiting_jobs() {
            self.ready(job);
        }
    }

    /// The next events that are to be read again; `None` when there are none.
    pub fn poll_load(&mut self) -> Option<Load> {
        self.loads.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, in microseconds since the Unix epoch.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.timers.next()
    }

    /// Tells the time.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.tick(now_us);
        while let Some(timer) = self.timers.due(self.now_us) {
            match timer {
                Timer::Hello(connection) => self.hello_is_late(connection),
                Timer::Heartbeat(connection) => self.heartbeat(connection),
                Timer::Patience(session) => self.lose_patience(session),
                Timer::SessionEnd(session) => self.session_is_left(session),
                Timer::Runtime(job) => self.runs_too_long(job),
                Timer::Lease(job) => self.lease_ends(job),
                Timer::Forget => self.forget_ended(),
                Timer::Keys => self.forget_keys(),
                Timer::Revoke => self.revoke_again(),
            }
        }
    }
}

/// The time as it is written. Times of a clock are within what can be.
fn timestamp(us: u64) -> Timestamp {
    i64::try_from(us).ok().and_then(Timestamp::from_micros).unwrap_or(Timestamp::MAX)
}
