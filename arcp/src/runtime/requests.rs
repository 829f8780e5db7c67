//! What clients ask about jobs that are there: acks, lists, cancels, subscriptions (ARCP §§6.5, 6.6, 7.4, 7.6).

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::job::{Job, Outcome};
use super::leave::{Ask, Leave, includes};
use super::output::Operation;
use super::record::Record;
use super::submit::{Budget, budget_of, constraints};
use super::{Audit, ConnectionId, Event, JobKey, Runtime, SessionKey, timestamp};
use crate::constraints::Constraints;
use crate::envelope::Envelope;
use crate::error::{Code, Refusal};
use crate::features::Feature;
use crate::lease::Lease;
use crate::message::{Ack, Cancel, Cancelled, FinalStatus, ListJobs, Subscribe, Unsubscribe, kind};
use crate::text::Text;
use crate::time::Timestamp;
use crate::trace::TraceId;

/// `session.jobs`, as it is written.
#[derive(Serialize)]
struct Jobs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    jobs: Vec<Listed<'a>>,
    /// Always there; null where this was the last list.
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    job_id: &'a str,
    agent: &'a str,
    status: &'a str,
    lease: &'a Lease,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_constraints: Option<Constraints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_job_id: Option<&'a str>,
    created_at: Timestamp,
    submitted_at: Timestamp,
    trace_id: TraceId,
    last_event_seq: u64,
}

/// `job.subscribed`, as it is written.
#[derive(Serialize)]
struct Subscribed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    job_id: &'a str,
    current_status: &'a str,
    agent: &'a str,
    lease: &'a Lease,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_constraints: Option<Constraints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_job_id: Option<&'a str>,
    trace_id: &'a str,
    subscribed_from: u64,
    replayed: bool,
}

impl Runtime {
    /// What a client uses without having said that it knows it.
    pub(super) fn need(&self, key: SessionKey, feature: Feature) -> Result<(), Refusal> {
        match self.sessions.get(&key) {
            Some(session) if session.features.contains(feature) => Ok(()),
            _ => Err(Refusal::invalid(format!("the feature {feature} was not negotiated (§6.2)"))),
        }
    }

    pub(super) fn ack(&mut self, key: SessionKey, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        self.need(key, Feature::Ack)?;
        let Ack { last_processed_seq: said } = envelope.payload()?;
        let Some(session) = self.sessions.get_mut(&key) else { return Ok(()) };
        let told = session.outbox.last();
        if said > told {
            let audit = Audit::AckAhead { session_id: Arc::clone(&session.id), said, told };
            self.events.push_back(Event::Audit(audit));
        }
        let done = session.outbox.ack(said);
        self.journal.add(|| Record::Acked(key, done));
        Ok(())
    }

