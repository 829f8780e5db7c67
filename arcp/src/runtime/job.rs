//! Jobs: their states, their events and their end (ARCP §§7.3, 8).

use std::sync::Arc;

use serde::Serialize;

use super::log::{Class, Entry, Log};
use super::output::Issued;
use super::record::{Record, StoredJob};
use super::streaming::Streaming;
use super::timers::Timer;
use super::{Audit, ConnectionId, Event, JobKey, Runtime, SessionKey, Start, timestamp};
use crate::budget::AccountId;
use crate::error::{Code, Refusal};
use crate::features::Feature;
use crate::lease::Lease;
use crate::message::{FinalStatus, JobError};
use crate::text::Text;
use crate::trace::TraceContext;

#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: Arc<str>,
    /// Who submitted it, and may cancel it.
    pub(super) session: SessionKey,
    pub(super) principal: Arc<str>,
    pub(super) agent: Arc<str>,
    pub(super) input: Arc<str>,
    pub(super) lease: Arc<Lease>,
    pub(super) expires_us: Option<u64>,
    pub(super) runs_until_us: Option<u64>,
    /// What it may spend, alone or with others.
    pub(super) account: Option<AccountId>,
    pub(super) trace: TraceContext,
    /// Who delegated it, and as what.
    pub(super) parent: Option<(JobKey, String)>,
    pub(super) children: Vec<JobKey>,
    pub(super) created_us: u64,
    pub(super) attempt: u32,
    pub(super) state: State,
    pub(super) log: Log,
    /// Sessions that are told what happens in it.
    pub(super) followers: Vec<SessionKey>,
    /// Its agent was told to wait.
    pub(super) waits: bool,
    pub(super) streaming: Option<Streaming>,
    /// Credentials that may be live; their values go to the submitter and to no store.
    pub(super) issued: Arc<[Issued]>,
    /// The key that stands for it.
    pub(super) key: Option<String>,
    /// It is there only so that a refusal has a number: no list shows it.
    pub(super) is_refusal: bool,
}

/// What `job.accepted` still needs, while credentials are made.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// Who waits for it: more than one where a key is used again meanwhile.
    pub(super) asked: Vec<(ConnectionId, Option<String>)>,
    pub(super) hash: [u8; 32],
}

/// How far a job is.
#[derive(Debug)]
pub(super) enum State {
    /// Its credentials are being made: nobody has been told of it.
    Provisioning(Box<Pending>),
    /// Accepted, and not yet handed to its agent.
    Pending,
    Running,
    Ended(FinalStatus),
}

impl State {
    /// As lists show it.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Provisioning(_) | Self::Pending => "pending",
            Self::Running => "running",
            Self::Ended(status) => status.as_str(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Ended(_))
    }
}

/// `job.result`, as it is written.
#[derive(Serialize)]
struct Done<'a> {
    final_status: FinalStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a serde_json::value::RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    completed_at: &'a str,
}

/// How a job ends.
pub(super) enum Outcome<'a> {
    /// With this result, inline; and a line for people.
    Result(&'a str, Option<&'a str>),
    /// With the result that was streamed.
    Streamed {
        id: &'a str,
        size: u64,
        summary: Option<&'a str>,
    },
    Failed(FinalStatus, &'a Refusal),
}

impl Job {
    pub(super) fn stored(&self, key: JobKey) -> Record {
        Record::Job(Box::new(StoredJob {
            key,
            id: Arc::clone(&self.id),
            session: self.session,
            principal: Arc::clone(&self.principal),
            agent: self.agent.to_string(),
            input: Arc::clone(&self.input),
            lease: serde_json::to_string(&*self.lease).unwrap_or_default(),
            expires_us: self.expires_us,
            runs_until_us: self.runs_until_us,
            parent: self.parent.clone(),
            traceparent: self.trace.traceparent().map_or_else(|| self.trace.id().to_string(), str::to_owned),
            created_us: self.created_us,
            attempt: self.attempt,
        }))
    }
}

impl Runtime {
    /// Hands a job to its agent, unless it has ended meanwhile.
    pub(super) fn start(&mut self, key: JobKey) -> Option<Event> {
        let job = self.jobs.get_mut(&key)?;
        if !matches!(job.state, State::Pending) {
            return None;
        }
        job.state = State::Running;
        Some(Event::Start(Box::new(Start {
            job: key,
            job_id: Arc::clone(&job.id),
            agent: Arc::clone(&job.agent),
            input: Arc::clone(&job.input),
            lease: Arc::clone(&job.lease),
            expires_at: job.expires_us.map(timestamp),
            trace: job.trace.clone(),
            principal: Arc::clone(&job.principal),
            session_id: self.sessions.get(&job.session).map(|session| Arc::clone(&session.id)),
            parent: job.parent.as_ref().map(|(parent, _)| *parent),
            attempt: job.attempt,
            credentials: Arc::clone(&job.issued),
        })))
    }

