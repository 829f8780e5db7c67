//! What a client asks (ARCP §§6.6, 7).

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{Client, Phase, Request, RequestId};
use crate::error::Refusal;
use crate::features::Feature;
use crate::message::{Cancel, ListJobs, Submit, Subscribe, Unsubscribe, kind};
use crate::text::Text;
use crate::trace::TraceContext;

/// What kind of answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    Submit,
    Cancel,
    List,
    Subscribe,
}

/// A job to be submitted.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Submission<'a> {
    /// `name` or `name@version`.
    pub agent: &'a str,
    /// What it works on, as JSON.
    pub input: Option<&'a str>,
    /// What it shall be allowed, as JSON: namespaces and patterns (§9.2).
    pub lease_request: Option<&'a str>,
    /// When its lease shall end: `2026-05-13T23:42:00Z`.
    pub expires_at: Option<&'a str>,
    /// The same key with the same parameters is the same job (§7.2).
    pub idempotency_key: Option<&'a str>,
    /// How long it may run, in seconds.
    pub max_runtime_sec: Option<f64>,
    /// The trace that it belongs to: 32 hex digits, or a traceparent.
    pub trace: Option<&'a str>,
}

impl<'a> Submission<'a> {
    /// A job for an agent.
    #[must_use]
    pub fn new(agent: &'a str) -> Self {
        Self { agent, ..Self::default() }
    }

    /// With this input, as JSON.
    #[must_use]
    pub fn with_input(self, input: &'a str) -> Self {
        Self { input: Some(input), ..self }
    }

    /// With this lease, as JSON.
    #[must_use]
    pub fn with_lease(self, lease_request: &'a str) -> Self {
        Self { lease_request: Some(lease_request), ..self }
    }

