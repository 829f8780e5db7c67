//! Submits: what becomes a job, and what is the same job again (ARCP §§7.1, 7.2, 7.5).

use std::sync::Arc;

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::job::{Job, Outcome, Pending, State, json};
use super::log::{Class, Log};
use super::output::Issued;
use super::record::{Record, StoredKey};
use super::timers::Timer;
use super::{ConnectionId, Event, JobKey, Runtime, SessionKey, timestamp};
use crate::agent::AgentRef;
use crate::budget::{AccountId, Accounts};
use crate::constraints::Constraints;
use crate::currency::Amounts;
use crate::dialect::Dialect;
use crate::envelope::Envelope;
use crate::error::{Code, Refusal, quoted};
use crate::features::Feature;
use crate::id::JobId;
use crate::lease::Lease;
use crate::message::{FinalStatus, Submit, kind};
use crate::trace::{TraceContext, TraceId};

/// What is left of each currency, as a peer reads it.
pub(super) enum Budget {
    Numbers(Amounts),
    Texts(Amounts),
}

impl Serialize for Budget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Numbers(amounts) => amounts.serialize(serializer),
            Self::Texts(amounts) => {
                let mut map = serializer.serialize_map(None)?;
                for (currency, left) in amounts.iter() {
                    map.serialize_entry(currency.as_str(), &format!("{currency}:{left}"))?;
                }
                map.end()
            }
        }
    }
}

/// What a job has left; `None` where nothing is bounded.
pub(super) fn budget_of(accounts: &Accounts, account: Option<AccountId>, dialect: Dialect) -> Option<Budget> {
    let left = accounts.budget(account?);
    let texts = dialect.quirks().budget_as_amounts;
    (!left.is_empty()).then_some(if texts { Budget::Texts(left) } else { Budget::Numbers(left) })
}

/// `job.accepted`, as it is written, but for what differs from one answer to the next.
#[derive(Serialize)]
struct Accepted<'a> {
    job_id: &'a str,
    agent: &'a str,
    lease: &'a Lease,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_constraints: Option<Constraints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
    accepted_at: crate::time::Timestamp,
    trace_id: TraceId,
}

/// A credential, as its submitter sees it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    scheme: &'a str,
    value: &'a str,
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<&'a RawValue>,
}

/// A job that is asked for, and may be.
pub(super) struct Wanted {
    pub(super) session: SessionKey,
    pub(super) principal: Arc<str>,
    pub(super) agent: Arc<str>,
    pub(super) input: Arc<str>,
    pub(super) lease: Arc<Lease>,
    pub(super) constraints: Constraints,
    pub(super) max_runtime_us: Option<u64>,
    pub(super) account: Option<AccountId>,
    pub(super) trace: TraceContext,
    pub(super) parent: Option<(JobKey, String)>,
    pub(super) key: Option<String>,
}

impl Runtime {
    pub(super) fn submit(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        match self.submit_within(id, key, envelope) {
            Ok(()) => Ok(()),
            Err(refusal) => {
                let quirks = self.sessions.get(&key).map(|session| session.dialect.quirks());
                if quirks.is_some_and(|quirks| quirks.refuses_submit_as_job) {
                    self.stats.refused += 1;
                    self.refuse_as_job(key, &refusal);
                    return Ok(());
                }
                Err(refusal)
            }
        }
    }