    /// Adds an event to a job and tells its followers, those that have the feature where it needs one.
    pub(super) fn happen(
        &mut self,
        key: JobKey,
        class: Class,
        payload: Arc<str>,
        secret: Option<Arc<str>>,
        needs: Option<Feature>,
    ) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let number = job.log.last() + 1;
        let lsn = self.journal.event(key, number, class, &payload);
        let before = job.log.bytes();
        job.log.push(Entry { lsn, class, payload, secret });
        self.logs += job.log.bytes() - before;
        self.stats.events += 1;
        // One connection to be listed is the rule, and more the exception.
        for place in 0..job.followers.len() {
            let Some(follower) = self.jobs.get(&key).and_then(|job| job.followers.get(place)).copied() else {
                break;
            };
            let has = needs.is_none_or(|feature| {
                self.sessions.get(&follower).is_some_and(|session| session.features.contains(feature))
            });
            if has {
                self.tell(follower, key, number, 1);
            }
        }
        self.keep_logs_small(key);
    }

    /// Drops what memory has no room for.
    fn keep_logs_small(&mut self, key: JobKey) {
        let stored = self.journal.stored();
        if let Some(job) = self.jobs.get_mut(&key)
            && job.log.bytes() > self.settings.max_log
        {
            self.logs -= job.log.shrink(self.settings.max_log / 2, stored);
        }
        if self.logs > self.settings.max_logs {
            let target = self.settings.max_logs / 4 * 3;
            let ended: Vec<JobKey> = self.ended.iter().map(|(_, key)| *key).collect();
            let live: Vec<JobKey> =
                self.jobs.iter().filter(|(_, job)| !job.state.has_ended()).map(|(key, _)| *key).collect();
            for key in ended.into_iter().chain(live) {
                if self.logs <= target {
                    break;
                }
                if let Some(job) = self.jobs.get_mut(&key) {
                    self.logs -= job.log.shrink(0, stored);
                }
            }
        }
    }

    /// Ends a job: the last event, and all that hangs on it. Nothing happens where it has ended.
    pub(super) fn end_job(&mut self, key: JobKey, outcome: &Outcome<'_>) {
        let completed_at = self.now().text();
        let Some(job) = self.jobs.get_mut(&key) else { return };
        if job.state.has_ended() {
            return;
        }
        let (class, status, payload) = match outcome {
            Outcome::Result(result, summary) => {
                let done = Done {
                    final_status: FinalStatus::Success,
                    result: serde_json::from_str(result).ok(),
                    result_id: None,
                    result_size: None,
                    summary: *summary,
                    completed_at: &completed_at,
                };
                (Class::Result, FinalStatus::Success, json(&done))
            }
            Outcome::Streamed { id, size, summary } => {
                let done = Done {
                    final_status: FinalStatus::Success,
                    result: None,
                    result_id: Some(id),
                    result_size: Some(*size),
                    summary: *summary,
                    completed_at: &completed_at,
                };
                (Class::Result, FinalStatus::Success, json(&done))
            }
            Outcome::Failed(status, refusal) => {
                let error = JobError {
                    final_status: Some(*status),
                    code: Text::from(refusal.code.as_str()),
                    message: Text::from(&*refusal.message),
                    retryable: refusal.retryable(),
                    details: refusal.details.as_deref(),
                    completed_at: Some(Text::from(completed_at.as_str())),
                };
                (Class::Error, *status, json(&error))
            }
        };
        let was_running = matches!(job.state, State::Running);
        job.state = State::Ended(status);
        job.streaming = None;
        let (account, parent, children) =
            (job.account.take(), job.parent.clone(), std::mem::take(&mut job.children));
        let (session, principal, idempotency) = (job.session, Arc::clone(&job.principal), job.key.clone());
        let is_refusal = job.is_refusal;
        self.happen(key, class, Arc::clone(&payload), None, None);
        self.journal.add(|| Record::Ended(key, status, self.now_us));
        if let Some(name) = idempotency
            && let Some(found) = self.keys.get_mut(&principal, &name)
        {
            found.terminal = Some((class, Arc::clone(&payload)));
            let found = found.clone();
            self.journal.add(|| Record::Key(Box::new(found)));
        }
        if !is_refusal {
            self.stats.ended += 1;
            if let Some(session) = self.sessions.get_mut(&session) {
                session.running = session.running.saturating_sub(1);
            }
        }
        if let Outcome::Failed(status, refusal) = outcome
            && was_running
        {
            self.events.push_back(Event::Stop { job: key, status: *status, reason: (*refusal).clone() });
        }
        // A child has its parent's authority, and none without it.
        for child in children {
            let why = Refusal::new(Code::Cancelled, "the job that delegated it has ended");
            self.end_job(child, &Outcome::Failed(FinalStatus::Cancelled, &why));
        }
        if let Some(account) = account {
            self.accounts.close(account);
        }
        self.revoke_all(key);
        if let Some((parent, delegate_id)) = parent {
            self.child_ended(parent, key, delegate_id, outcome);
        }
        self.ended.push_back((self.now_us, key));
        let window = u64::from(self.settings.resume_window_ms) * 1000;
        if self.ended.len() == 1 {
            self.timers.add(self.now_us + window, Timer::Forget);
        }
        while self.ended.len() > self.settings.max_ended {
            let Some((_, oldest)) = self.ended.pop_front() else { break };
            self.forget(oldest);
        }
    }

    /// Ended jobs are kept for the resume window, and longer where a client is to be told of them.
    pub(super) fn forget_ended(&mut self) {
        let window = u64::from(self.settings.resume_window_ms) * 1000;
        while let Some(&(since_us, oldest)) = self.ended.front() {
            if since_us + window > self.now_us {
                self.timers.add(since_us + window, Timer::Forget);
                return;
            }
            self.ended.pop_front();
            if self.is_wanted(oldest) {
                self.ended.push_back((self.now_us, oldest));
            } else {
                self.forget(oldest);
            }
        }
    }

    /// Whether a session has not been told all of a job, or has not said that it is done with it (§6.5).
    fn is_wanted(&self, key: JobKey) -> bool {
        let Some(job) = self.jobs.get(&key) else { return false };
        job.followers.iter().filter_map(|follower| self.sessions.get(follower)).any(|session| {
            let acks =
                session.features.contains(Feature::Ack) && session.outbox.jobs().any(|other| other == key);
            acks || session.outbox.backlog() > 0
        })
    }

    /// An ended job is no more.
    fn forget(&mut self, key: JobKey) {
        let Some(job) = self.jobs.remove(&key) else { return };
        self.logs -= job.log.bytes();
        self.job_ids.remove(&job.id);
        self.order.remove(&(job.created_us, key));
        for follower in job.followers {
            if let Some(session) = self.sessions.get_mut(&follower) {
                session.follows.retain(|other| *other != key);
            }
        }
        self.journal.add(|| Record::Forgotten(key));
    }

    pub(super) fn runs_too_long(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get(&key) else { return };
        if job.runs_until_us.is_some_and(|until| until <= self.now_us) {
            let why = Refusal::new(Code::Timeout, "the job exceeded max_runtime_sec");
            self.end_job(key, &Outcome::Failed(FinalStatus::TimedOut, &why));
        }
    }

    /// The lease of a job has ended: the job has no authority any more, and ends (§9.5 allows not to wait).
    pub(super) fn lease_ends(&mut self, key: JobKey) {
        let grace = u64::from(self.settings.expiry_grace_ms.min(1000)) * 1000;
        let Some(job) = self.jobs.get(&key) else { return };
        if job.state.has_ended() || job.expires_us.is_none_or(|until| until + grace > self.now_us) {
            return;
        }
        let expires_at = timestamp(job.expires_us.unwrap_or_default());
        self.events.push_back(Event::Audit(Audit::LeaseExpired { job_id: Arc::clone(&job.id), expires_at }));
        let why = Refusal::new(Code::LeaseExpired, format!("the lease ended at {expires_at}"));
        self.end_job(key, &Outcome::Failed(FinalStatus::Error, &why));
    }

    /// An agent that waits may go on.
    pub(super) fn ready(&mut self, key: JobKey) {
        if let Some(job) = self.jobs.get_mut(&key)
            && std::mem::take(&mut job.waits)
        {
            self.events.push_back(Event::Ready { job: key });
        }
    }
}

/// As JSON. What is handed in has text for keys alone, so that it cannot fail.
pub(super) fn json(value: &impl Serialize) -> Arc<str> {
    serde_json::to_string(value).unwrap_or_default().into()
}
