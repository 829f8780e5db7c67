//! What comes from the runtime.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::assemble::{Assembler, decode};
use super::event::{Event, Failure, JobEvent, JobInfo, Outcome};
use super::requests::Waiting;
use super::{Client, Phase, Request, RequestId, Session};
use crate::amount::Amount;
use crate::envelope::Envelope;
use crate::error::{Code, Refusal};
use crate::features::{Feature, Features};
use crate::message::{
    Accepted, Cancelled, Chunk, Close, EventPayload, FinalStatus, JobError, JobResult, Jobs, Listed, Ping,
    Pong, SessionError, Subscribed, Welcome, kind,
};
use crate::secret::Secret;
use crate::text::Text;

impl Client {
    pub(super) fn hear(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        if let (Some(session), Some(named)) = (&self.session, &envelope.session_id)
            && self.phase == Phase::Open
            && **named != *session.id
        {
            return Err(Refusal::invalid("the frame names another session"));
        }
        self.count(envelope);
        match envelope.kind.as_str() {
            kind::SESSION_WELCOME => self.welcomed(envelope),
            kind::SESSION_PING => {
                let ping: Ping<'_> = envelope.payload()?;
                let received_at = Some(Text::from(self.now().text().to_string()));
                self.say(kind::SESSION_PONG, None, &Pong { ping_nonce: ping.nonce, received_at });
                Ok(())
            }
            kind::SESSION_PONG => Ok(()),
            kind::SESSION_JOBS => self.listed(envelope),
            kind::SESSION_CLOSED => {
                self.phase = Phase::Closed;
                self.events.push_back(Event::Closed);
                Ok(())
            }
            kind::SESSION_ERROR => self.refused(envelope),
            kind::JOB_ACCEPTED => self.accepted(envelope),
            kind::JOB_CANCELLED => self.cancelled(envelope),
            kind::JOB_SUBSCRIBED => self.subscribed(envelope),
            kind::JOB_EVENT => self.job_event(envelope),
            kind::JOB_RESULT => self.job_result(envelope),
            kind::JOB_ERROR => self.job_error(envelope),
            other if other.starts_with("x-vendor.") => Ok(()),
            other => Err(Refusal::invalid(format!("there is no message {}", crate::error::quoted(other)))),
        }
    }

    /// Keeps count of the session's events (§8.3).
    fn count(&mut self, envelope: &Envelope<'_>) {
        let Some(sequence) = envelope.event_seq else { return };
        if sequence > self.last + 1 {
            self.events.push_back(Event::Gap { expected: self.last + 1, got: sequence });
        }
        self.last = self.last.max(sequence);
        if self.settings.ack_ms > 0 && self.ack_at_us.is_none() && self.features().contains(Feature::Ack) {
            self.ack_at_us = Some(self.now_us + u64::from(self.settings.ack_ms) * 1000);
        }
    }

    fn welcomed(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let welcome: Welcome<'_> = envelope.payload()?;
        if self.phase != Phase::Greeting {
            return Err(Refusal::invalid("a welcome that nobody asked for"));
        }
        let id = envelope.session_id.as_ref().or(welcome.session_id.as_ref());
        let id: Arc<str> =
            id.ok_or_else(|| Refusal::invalid("session.welcome: no session_id"))?.as_str().into();
        let named = welcome.capabilities.features.iter().map(Text::as_str);
        // There are peers that list all that they know, and not what both do.
        let features = Features::of_names(named).intersection(self.settings.features);
        let resumed = self.session.as_ref().is_some_and(|session| session.id == id);
        if !resumed {
            self.forget_session();
        }
        let heartbeat = welcome.heartbeat_interval_sec.filter(|seconds| *seconds > 0.0 && *seconds < 1e9);
        self.session = Some(Session {
            id: Arc::clone(&id),
            resume_token: welcome.resume_token.into_owned(),
            features,
            heartbeat_us: heartbeat
                .filter(|_| features.contains(Feature::Heartbeat))
                .map(|seconds| (seconds * 1e6) as u64),
        });
        self.phase = Phase::Open;
        let agents = serde_json::to_string(&welcome.capabilities.agents).unwrap_or_default();
        let resume_window_sec = welcome.resume_window_sec;
        self.events.push_back(Event::Welcome {
            session_id: id,
            resumed,
            features,
            agents,
            resume_window_sec,
            payload: Secret::new(envelope.payload.get()),
        });
        Ok(())
    }

