//! What a client is told.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::RequestId;
use crate::error::{Code, Refusal};
use crate::features::Features;
use crate::message::{Encoding, FinalStatus};
use crate::secret::Secret;

/// Why a request or a job failed, as the peer says it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Failure {
    /// One of §12.
    pub code: Code,
    /// For people.
    pub message: String,
    /// Whether the same may work later, as the peer says.
    pub retryable: bool,
    /// More about it, as JSON.
    pub details: Option<Box<RawValue>>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self {
            retryable: refusal.retryable(),
            code: refusal.code,
            message: refusal.message.into_owned(),
            details: refusal.details,
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// With a result: JSON, or nothing.
    Result(Option<Box<RawValue>>),
    /// With a result that was streamed: its bytes, put together.
    Streamed {
        /// The result's name.
        result_id: String,
        /// All of it; `None` where the client does not put results together, or was not told them from their first part
        /// on: a subscription with history tells them.
        bytes: Option<Vec<u8>>,
    },
    /// Without one.
    Failed(FinalStatus, Failure),
}

/// A job, as a list or a subscription shows it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct JobInfo {
    /// What the runtime calls it.
    pub job_id: String,
    /// `name@version`, or the name of an agent without versions.
    pub agent: String,
    /// `pending`, `running`, or how it ended.
    pub status: String,
    /// What it may, as JSON.
    pub lease: Option<Box<RawValue>>,
    /// When its lease ends, as JSON.
    pub lease_constraints: Option<Box<RawValue>>,
    /// What is left of each currency: currency and amount.
    pub budget: Vec<(String, String)>,
    /// The job that delegated it.
    pub parent_job_id: Option<String>,
    /// When it was accepted.
    pub created_at: Option<String>,
    /// Its trace.
    pub trace_id: Option<String>,
    /// The number of its own last event.
    pub last_event_seq: Option<u64>,
}

/// An event of a job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobEvent {
    /// Whose.
    pub job_id: Arc<str>,
    /// Its number in the session.
    pub event_seq: Option<u64>,
    /// Its kind's name; see [`EventKind`](crate::event::EventKind).
    pub kind: String,
    /// When the agent emitted it, as it was written.
    pub ts: Option<String>,
    /// As its kind says.
    pub body: Box<RawValue>,
}

/// What has happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The session is open.
    Welcome {
        /// Its id.
        session_id: Arc<str>,
        /// Whether it goes on, with no event lost.
        resumed: bool,
        /// What both ends can.
        features: Features,
        /// The agents that jobs can be submitted to, as JSON.
        agents: String,
        /// How long it can be gone on with after its connection is gone, in seconds.
        resume_window_sec: f64,
        /// All that the runtime said, as JSON; a secret, as the token to go on with is in it.
        payload: Secret,
    },
    /// A submit became a job.
    Accepted {
        /// The submit.
        request: RequestId,
        /// The job.
        job: Box<JobInfo>,
        /// Credentials of upstream services, as JSON; a secret.
        credentials: Option<Secret>,
        /// All that the runtime said, as JSON; a secret, as they are in it.
        payload: Secret,
    },
    /// A job was cancelled, or had ended before.
    Cancelled {
        /// The cancel.
        request: RequestId,
        /// The job.
        job_id: Arc<str>,
        /// It had ended before.
        already_terminal: bool,
    },
    /// A list.
    Jobs {
        /// The request.
        request: RequestId,
        /// The jobs.
        jobs: Vec<JobInfo>,
        /// Where the next list goes on.
        next_cursor: Option<String>,
        /// All that the runtime said, as JSON.
        payload: Box<RawValue>,
    },
    /// A job is followed.
    Subscribed {
        /// The request.
        request: RequestId,
        /// The job.
        job: Box<JobInfo>,
        /// Whether what has happened comes first.
        replayed: bool,
        /// The number of its own event behind which live ones begin.
        subscribed_from: Option<u64>,
        /// All that the runtime said, as JSON.
        payload: Box<RawValue>,
    },
    /// A request was refused.
    Refused {
        /// Which.
        request: RequestId,
        /// Why.
        why: Failure,
    },
    /// Something happened in a job.
    Job(JobEvent),
    /// A part of a streamed result came; it is put together besides.
    Chunk {
        /// Whose result.
        job_id: Arc<str>,
        /// Its number in the session.
        event_seq: Option<u64>,
        /// The result's name.
        result_id: String,
        /// The part's place.
        chunk_seq: u64,
        /// How it was written.
        encoding: Encoding,
        /// The part.
        bytes: Vec<u8>,
        /// Whether another one follows.
        more: bool,
    },
    /// A job has ended.
    Ended {
        /// Which.
        job_id: Arc<str>,
        /// The event's number in the session.
        event_seq: Option<u64>,
        /// How.
        outcome: Outcome,
        /// For people.
        summary: Option<String>,
        /// All that the runtime said, as JSON.
        payload: Box<RawValue>,
    },
    /// Events are missing: the session is broken, and should be gone on with over a new connection (§8.3).
    Gap {
        /// The number that was due.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// The runtime is silent: connect again.
    Lost(Refusal),
    /// The session cannot go on, or has been refused: it is over where the runtime then closes.
    Failed(Failure),
    /// The session is closed: close the transport.
    Closed,
    /// A frame came that makes no sense; it was read over.
    Nonsense(Refusal),
}
