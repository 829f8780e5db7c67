//! What a runtime has stored, so that jobs, sessions and keys survive it.

use std::sync::Arc;

use super::log::{Class, Lsn};
use super::outbox::Run;
use super::{JobKey, SessionKey};
use crate::message::FinalStatus;

/// A session, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// What the engine calls it.
    pub key: SessionKey,
    /// What its client calls it.
    pub id: Arc<str>,
    /// Whose it is.
    pub principal: Arc<str>,
    /// The SHA-256 of its token: the token itself is not kept.
    pub token_hash: [u8; 32],
    /// That of the token before, while it is not known whether the welcome with this one has arrived.
    pub former_hash: Option<[u8; 32]>,
    /// Its features, by name.
    pub features: Vec<String>,
    /// Which peer it is, by name.
    pub dialect: String,
}

/// A job, as it is stored when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredJob {
    /// What the engine calls it.
    pub key: JobKey,
    /// What clients call it.
    pub id: Arc<str>,
    /// The session that submitted it.
    pub session: SessionKey,
    /// Whose it is.
    pub principal: Arc<str>,
    /// `name`, or `name@version`.
    pub agent: String,
    /// What it works on, as JSON.
    pub input: Arc<str>,
    /// What it may, as JSON.
    pub lease: String,
    /// When its lease ends, in microseconds since the Unix epoch.
    pub expires_us: Option<u64>,
    /// When it has run for too long.
    pub runs_until_us: Option<u64>,
    /// The job that delegated it, and how that named it.
    pub parent: Option<(JobKey, String)>,
    /// Its trace, as a traceparent.
    pub traceparent: String,
    /// When it was accepted.
    pub created_us: u64,
    /// Which time it was started last.
    pub attempt: u32,
}

/// A key that stands for a job (§7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Whose key.
    pub principal: Arc<str>,
    /// The key.
    pub key: String,
    /// Of the parameters.
    pub hash: [u8; 32],
    /// The job.
    pub job: JobKey,
    /// What its client calls it.
    pub job_id: Arc<str>,
    /// The payload of its `job.accepted`, without credentials.
    pub accepted: Arc<str>,
    /// When it was accepted.
    pub created_us: u64,
    /// How it ended, once it has.
    pub terminal: Option<(Class, Arc<str>)>,
}

/// One thing to store. A store that did not know one would lose it, so this is exhaustive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A session is there, or has changed.
    Session(Box<StoredSession>),
    /// A session is no more, nor what it was told.
    SessionEnded(SessionKey),
    /// A session is told events of a job.
    Told(SessionKey, Run),
    /// A session is done with its events up to this number.
    Acked(SessionKey, u64),
    /// A session is told what happens in a job, or no more.
    Follows(SessionKey, JobKey, bool),
    /// A job is there, or has changed.
    Job(Box<StoredJob>),
    /// An event of a job.
    Event {
        /// The job.
        job: JobKey,
        /// Its number.
        number: u64,
        /// What kind of frame.
        class: Class,
        /// The payload, without secrets.
        payload: Arc<str>,
    },
    /// What a job and all that it delegated have not spent: currency and amount. It stands for what was said before.
    Budget(JobKey, Vec<(String, String)>),
    /// A job has ended.
    Ended(JobKey, FinalStatus, u64),
    /// A job is no more, nor its events.
    Forgotten(JobKey),
    /// A key stands for a job, or has changed.
    Key(Box<StoredKey>),
    /// A key stands for nothing any more.
    KeyForgotten(Arc<str>, String),
    /// A credential of a job may be live: the job, what clients call it, and the credential. It outlives the job, until
    /// it is revoked.
    Credential(JobKey, Arc<str>, String),
    /// It is not.
    Revoked(JobKey, String),
}

/// What is to be stored at once.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In their order.
    pub records: Vec<Record>,
    /// What [`Runtime::stored`](super::Runtime::stored) is called with when they are.
    pub lsn: Lsn,
}

/// Events of a job to be read again: [`Runtime::loaded`](super::Runtime::loaded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Who wants them.
    pub session: SessionKey,
    /// The job.
    pub job: JobKey,
    /// The number of the first one.
    pub from: u64,
    /// How many at most; and no more than 1 MiB, but one.
    pub count: u64,
}

/// An event that was read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedEvent {
    /// What kind of frame.
    pub class: Class,
    /// Its payload.
    pub payload: Arc<str>,
}

/// All that was stored, for a runtime that begins again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The sessions, with what each was told and is not done with, the number of its next event, and the jobs that it
    /// follows.
    pub sessions: Vec<(StoredSession, Vec<Run>, u64, Vec<JobKey>)>,
    /// The jobs, by their keys.
    pub jobs: Vec<SnapshotJob>,
    /// The keys, in the order in which they came.
    pub keys: Vec<StoredKey>,
    /// Credentials that may be live: the job, as the engine and as clients call it, and the credential.
    pub credentials: Vec<(JobKey, Arc<str>, String)>,
}

/// A job of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotJob {
    /// As it was accepted.
    pub job: StoredJob,
    /// The number of its last event.
    pub last: u64,
    /// How it ended, and when.
    pub ended: Option<(FinalStatus, u64)>,
    /// What it had left.
    pub budget: Vec<(String, String)>,
}