    /// Takes the request that an answer names, if it waits for such an answer.
    fn take(&mut self, id: &Text<'_>, waiting: Waiting) -> Option<RequestId> {
        if self.waiting.get(id.as_str())?.waiting != waiting {
            return None;
        }
        self.waiting.remove(id.as_str()).map(|request| request.id)
    }

    /// Takes the oldest request that waits for such an answer, and is about this job where one is said: not every peer
    /// says which one it answers, and all answer in order.
    fn take_oldest(&mut self, waiting: Waiting, job: Option<&str>) -> Option<RequestId> {
        let fits = |request: &Request| {
            request.waiting == waiting && (job.is_none() || request.job.as_deref() == job)
        };
        let oldest =
            self.waiting.iter().filter(|(_, request)| fits(request)).min_by_key(|(_, request)| request.id);
        let name = oldest?.0.clone();
        self.waiting.remove(&name).map(|request| request.id)
    }

    /// Takes the request that is answered, about this job where it is about one.
    fn answered(
        &mut self,
        id: Option<&Text<'_>>,
        waiting: Waiting,
        job: Option<&str>,
    ) -> Result<RequestId, Refusal> {
        let found = match id {
            Some(id) => self.take(id, waiting),
            None => {
                self.anonymous = true;
                self.take_oldest(waiting, job)
            }
        };
        found.ok_or_else(|| Refusal::invalid("an answer that nobody waits for"))
    }

    fn job_of(&mut self, envelope: &Envelope<'_>, named: Option<&Text<'_>>) -> Result<Arc<str>, Refusal> {
        let name = envelope.job_id.as_ref().or(named).ok_or_else(|| Refusal::invalid("job_id: missing"))?;
        if let Some((known, _)) = self.jobs.get_key_value(name.as_str()) {
            return Ok(Arc::clone(known));
        }
        Ok(name.as_str().into())
    }

    fn accepted(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let accepted: Accepted<'_> = envelope.payload()?;
        let job_id = self.job_of(envelope, accepted.job_id.as_ref())?;
        let request = self.answered(accepted.request_id.as_ref(), Waiting::Submit, None)?;
        let known = self.jobs.entry(Arc::clone(&job_id)).or_default();
        known.traced = envelope.trace_id.is_some();
        // The same job again (§7.2): its end is told again.
        known.ended = false;
        let credentials = (!accepted.credentials.is_empty())
            .then(|| Secret::new(serde_json::to_string(&accepted.credentials).unwrap_or_default()));
        let job = JobInfo {
            job_id: job_id.to_string(),
            agent: accepted.agent.map(Text::into_owned).unwrap_or_default(),
            status: "pending".into(),
            lease: accepted.lease.map(ToOwned::to_owned),
            lease_constraints: accepted.lease_constraints.map(ToOwned::to_owned),
            budget: budget_of(accepted.budget),
            parent_job_id: None,
            created_at: accepted.accepted_at.map(Text::into_owned),
            trace_id: accepted.trace_id.or_else(|| envelope.trace_id.clone()).map(Text::into_owned),
            last_event_seq: None,
        };
        let payload = Secret::new(envelope.payload.get());
        self.events.push_back(Event::Accepted { request, job: Box::new(job), credentials, payload });
        Ok(())
    }

    fn cancelled(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let cancelled: Cancelled<'_> = envelope.payload()?;
        let job_id = self.job_of(envelope, cancelled.job_id.as_ref())?;
        let request = match self.answered(cancelled.request_id.as_ref(), Waiting::Cancel, Some(&job_id)) {
            // It was answered by the job's end.
            Err(_) if self.jobs.get(&job_id).is_some_and(|known| known.ended) => return Ok(()),
            answered => answered?,
        };
        let already_terminal = cancelled.already_terminal;
        self.events.push_back(Event::Cancelled { request, job_id, already_terminal });
        Ok(())
    }