    fn submit_within(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let asked: Submit<'_> = envelope.payload()?;
        let Some(session) = self.sessions.get(&key) else { return Ok(()) };
        let (principal, running) = (Arc::clone(&session.principal.name), session.running);
        let hash = fingerprint(&asked)?;
        if let Some(name) = asked.idempotency_key.as_deref() {
            if name.is_empty() || name.len() > MAX_KEY {
                return Err(Refusal::invalid("idempotency_key: 1 to 256 bytes"));
            }
            if self.accept_again(id, key, &principal, name, hash, envelope)?
                || self.wait_too(id, &principal, name, hash, envelope)?
            {
                return Ok(());
            }
        }
        if running >= self.settings.max_jobs {
            return Err(Refusal::denied("the session has too many jobs that have not ended"));
        }
        let agent = AgentRef::parse(&asked.agent)?;
        if agent.version().is_some() {
            self.need(key, Feature::AgentVersions)?;
        }
        let agent: Arc<str> = self.inventory.resolve(agent)?.to_string().into();
        let lease = match asked.lease_request {
            Some(lease) => Lease::parse(lease.get(), &self.settings.lease)?,
            None => Lease::default(),
        };
        if lease.has("cost.budget") {
            self.need(key, Feature::CostBudget)?;
        }
        if lease.has("model.use") {
            self.need(key, Feature::ModelUse)?;
        }
        let constraints = match asked.lease_constraints {
            Some(constraints) => Constraints::parse(constraints.get(), self.now())?,
            None => Constraints::default(),
        };
        if !constraints.is_empty() {
            self.need(key, Feature::LeaseExpiresAt)?;
        }
        let trace = self.trace_of(envelope)?;
        let wanted = Wanted {
            session: key,
            principal,
            agent,
            input: asked.input.map_or("null", RawValue::get).into(),
            constraints,
            max_runtime_us: asked.max_runtime_sec.map(|seconds| self.runtime_us(seconds)).transpose()?,
            account: lease.budget().map(|budget| self.accounts.open(budget.clone())),
            lease: Arc::new(lease),
            trace,
            parent: None,
            key: asked.idempotency_key.map(crate::text::Text::into_owned),
        };
        let provides = self.settings.credentials
            && self
                .sessions
                .get(&key)
                .is_some_and(|session| session.features.contains(Feature::ProvisionedCredentials));
        let pending = Pending { asked: vec![(id, envelope.id.as_deref().map(str::to_owned))], hash };
        let job = self.make_job(wanted);
        if provides {
            self.provision(job, pending);
        } else {
            self.accept(job, &pending);
        }
        Ok(())
    }

    /// The trace of a request: what it says, or a new one.
    fn trace_of(&mut self, envelope: &Envelope<'_>) -> Result<TraceContext, Refusal> {
        if let Some((_, extensions)) = envelope.unknown.iter().find(|(name, _)| *name == "extensions")
            && let Some(traceparent) = traceparent_of(extensions)
        {
            return Ok(traceparent);
        }
        match envelope.trace_id.as_deref() {
            Some(text) => TraceContext::parse(text).ok_or_else(|| {
                Refusal::invalid(format!(
                    "trace_id: {} is neither 32 hex digits nor a traceparent",
                    quoted(text)
                ))
            }),
            None => {
                let random = self.ids.bytes();
                Ok(TraceContext::new(TraceId::new(random)))
            }
        }
    }

    fn runtime_us(&self, seconds: f64) -> Result<u64, Refusal> {
        if seconds > 0.0 && seconds <= f64::from(self.settings.max_runtime_sec) {
            // Within a year, so exact to the microsecond.
            return Ok((seconds * 1e6) as u64);
        }
        Err(Refusal::invalid(format!(
            "max_runtime_sec: above 0 and at most {}",
            self.settings.max_runtime_sec
        )))
    }

    /// A job that nobody has been told of yet.
    pub(super) fn make_job(&mut self, wanted: Wanted) -> JobKey {
        let key = JobKey(self.key());
        let id: Arc<str> = JobId::new(self.ulid()).text().as_str().into();
        self.job_ids.insert(Arc::clone(&id), key);
        let expires_us = wanted.constraints.expires_at.and_then(|end| u64::try_from(end.micros()).ok());
        let job = Job {
            id,
            session: wanted.session,
            principal: wanted.principal,
            agent: wanted.agent,
            input: wanted.input,
            lease: wanted.lease,
            expires_us,
            runs_until_us: wanted.max_runtime_us.map(|us| self.now_us + us),
            account: wanted.account,
            trace: wanted.trace,
            parent: wanted.parent,
            children: Vec::new(),
            created_us: self.now_us,
            attempt: 1,
            state: State::Pending,
            log: Log::default(),
            followers: Vec::new(),
            waits: false,
            streaming: None,
            issued: Arc::new([]),
            key: wanted.key,
            is_refusal: false,
        };
        if let Some(session) = self.sessions.get_mut(&wanted.session) {
            session.running += 1;
        }
        self.jobs.insert(key, job);
        key
    }