    /// With this end of its lease.
    #[must_use]
    pub fn with_expiry(self, expires_at: &'a str) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// With this idempotency key.
    #[must_use]
    pub fn with_key(self, idempotency_key: &'a str) -> Self {
        Self { idempotency_key: Some(idempotency_key), ..self }
    }

    /// With this longest runtime, in seconds.
    #[must_use]
    pub fn with_max_runtime(self, max_runtime_sec: f64) -> Self {
        Self { max_runtime_sec: Some(max_runtime_sec), ..self }
    }

    /// In this trace.
    #[must_use]
    pub fn in_trace(self, trace: &'a str) -> Self {
        Self { trace: Some(trace), ..self }
    }
}

impl Client {
    /// Submits a job (§7.1). [`Event::Accepted`](super::Event::Accepted) follows, or
    /// [`Event::Refused`](super::Event::Refused).
    ///
    /// # Errors
    /// `INVALID_REQUEST` while the session is not open, for what is no JSON, and for a feature that was not
    /// negotiated: nothing is sent then.
    pub fn submit(&mut self, wanted: &Submission<'_>, now_us: u64) -> Result<RequestId, Refusal> {
        self.begin(now_us)?;
        if wanted.agent.contains('@') {
            self.need(Feature::AgentVersions)?;
        }
        let constraints = match wanted.expires_at {
            Some(expires_at) => {
                self.need(Feature::LeaseExpiresAt)?;
                let expires_at = serde_json::to_string(expires_at).unwrap_or_default();
                Some(format!(r#"{{"expires_at":{expires_at}}}"#))
            }
            None => None,
        };
        let trace = match wanted.trace {
            Some(trace) => {
                let refused = || Refusal::invalid("trace: neither 32 hex digits nor a traceparent");
                Some(TraceContext::parse(trace).ok_or_else(refused)?.id().text())
            }
            None => None,
        };
        let payload = Submit {
            agent: Text::from(wanted.agent),
            input: raw(wanted.input, "input")?,
            lease_request: raw(wanted.lease_request, "lease_request")?,
            lease_constraints: raw(constraints.as_deref(), "lease_constraints")?,
            idempotency_key: wanted.idempotency_key.map(Text::from),
            max_runtime_sec: wanted.max_runtime_sec,
        };
        let id = self.say_in(kind::JOB_SUBMIT, None, trace.as_deref(), &payload);
        Ok(self.wait(id, Waiting::Submit, None))
    }

    /// Cancels a job (§7.4). [`Event::Cancelled`](super::Event::Cancelled) follows, and then the job's end.
    ///
    /// # Errors
    /// `INVALID_REQUEST` while the session is not open.
    pub fn cancel(&mut self, job_id: &str, reason: &str, now_us: u64) -> Result<RequestId, Refusal> {
        self.begin(now_us)?;
        // There are peers that take none without.
        let reason = Text::from(if reason.is_empty() { "cancelled by the client" } else { reason });
        let payload = Cancel { job_id: None, reason: Some(reason) };
        let id = self.say(kind::JOB_CANCEL, Some(job_id), &payload);
        Ok(self.wait(id, Waiting::Cancel, Some(job_id)))
    }

    /// Asks which jobs there are (§6.6). [`Event::Jobs`](super::Event::Jobs) follows.
    ///
    /// # Errors
    /// `INVALID_REQUEST` while the session is not open, and where the runtime has no lists.
    pub fn list_jobs(&mut self, wanted: &ListJobs<'_>, now_us: u64) -> Result<RequestId, Refusal> {
        self.begin(now_us)?;
        self.need(Feature::ListJobs)?;
        let id = self.say(kind::SESSION_LIST_JOBS, None, wanted);
        Ok(self.wait(id, Waiting::List, None))
    }

    /// Follows a job (§7.6), with what has happened behind its event `history_from` first, where that is said.
    /// [`Event::Subscribed`](super::Event::Subscribed) follows.
    ///
    /// # Errors
    /// `INVALID_REQUEST` while the session is not open, and where the runtime has no subscriptions.
    pub fn subscribe(
        &mut self,
        job_id: &str,
        history_from: Option<u64>,
        now_us: u64,
    ) -> Result<RequestId, Refusal> {
        self.begin(now_us)?;
        self.need(Feature::Subscribe)?;
        // In both places: peers differ in where they look.
        let payload = Subscribe {
            job_id: Some(Text::from(job_id)),
            // All of it: there are peers to whom 0 says nothing.
            from_event_seq: history_from.filter(|from| *from > 0),
            history: history_from.is_some(),
        };
        let id = self.say(kind::JOB_SUBSCRIBE, Some(job_id), &payload);
        match self.jobs.get_mut(job_id) {
            // Its end is told again, to who subscribes to what has ended.
            Some(known) => known.ended = false,
            None => drop(self.held.entry(Arc::from(job_id)).or_default()),
        }
        Ok(self.wait(id, Waiting::Subscribe, Some(job_id)))
    }

    /// Follows a job no more. Nothing answers that.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&mut self, job_id: &str, now_us: u64) -> Result<(), Refusal> {
        self.begin(now_us)?;
        self.need(Feature::Subscribe)?;
        self.say(kind::JOB_UNSUBSCRIBE, Some(job_id), &Unsubscribe { job_id: Some(Text::from(job_id)) });
        Ok(())
    }

    fn begin(&mut self, now_us: u64) -> Result<(), Refusal> {
        self.tick(now_us);
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Closed => Err(Refusal::invalid("the session is closed")),
            _ => Err(Refusal::invalid("the session has not been welcomed yet")),
        }
    }

    fn need(&self, feature: Feature) -> Result<(), Refusal> {
        if self.features().contains(feature) {
            Ok(())
        } else {
            Err(Refusal::invalid(format!("the feature {feature} was not negotiated (§6.2)")))
        }
    }

    fn wait(&mut self, name: Box<str>, waiting: Waiting, job: Option<&str>) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.waiting.insert(name, Request { id, waiting, job: job.map(Arc::from) });
        id
    }
}

fn raw<'a>(text: Option<&'a str>, field: &str) -> Result<Option<&'a RawValue>, Refusal> {
    text.map(|text| serde_json::from_str(text).map_err(|error| Refusal::of_json(field, &error))).transpose()
}