    fn listed(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let listed: Jobs<'_> = envelope.payload()?;
        let request = self.answered(listed.request_id.as_ref(), Waiting::List, None)?;
        let jobs = listed.jobs.into_iter().map(info).collect();
        let next_cursor = listed.next_cursor.map(Text::into_owned);
        let payload = envelope.payload.to_owned();
        self.events.push_back(Event::Jobs { request, jobs, next_cursor, payload });
        Ok(())
    }

    fn subscribed(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let subscribed: Subscribed<'_> = envelope.payload()?;
        let job_id = self.job_of(envelope, subscribed.job_id.as_ref())?;
        let request = self.answered(subscribed.request_id.as_ref(), Waiting::Subscribe, Some(&job_id))?;
        // With some peers what has happened comes before this, so that something may be known of the job.
        self.jobs.entry(Arc::clone(&job_id)).or_default().traced = envelope.trace_id.is_some();
        let job = JobInfo {
            job_id: job_id.to_string(),
            agent: subscribed.agent.into_owned(),
            status: subscribed.current_status.into_owned(),
            lease: subscribed.lease.map(ToOwned::to_owned),
            lease_constraints: subscribed.lease_constraints.map(ToOwned::to_owned),
            budget: budget_of(subscribed.budget),
            parent_job_id: subscribed.parent_job_id.map(Text::into_owned),
            created_at: None,
            trace_id: subscribed.trace_id.map(Text::into_owned),
            last_event_seq: subscribed.subscribed_from,
        };
        let (replayed, subscribed_from) = (subscribed.replayed, subscribed.subscribed_from);
        let (job, payload) = (Box::new(job), envelope.payload.to_owned());
        self.events.push_back(Event::Subscribed { request, job, replayed, subscribed_from, payload });
        self.events.extend(self.held.remove(&job_id).into_iter().flatten());
        Ok(())
    }

    fn refused(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let error: SessionError<'_> = envelope.payload()?;
        let code = Code::parse(&error.code);
        let why = Failure {
            message: error.message.into_owned(),
            retryable: error.retryable,
            details: error.details.map(ToOwned::to_owned),
            code,
        };
        // Peers that do not say which request they refuse mean the one that they are at.
        let found = match &error.request_id {
            Some(id) => self.waiting.remove(id.as_str()).map(|request| request.id),
            None if self.phase == Phase::Open && why.code != Code::HeartbeatLost => self.take_oldest_of_all(),
            None => None,
        };
        match found {
            Some(request) => {
                self.forget_held();
                self.events.push_back(Event::Refused { request, why });
            }
            None if self.phase == Phase::Closed => {
                // One that knows no close: there is another word for it.
                self.say(kind::SESSION_BYE, None, &Close { reason: Some(Text::from("close")) });
                self.events.push_back(Event::Closed);
            }
            None => {
                if self.phase == Phase::Greeting {
                    // What was refused is not gone on with.
                    self.phase = Phase::Away;
                }
                self.events.push_back(Event::Failed(why));
            }
        }
        Ok(())
    }

    /// What was held back for a subscription that is refused goes nowhere.
    fn forget_held(&mut self) {
        let waiting = &self.waiting;
        self.held.retain(|job, _| {
            let of_it = |request: &Request| {
                request.waiting == Waiting::Subscribe && request.job.as_ref() == Some(job)
            };
            waiting.values().any(of_it)
        });
    }

    /// A submit first: what else may wait is refused by few.
    fn take_oldest_of_all(&mut self) -> Option<RequestId> {
        [Waiting::Submit, Waiting::Subscribe, Waiting::Cancel, Waiting::List]
            .into_iter()
            .find_map(|waiting| self.take_oldest(waiting, None))
    }

    /// Says what happened in a job, once its subscription is answered.
    fn tell(&mut self, job_id: &str, event: Event) {
        if !self.held.is_empty()
            && let Some(held) = self.held.get_mut(job_id)
        {
            held.push(event);
            if held.len() > MAX_HELD {
                self.events.extend(self.held.remove(job_id).into_iter().flatten());
            }
            return;
        }
        self.events.push_back(event);
    }