    /// Tells who submitted a job that it is accepted, and starts it.
    pub(super) fn accept(&mut self, key: JobKey, pending: &Pending) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        job.state = State::Pending;
        let (session, stored) = (job.session, job.stored(key));
        self.journal.add(|| stored);
        self.let_run(key);
        self.follow(session, key);
        let dialect = self.sessions.get(&session).map(|session| session.dialect).unwrap_or_default();
        let Some(job) = self.jobs.get(&key) else { return };
        let accepted = json(&Accepted {
            job_id: &job.id,
            agent: &job.agent,
            lease: &job.lease,
            lease_constraints: constraints(job.expires_us),
            budget: budget_of(&self.accounts, job.account, dialect),
            accepted_at: timestamp(job.created_us),
            trace_id: job.trace.id(),
        });
        if let Some(name) = &job.key {
            let stands = StoredKey {
                principal: Arc::clone(&job.principal),
                key: name.clone(),
                hash: pending.hash,
                job: key,
                job_id: Arc::clone(&job.id),
                accepted: Arc::clone(&accepted),
                created_us: self.now_us,
                terminal: None,
            };
            self.remember(stands);
        }
        self.stats.accepted += 1;
        for (connection, request_id) in &pending.asked {
            self.answer_accepted(*connection, key, &accepted, request_id.as_deref());
        }
    }

    /// Enters a job into the lists, sets its clocks and lets it start.
    pub(super) fn let_run(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get(&key) else { return };
        self.order.insert((job.created_us, key));
        if let Some(until) = job.runs_until_us {
            self.timers.add(until, Timer::Runtime(key));
        }
        if let Some(until) = job.expires_us {
            let grace = u64::from(self.settings.expiry_grace_ms.min(1000)) * 1000;
            self.timers.add(until.saturating_add(grace), Timer::Lease(key));
        }
        self.starts.push_back((self.journal.lsn(), key));
    }

    /// `job.accepted`, with what is the submitter's alone.
    fn answer_accepted(&mut self, id: ConnectionId, key: JobKey, accepted: &str, request_id: Option<&str>) {
        let Some(job) = self.jobs.get(&key) else { return };
        let (job_id, trace) = (Arc::clone(&job.id), job.trace.id().text());
        let payload = with_own(accepted, request_id, &job.issued);
        if let Ok(payload) = serde_json::from_str::<&RawValue>(&payload) {
            self.answer_about(id, kind::JOB_ACCEPTED, Some(&job_id), Some(&trace), &payload, true);
        }
    }

    /// The same key while the job's credentials are made: the same job, if it asks for the same. False where there is
    /// none.
    fn wait_too(
        &mut self,
        id: ConnectionId,
        principal: &Arc<str>,
        name: &str,
        hash: [u8; 32],
        envelope: &Envelope<'_>,
    ) -> Result<bool, Refusal> {
        for key in &self.provisioning {
            let Some(job) = self.jobs.get_mut(key) else { continue };
            let State::Provisioning(pending) = &mut job.state else { continue };
            if job.principal == *principal && job.key.as_deref() == Some(name) {
                if pending.hash != hash {
                    return Err(other_parameters());
                }
                pending.asked.push((id, envelope.id.as_deref().map(str::to_owned)));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same key: the same job, if it asks for the same (§7.2). False where the key stands for nothing.
    fn accept_again(
        &mut self,
        id: ConnectionId,
        session: SessionKey,
        principal: &Arc<str>,
        name: &str,
        hash: [u8; 32],
        envelope: &Envelope<'_>,
    ) -> Result<bool, Refusal> {
        let Some(found) = self.keys.get(principal, name) else { return Ok(false) };
        if found.hash != hash {
            return Err(other_parameters());
        }
        let (key, job_id) = (found.job, Arc::clone(&found.job_id));
        let (accepted, terminal) = (Arc::clone(&found.accepted), found.terminal.clone());
        let Some(job) = self.jobs.get(&key) else {
            // The job is forgotten, and its end is not.
            let payload = with_own(&accepted, envelope.id.as_deref(), &[]);
            if let Ok(payload) = serde_json::from_str::<&RawValue>(&payload) {
                self.answer_about(id, kind::JOB_ACCEPTED, Some(&job_id), None, &payload, true);
            }
            if let Some((class, payload)) = terminal {
                self.end_again(session, &job_id, class, payload);
            }
            return Ok(true);
        };
        let (owner, last, has_ended) = (job.session, job.log.last(), job.state.has_ended());
        let is_told = job.followers.contains(&session);
        self.answer_accepted(id, key, &accepted, envelope.id.as_deref());
        if !is_told {
            // Another session, mostly that of a client that lost the first one: it is told all.
            let from =
                if self.journal.is_on() { 0 } else { self.jobs.get(&key).map_or(0, |job| job.log.dropped()) };
            self.follow(session, key);
            self.tell(session, key, from + 1, last - from);
            let is_left = self.sessions.get(&owner).is_none_or(|owner| owner.connection.is_none());
            if is_left && let Some(job) = self.jobs.get_mut(&key) {
                job.session = session;
                let stored = job.stored(key);
                self.journal.add(|| stored);
            }
        } else if has_ended {
            self.tell(session, key, last, 1);
        }
        Ok(true)
    }

    /// A job that is there for its end alone.
    fn end_again(&mut self, session: SessionKey, job_id: &Arc<str>, class: Class, payload: Arc<str>) {
        let key = self.shadow(session, Arc::clone(job_id));
        self.happen(key, class, payload, None, None);
    }

    /// Refuses a submit as the end of a job that never was.
    fn refuse_as_job(&mut self, session: SessionKey, refusal: &Refusal) {
        let id: Arc<str> = JobId::new(self.ulid()).text().as_str().into();
        let key = self.shadow(session, id);
        if let Some(job) = self.jobs.get_mut(&key) {
            job.state = State::Pending;
        }
        self.end_job(key, &Outcome::Failed(FinalStatus::Error, refusal));
    }

    /// A job that no list shows, so that a session can be told an end under a number of its own.
    fn shadow(&mut self, session: SessionKey, id: Arc<str>) -> JobKey {
        let random = self.ids.bytes();
        let principal = self.sessions.get(&session).map(|session| Arc::clone(&session.principal.name));
        let key = JobKey(self.key());
        let job = Job {
            id,
            session,
            principal: principal.unwrap_or_else(|| "".into()),
            agent: "".into(),
            input: "null".into(),
            lease: Arc::new(Lease::default()),
            expires_us: None,
            runs_until_us: None,
            account: None,
            trace: TraceContext::new(TraceId::new(random)),
            parent: None,
            children: Vec::new(),
            created_us: self.now_us,
            attempt: 1,
            state: State::Ended(FinalStatus::Error),
            log: Log::default(),
            followers: Vec::new(),
            waits: false,
            streaming: None,
            issued: Arc::new([]),
            key: None,
            is_refusal: true,
        };
        let stored = job.stored(key);
        self.jobs.insert(key, job);
        self.journal.add(|| stored);
        self.follow(session, key);
        self.ended.push_back((self.now_us, key));
        key
    }

    fn remember(&mut self, key: StoredKey) {
        if self.keys.len() == 0 {
            self.timers.add(key.created_us + u64::from(self.settings.idempotency_ms) * 1000, Timer::Keys);
        }
        let stored = key.clone();
        self.journal.add(|| Record::Key(Box::new(stored)));
        self.keys.add(key);
        while self.keys.len() > self.settings.max_idempotency {
            self.forget_key();
        }
    }

    /// Keys stand for their jobs for a day.
    pub(super) fn forget_keys(&mut self) {
        let lasts = u64::from(self.settings.idempotency_ms) * 1000;
        while let Some(oldest) = self.keys.oldest_us() {
            if oldest + lasts > self.now_us {
                self.timers.add(oldest + lasts, Timer::Keys);
                return;
            }
            self.forget_key();
        }
    }

    fn forget_key(&mut self) {
        if let Some(key) = self.keys.pop() {
            self.journal.add(|| Record::KeyForgotten(key.principal, key.key));
        }
    }

    /// Makes credentials for a job first.
    fn provision(&mut self, key: JobKey, pending: Pending) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let budget = job.account.map(|account| self.accounts.budget(account)).unwrap_or_default();
        let event = Event::Provision {
            job: key,
            job_id: Arc::clone(&job.id),
            lease: Arc::clone(&job.lease),
            expires_at: job.expires_us.map(timestamp),
            budget: budget.iter().map(|(currency, left)| (currency.to_string(), left.to_string())).collect(),
        };
        job.state = State::Provisioning(Box::new(pending));
        self.provisioning.push(key);
        self.events.push_back(event);
    }

    /// The credentials that [`Event::Provision`] asked for, or why there are none: then the submit is refused with
    /// that. Nothing happens for a job that does not wait for them.
    pub fn provisioned(&mut self, key: JobKey, answer: Result<Vec<Issued>, Refusal>, now_us: u64) {
        self.tick(now_us);
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let pending = match std::mem::replace(&mut job.state, State::Pending) {
            State::Provisioning(pending) => *pending,
            other => {
                job.state = other;
                return;
            }
        };
        self.provisioning.retain(|other| *other != key);
        match answer {
            Ok(issued) => {
                job.issued = issued.into();
                self.remember_credentials(key);
                self.accept(key, &pending);
            }
            Err(refusal) => {
                let session = job.session;
                if let Some(job) = self.jobs.remove(&key) {
                    self.job_ids.remove(&job.id);
                    job.account.into_iter().for_each(|account| self.accounts.close(account));
                }
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.running = session.running.saturating_sub(1);
                }
                for (connection, request_id) in &pending.asked {
                    self.refuse(*connection, request_id.as_deref(), &refusal);
                }
            }
        }
    }
}