    pub(super) fn list_jobs(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        envelope: &Envelope<'_>,
        leave: Leave<'_>,
    ) -> Result<Option<Ask>, Refusal> {
        self.need(key, Feature::ListJobs)?;
        let asked: ListJobs<'_> = envelope.payload()?;
        let most = self.settings.max_list;
        let limit = match asked.limit {
            None => most.min(100),
            Some(0) => return Err(Refusal::invalid("limit: a list of no jobs")),
            Some(limit) => usize::try_from(limit).unwrap_or(most).min(most),
        };
        for status in &asked.filter.status {
            let known = ["pending", "running", "success", "error", "cancelled", "timed_out"];
            if !known.contains(&status.as_str()) {
                return Err(Refusal::invalid(format!(
                    "filter.status: there is no state {}",
                    crate::error::quoted(status)
                )));
            }
        }
        let time = |text: Option<&Text<'_>>, field: &str| {
            let parsed = text.map(|text| Timestamp::parse(text).map(|time| time.micros()));
            parsed.transpose().map_err(|error| Refusal::invalid(format!("filter.{field}: {error}")))
        };
        let after = time(asked.filter.created_after.as_ref(), "created_after")?;
        let before = time(asked.filter.created_before.as_ref(), "created_before")?;
        let from = asked.cursor.as_deref().map(read_cursor).transpose()?;
        let Some(session) = self.sessions.get(&key) else { return Ok(None) };
        let principal = &session.principal;
        let reached = |job: &Job| principal.observes.reaches(&principal.name, &job.principal);
        let wanted = |job: &Job| {
            let created = i64::try_from(job.created_us).unwrap_or(i64::MAX);
            let filter = &asked.filter;
            let name = job.agent.split('@').next().unwrap_or_default();
            (filter.status.is_empty() || filter.status.iter().any(|status| *status == job.state.as_str()))
                && filter.agent.as_deref().is_none_or(|agent| agent == &*job.agent || agent == name)
                && after.is_none_or(|after| created > after)
                && before.is_none_or(|before| created < before)
        };
        let begin = from.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let candidates = self
            .order
            .range((begin, std::ops::Bound::Unbounded))
            .filter_map(|at| self.jobs.get(&at.1).filter(|job| wanted(job)).map(|job| (*at, job)));
        if leave.is_none() {
            let (mut others, mut sure) = (Vec::new(), 0);
            for ((_, job_key), job) in candidates.clone() {
                if !reached(job) {
                    others.push(job_key);
                } else if sure == limit {
                    // Whatever comes behind is not in this list.
                    break;
                } else {
                    sure += 1;
                }
            }
            if !others.is_empty() {
                return Ok(Some(Ask { operation: Operation::List, jobs: others }));
            }
        }
        let mut found = candidates.filter(|((_, key), job)| reached(job) || includes(leave, *key));
        let mut jobs = Vec::new();
        let mut last = None;
        for (at, job) in found.by_ref().take(limit) {
            last = Some(at);
            jobs.push(Listed {
                job_id: &job.id,
                agent: &job.agent,
                status: job.state.as_str(),
                lease: &job.lease,
                lease_constraints: constraints(job.expires_us),
                parent_job_id: job
                    .parent
                    .as_ref()
                    .and_then(|(parent, _)| self.jobs.get(parent))
                    .map(|parent| &*parent.id),
                created_at: timestamp(job.created_us),
                submitted_at: timestamp(job.created_us),
                trace_id: job.trace.id(),
                last_event_seq: job.log.last(),
            });
        }
        let next_cursor = found.next().and(last).map(write_cursor);
        let answer =
            serde_json::value::to_raw_value(&Jobs { request_id: envelope.id.as_deref(), jobs, next_cursor });
        if let Ok(answer) = answer {
            self.answer(id, kind::SESSION_JOBS, &answer);
        }
        Ok(None)
    }

    /// The job that a request is about: on the envelope, or in its payload.
    fn job_named<'e>(
        &self,
        envelope: &'e Envelope<'_>,
        named: Option<&'e Text<'_>>,
    ) -> Result<(&'e str, Option<JobKey>), Refusal> {
        let name = match (named, &envelope.job_id) {
            (Some(one), Some(other)) if one != other => {
                return Err(Refusal::invalid("the envelope names another job than the payload"));
            }
            (Some(name), _) | (None, Some(name)) => name.as_str(),
            (None, None) => return Err(Refusal::invalid("job_id: missing")),
        };
        let is_there = |key: &JobKey| {
            let job = self.jobs.get(key);
            job.is_some_and(|job| !job.is_refusal && !matches!(job.state, super::job::State::Provisioning(_)))
        };
        Ok((name, self.job_ids.get(name).copied().filter(is_there)))
    }

    pub(super) fn cancel(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        envelope: &Envelope<'_>,
        leave: Leave<'_>,
    ) -> Result<Option<Ask>, Refusal> {
        let asked: Cancel<'_> = envelope.payload()?;
        let (_, found) = self.job_named(envelope, asked.job_id.as_ref())?;
        let unknown = || Refusal::new(Code::JobNotFound, "there is no such job");
        let job_key = found.ok_or_else(unknown)?;
        let (Some(job), Some(session)) = (self.jobs.get(&job_key), self.sessions.get(&key)) else {
            return Err(unknown());
        };
        let principal = &session.principal;
        let widened = match &principal.cancels {
            super::Scope::Own => false,
            other => other.reaches("", &job.principal),
        };
        if job.session != key && !widened && !includes(leave, job_key) {
            if leave.is_none() {
                return Ok(Some(Ask { operation: Operation::Cancel, jobs: vec![job_key] }));
            }
            // Who may see the job may know why.
            return Err(if principal.observes.reaches(&principal.name, &job.principal) {
                Refusal::denied("a job is cancelled by the session that submitted it (§7.4)")
            } else {
                unknown()
            });
        }
        let already_terminal = job.state.has_ended();
        let (job_id, trace) = (Arc::clone(&job.id), job.trace.id().text());
        let reason = asked.reason.as_deref().unwrap_or_default();
        let cancelled = Cancelled {
            job_id: Some(Text::from(&*job_id)),
            request_id: envelope.id.clone(),
            reason: asked.reason.clone(),
            already_terminal,
        };
        self.answer_about(id, kind::JOB_CANCELLED, Some(&job_id), Some(&trace), &cancelled, true);
        if !already_terminal {
            let reason = if reason.is_empty() {
                "cancelled by the client".to_owned()
            } else {
                crate::error::cut(reason)
            };
            let why = Refusal::new(Code::Cancelled, reason);
            self.end_job(job_key, &Outcome::Failed(FinalStatus::Cancelled, &why));
        }
        Ok(None)
    }

    pub(super) fn subscribe(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        envelope: &Envelope<'_>,
        leave: Leave<'_>,
    ) -> Result<Option<Ask>, Refusal> {
        self.need(key, Feature::Subscribe)?;
        let asked: Subscribe<'_> = envelope.payload()?;
        let (name, found) = self.job_named(envelope, asked.job_id.as_ref())?;
        let Some(session) = self.sessions.get(&key) else { return Ok(None) };
        let (principal, dialect) = (&session.principal, session.dialect);
        let job = found.and_then(|key| self.jobs.get(&key));
        let reached = job.is_some_and(|job| principal.observes.reaches(&principal.name, &job.principal));
        if let (Some(job_key), None, false) = (found, leave, reached) {
            return Ok(Some(Ask { operation: Operation::Subscribe, jobs: vec![job_key] }));
        }
        let allowed = reached || found.is_some_and(|job| includes(leave, job));
        let audit = Audit::Subscribe {
            subscriber: Arc::clone(&principal.name),
            job_id: crate::error::cut(name),
            owner: job.map(|job| Arc::clone(&job.principal)),
            allowed,
        };
        self.events.push_back(Event::Audit(audit));
        let (Some(job_key), Some(job)) = (found, job) else {
            return Err(Refusal::new(Code::JobNotFound, "there is no such job"));
        };
        if !allowed {
            return Err(if self.settings.conceal_existence {
                Refusal::new(Code::JobNotFound, "there is no such job")
            } else {
                Refusal::denied("the job is another principal's (§7.6)")
            });
        }
        let last = job.log.last();
        // Without a store the oldest may be gone.
        let oldest = if self.journal.is_on() { 0 } else { job.log.dropped() };
        let from = asked.history.then(|| asked.from_event_seq.unwrap_or(0).clamp(oldest, last));
        let trace = job.trace.id().text();
        let subscribed = Subscribed {
            request_id: envelope.id.as_deref(),
            job_id: &job.id,
            current_status: job.state.as_str(),
            agent: &job.agent,
            lease: &job.lease,
            lease_constraints: constraints(job.expires_us),
            budget: budget_of(&self.accounts, job.account, dialect),
            parent_job_id: job
                .parent
                .as_ref()
                .and_then(|(parent, _)| self.jobs.get(parent))
                .map(|parent| &*parent.id),
            trace_id: &trace,
            subscribed_from: last,
            replayed: from.is_some_and(|from| from < last),
        };
        let (job_id, has_ended) = (Arc::clone(&job.id), job.state.has_ended());
        let subscribed =
            serde_json::value::to_raw_value(&subscribed).unwrap_or_else(|_| RawValue::NULL.to_owned());
        self.answer_about(id, kind::JOB_SUBSCRIBED, Some(&job_id), Some(&trace), &subscribed, false);
        if let Some(from) = from {
            self.tell(key, job_key, from + 1, last - from);
        }
        if !has_ended || from.is_some() {
            self.follow(key, job_key);
        }
        Ok(None)
    }

    pub(super) fn unsubscribe(&mut self, key: SessionKey, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        self.need(key, Feature::Subscribe)?;
        let asked: Unsubscribe<'_> = envelope.payload()?;
        let (_, found) = self.job_named(envelope, asked.job_id.as_ref())?;
        let job = found.ok_or_else(|| Refusal::new(Code::JobNotFound, "there is no such job"))?;
        // Who submitted a job is told how it goes.
        if self.jobs.get(&job).is_some_and(|job| job.session != key) {
            self.unfollow(key, job);
        }
        Ok(())
    }
}

/// Where a list ended: stable while jobs come and go.
fn write_cursor((created_us, job): (u64, JobKey)) -> String {
    format!("{created_us:x}.{:x}", job.raw())
}

fn read_cursor(text: &str) -> Result<(u64, JobKey), Refusal> {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    text.split_once('.')
        .and_then(|(created, job)| Some((number(created)?, JobKey(number(job)?))))
        .ok_or_else(|| Refusal::invalid("cursor: not one of this runtime's"))
}