    fn job_event(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let payload: EventPayload<'_> = envelope.payload()?;
        let job_id = self.job_of(envelope, None)?;
        if self.orphans > 0 && !self.jobs.contains_key(&job_id) {
            // It was submitted, and the answer was lost.
            self.orphans -= 1;
            self.jobs.insert(Arc::clone(&job_id), super::Known::default());
        }
        let body = payload.body.unwrap_or(RawValue::NULL);
        if payload.kind == "result_chunk" {
            return self.chunk(job_id, envelope.event_seq, body);
        }
        let event = Event::Job(JobEvent {
            job_id: Arc::clone(&job_id),
            event_seq: envelope.event_seq,
            kind: payload.kind.into_owned(),
            ts: payload.ts.map(Text::into_owned),
            body: body.to_owned(),
        });
        self.tell(&job_id, event);
        Ok(())
    }

    fn chunk(&mut self, job_id: Arc<str>, event_seq: Option<u64>, body: &RawValue) -> Result<(), Refusal> {
        let chunk: Chunk<'_> =
            serde_json::from_str(body.get()).map_err(|error| Refusal::of_json("result_chunk", &error))?;
        let bytes = decode(&chunk)?;
        if self.settings.assembles {
            let known = self.jobs.entry(Arc::clone(&job_id)).or_default();
            let assembler = known.assembler.get_or_insert_with(|| Assembler::new(&chunk));
            if chunk.chunk_seq == 0 {
                // It begins, or a subscription tells it from its beginning again.
                *assembler = Assembler::new(&chunk);
            }
            if let Err(why) = assembler.add(&chunk, &bytes, self.settings.max_result) {
                self.events.push_back(Event::Nonsense(why));
            }
        }
        let event = Event::Chunk {
            job_id: Arc::clone(&job_id),
            event_seq,
            result_id: chunk.result_id.into_owned(),
            chunk_seq: chunk.chunk_seq,
            encoding: chunk.encoding,
            bytes,
            more: chunk.more,
        };
        self.tell(&job_id, event);
        Ok(())
    }