fn other_parameters() -> Refusal {
    Refusal::new(Code::DuplicateKey, "the idempotency_key stands for other parameters")
}

/// Bytes of an idempotency key.
const MAX_KEY: usize = 256;

/// As it is written, where there is an end.
pub(super) fn constraints(expires_us: Option<u64>) -> Option<Constraints> {
    Some(Constraints { expires_at: Some(timestamp(expires_us?)) })
}

/// What two submits with one key are compared by.
fn fingerprint(asked: &Submit<'_>) -> Result<[u8; 32], Refusal> {
    let agent = serde_json::value::to_raw_value(&asked.agent).ok();
    let runtime = asked.max_runtime_sec.and_then(|seconds| serde_json::value::to_raw_value(&seconds).ok());
    let fields = [
        ("agent", agent.as_deref()),
        ("input", asked.input),
        ("lease_request", asked.lease_request),
        ("lease_constraints", asked.lease_constraints),
        ("max_runtime_sec", runtime.as_deref()),
    ];
    crate::json::fingerprint(fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

/// The payload with the request that it answers, and the credentials.
fn with_own(accepted: &str, request_id: Option<&str>, issued: &[Issued]) -> String {
    let mut payload = String::with_capacity(accepted.len() + 64);
    payload.push('{');
    if let Some(request_id) = request_id {
        payload.push_str("\"request_id\":");
        payload.push_str(&serde_json::to_string(request_id).unwrap_or_default());
        payload.push(',');
    }
    payload.push_str(accepted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default());
    if !issued.is_empty() {
        let shown: Vec<Shown<'_>> = issued
            .iter()
            .map(|issued| Shown {
                id: &issued.id,
                scheme: &issued.scheme,
                value: issued.value.reveal(),
                endpoint: &issued.endpoint,
                profile: issued.profile.as_deref(),
                constraints: issued.constraints.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            })
            .collect();
        payload.push_str(",\"credentials\":");
        payload.push_str(&serde_json::to_string(&shown).unwrap_or_default());
    }
    payload.push('}');
    payload
}

/// The whole traceparent that some peers send beside the trace id.
fn traceparent_of(extensions: &RawValue) -> Option<TraceContext> {
    #[derive(serde::Deserialize)]
    struct Extensions<'a> {
        #[serde(borrow, default, rename = "x-vendor.opentelemetry.tracecontext")]
        context: Option<&'a RawValue>,
    }
    #[derive(serde::Deserialize)]
    struct Context<'a> {
        #[serde(borrow)]
        traceparent: crate::text::Text<'a>,
    }
    let context = serde_json::from_str::<Extensions<'_>>(extensions.get()).ok()?.context?;
    let text = serde_json::from_str::<crate::text::Text<'_>>(context.get())
        .or_else(|_| serde_json::from_str::<Context<'_>>(context.get()).map(|context| context.traceparent));
    TraceContext::parse(&text.ok()?)
}
