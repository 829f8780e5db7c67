//! What a runtime wants of who runs it.

use std::sync::Arc;

use super::{ConnectionId, JobKey, PermitId};
use crate::error::Refusal;
use crate::lease::Lease;
use crate::message::FinalStatus;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Whose jobs a principal may see, or cancel, beside its own (§7.6: none, unless the deployment says otherwise).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// Its own alone.
    #[default]
    Own,
    /// Those of these principals too.
    Of(Arc<[String]>),
    /// Everybody's.
    All,
}

impl Scope {
    /// Whether it reaches from `own` to `other`.
    #[must_use]
    pub fn reaches(&self, own: &str, other: &str) -> bool {
        own == other
            || match self {
                Self::Own => false,
                Self::Of(names) => names.iter().any(|name| name == other),
                Self::All => true,
            }
    }
}

/// Who a client is, as its token says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// Names it; sessions and jobs belong to this name.
    pub name: Arc<str>,
    /// Whose jobs it may list and subscribe to.
    pub observes: Scope,
    /// Whose jobs it may cancel, beside those of the session that submitted them.
    pub cancels: Scope,
}

impl Principal {
    /// One that sees its own jobs alone, and cancels those of its own sessions alone.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), observes: Scope::Own, cancels: Scope::Own }
    }

    /// One that sees the jobs of others too.
    #[must_use]
    pub fn observing(self, observes: Scope) -> Self {
        Self { observes, ..self }
    }

    /// One that cancels the jobs of others too. `Scope::Of` with its own name makes its sessions cancel each
    /// other's.
    #[must_use]
    pub fn cancelling(self, cancels: Scope) -> Self {
        Self { cancels, ..self }
    }
}

/// A job to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Start {
    /// What the engine calls it.
    pub job: JobKey,
    /// What clients call it.
    pub job_id: Arc<str>,
    /// The agent and the version that was chosen: `name@version`, or `name` where it has none.
    pub agent: Arc<str>,
    /// What it works on, as JSON.
    pub input: Arc<str>,
    /// What it may.
    pub lease: Arc<Lease>,
    /// When its lease ends.
    pub expires_at: Option<Timestamp>,
    /// What calls that it makes go on with.
    pub trace: TraceContext,
    /// Whose job it is.
    pub principal: Arc<str>,
    /// The session that submitted it, or the job at the head of what delegated it.
    pub session_id: Option<Arc<str>>,
    /// The job that delegated it.
    pub parent: Option<JobKey>,
    /// Which time it is started: 1, and more after the runtime has ended under it.
    pub attempt: u32,
    /// Its credentials.
    pub credentials: Arc<[Issued]>,
}

/// A credential of an upstream service for one job (§9.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Names it within the job.
    pub id: String,
    /// `bearer`, or what the client knows.
    pub scheme: String,
    /// The secret.
    pub value: Secret,
    /// The base URL that it is for.
    pub endpoint: String,
    /// The protocol that is spoken there.
    pub profile: Option<String>,
    /// What the upstream enforces, as JSON.
    pub constraints: Option<String>,
}

/// Something that was done, for an audit (§14).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audit {
    /// Who asked to see a job, whose it is, and whether that was allowed.
    Subscribe {
        /// Who asked.
        subscriber: Arc<str>,
        /// The job, as it was asked for.
        job_id: String,
        /// Whose it is, where there is such a job.
        owner: Option<Arc<str>>,
        /// Whether it was allowed.
        allowed: bool,
    },
    /// A lease ended under a job.
    LeaseExpired {
        /// The job.
        job_id: Arc<str>,
        /// When it was to end.
        expires_at: Timestamp,
    },
    /// A credential could not be revoked, and is tried again no more.
    NotRevoked {
        /// The credential.
        credential: String,
        /// Its job.
        job_id: Arc<str>,
        /// How often it was tried.
        attempts: u32,
    },
    /// A client acknowledged more than it was told; taken as all.
    AckAhead {
        /// The session.
        session_id: Arc<str>,
        /// What it said.
        said: u64,
        /// What it was told.
        told: u64,
    },
}

/// What somebody wants to do with jobs of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// To have them in a list (§6.6).
    List,
    /// To see what happens in one (§7.6).
    Subscribe,
    /// To cancel one that another session submitted, of the same principal or of another (§7.4).
    Cancel,
}

/// What a runtime wants done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A hello came: check its token and call [`Runtime::authenticated`](super::Runtime::authenticated).
    Authenticate {
        /// Whose hello.
        connection: ConnectionId,
        /// How: `bearer`.
        scheme: String,
        /// The token.
        token: Secret,
    },
    /// Run a job.
    Start(Box<Start>),
    /// A job has ended under its agent: stop that. What it still emits is refused.
    Stop {
        /// The job.
        job: JobKey,
        /// How it ended.
        status: FinalStatus,
        /// Why.
        reason: Refusal,
    },
    /// An agent that was told to wait may go on.
    Ready {
        /// Its job.
        job: JobKey,
    },
    /// A job that an agent delegated has ended.
    ChildEnded {
        /// The job that delegated it.
        parent: JobKey,
        /// As the agent named it.
        delegate_id: String,
        /// What it gave, as JSON; `Err` where it failed.
        result: Result<Arc<str>, Refusal>,
    },
    /// Somebody asks for jobs that its scope does not reach: [`Runtime::permitted`](super::Runtime::permitted) says
    /// which of them it may. The request waits for that; what its session asks meanwhile may be answered before it.
    /// Only with [`Settings::policy`](super::Settings::policy).
    Permit {
        /// The request.
        ticket: PermitId,
        /// Who asks.
        principal: Arc<str>,
        /// What for.
        operation: Operation,
        /// The one job; of a list all that it could show, oldest first.
        jobs: Vec<JobKey>,
    },
    /// Make credentials for a job: [`Runtime::provisioned`](super::Runtime::provisioned). It is not accepted before.
    Provision {
        /// The job.
        job: JobKey,
        /// What clients will call it.
        job_id: Arc<str>,
        /// What the credentials shall be held to.
        lease: Arc<Lease>,
        /// When they shall end.
        expires_at: Option<Timestamp>,
        /// What may be spent, in each currency.
        budget: Vec<(String, String)>,
    },
    /// Revoke a credential: [`Runtime::revoked`](super::Runtime::revoked).
    Revoke {
        /// The credential's id.
        credential: String,
        /// The job that it was for, which may be forgotten.
        job: JobKey,
        /// What clients call it.
        job_id: Arc<str>,
    },
    /// Nothing more comes: write what is left and close the transport.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Something for the audit.
    Audit(Audit),
}