    /// How a job ended, once: a peer may say it again.
    fn end(
        &mut self,
        job_id: Arc<str>,
        envelope: &Envelope<'_>,
        outcome: impl FnOnce(&mut Self, Option<Assembler>) -> Outcome,
        summary: Option<String>,
    ) {
        let known = self.jobs.entry(Arc::clone(&job_id)).or_default();
        if std::mem::replace(&mut known.ended, true) {
            return;
        }
        let assembler = known.assembler.take();
        self.ended.push_back(Arc::clone(&job_id));
        if self.ended.len() > MAX_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.jobs.remove(&oldest);
        }
        let outcome = outcome(self, assembler);
        if matches!(outcome, Outcome::Failed(FinalStatus::Cancelled, _)) {
            // Some peers answer a cancel by nothing else.
            while let Some(request) = self.take_oldest(Waiting::Cancel, Some(&job_id)) {
                let (job_id, already_terminal) = (Arc::clone(&job_id), false);
                self.events.push_back(Event::Cancelled { request, job_id, already_terminal });
            }
        }
        let (event_seq, payload) = (envelope.event_seq, envelope.payload.to_owned());
        self.tell(&Arc::clone(&job_id), Event::Ended { job_id, event_seq, outcome, summary, payload });
    }

    fn job_result(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let result: JobResult<'_> = envelope.payload()?;
        let job_id = self.job_of(envelope, None)?;
        let summary = result.summary.map(Text::into_owned);
        let status = result.final_status.unwrap_or(FinalStatus::Success);
        if status != FinalStatus::Success {
            // Some peers tell so what others tell as an error.
            let code = match status {
                FinalStatus::Cancelled => Code::Cancelled,
                FinalStatus::TimedOut => Code::Timeout,
                _ => Code::InternalError,
            };
            let message = summary.clone().unwrap_or_else(|| format!("the job ended as {}", status.as_str()));
            let why: Failure = Refusal::new(code, message).into();
            self.end(job_id, envelope, |_, _| Outcome::Failed(status, why), summary);
            return Ok(());
        }
        let inline = result.result.or(result.output).or(result.value).map(ToOwned::to_owned);
        let (result_id, size) = (result.result_id.map(Text::into_owned), result.result_size);
        self.end(
            job_id,
            envelope,
            |client, assembler| match (result_id, assembler) {
                (Some(result_id), Some(assembler)) => match assembler.whole(&result_id, size) {
                    Ok(bytes) => Outcome::Streamed { result_id, bytes },
                    Err(why) => Outcome::Failed(FinalStatus::Error, why.into()),
                },
                // Its parts were told before this client followed it.
                (Some(result_id), None) => {
                    let is_empty = client.settings.assembles && size == Some(0);
                    Outcome::Streamed { result_id, bytes: is_empty.then(Vec::new) }
                }
                (None, _) => Outcome::Result(inline),
            },
            summary,
        );
        Ok(())
    }

    fn job_error(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let error: JobError<'_> = envelope.payload()?;
        let job_id = self.job_of(envelope, None)?;
        let status = error.final_status.unwrap_or(FinalStatus::Error);
        let why = Failure {
            code: Code::parse(&error.code),
            message: error.message.into_owned(),
            retryable: error.retryable,
            details: error.details.map(ToOwned::to_owned),
        };
        if let Some(request) = self.refused_as_end(&job_id, &why.code, envelope.trace_id.is_some()) {
            self.events.push_back(Event::Refused { request, why });
            return Ok(());
        }
        self.end(job_id, envelope, |_, _| Outcome::Failed(status, why), None);
        Ok(())
    }

    /// The request that a peer refuses by the end of a job, where that is what it means.
    fn refused_as_end(&mut self, job_id: &str, code: &Code, is_traced: bool) -> Option<RequestId> {
        // No job ends so: it is the submit, and the job is the one that has the key.
        if *code == Code::DuplicateKey {
            return self.take_oldest(Waiting::Submit, None);
        }
        match self.jobs.get(job_id) {
            // The end of a job that nobody knows, or whose acceptance was lost.
            None => self.take_oldest(Waiting::Cancel, Some(job_id)).or_else(|| {
                if self.orphans > 0 && !self.anonymous {
                    self.orphans -= 1;
                    return None;
                }
                self.take_oldest(Waiting::Submit, None)
            }),
            // It goes on, and only who asked may not cancel it: what is about the job itself would name its trace.
            Some(known) if *code == Code::PermissionDenied && known.traced && !is_traced => {
                self.take_oldest(Waiting::Cancel, Some(job_id))
            }
            Some(_) => None,
        }
    }
}

/// Ended jobs that are known as such: a peer may tell an end twice.
const MAX_ENDED: usize = 10_000;

/// Events of a job that are held back until its subscription is answered; with more they are told before it.
const MAX_HELD: usize = 10_000;

fn info(listed: Listed<'_>) -> JobInfo {
    JobInfo {
        job_id: listed.job_id.into_owned(),
        agent: listed.agent.into_owned(),
        status: listed.status.into_owned(),
        lease: listed.lease.map(ToOwned::to_owned),
        lease_constraints: None,
        budget: Vec::new(),
        parent_job_id: listed.parent_job_id.map(Text::into_owned),
        created_at: listed.created_at.or(listed.submitted_at).map(Text::into_owned),
        trace_id: listed.trace_id.map(Text::into_owned),
        last_event_seq: listed.last_event_seq,
    }
}

/// Budgets come as numbers, or as amounts such as `USD:1.00`.
fn budget_of(budget: Option<&RawValue>) -> Vec<(String, String)> {
    let read = budget.and_then(|budget| {
        serde_json::from_str::<std::collections::BTreeMap<String, &RawValue>>(budget.get()).ok()
    });
    let amount = |raw: &RawValue| match serde_json::from_str::<Text<'_>>(raw.get()) {
        Ok(text) => {
            let (_, amount) = text.rsplit_once(':').unwrap_or(("", text.as_str()));
            Amount::parse(amount).ok().map(|amount| amount.to_string())
        }
        Err(_) => Amount::parse_number(raw.get()).ok().map(|amount| amount.to_string()),
    };
    read.into_iter().flatten().filter_map(|(currency, raw)| Some((currency, amount(raw)?))).collect()
}
