//! What agents do: events, costs, operations under the lease, results (ARCP §§8, 9.3, 9.5, 9.6).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::job::{Outcome, State, json};
use super::log::Class;
use super::record::Record;
use super::streaming::Part;
use super::{JobKey, Runtime};
use crate::amount::Amount;
use crate::currency::Currency;
use crate::error::{Code, Refusal};
use crate::event::EventKind;
use crate::features::Feature;
use crate::message::FinalStatus;
use crate::text::Text;
use crate::time::Timestamp;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an agent that does not wait fills the memory of who reads it"]
pub enum Emitted {
    /// It was taken, and the next one may follow.
    Done,
    /// It was taken. Before the next one, wait for [`Event::Ready`](super::Event::Ready): a reader is slow, or the
    /// store is.
    Wait,
}

/// The payload of `job.event`, as it is written.
#[derive(Serialize)]
struct Payload<'a> {
    kind: &'a str,
    ts: Timestamp,
    body: &'a RawValue,
}

/// What of a metric counts.
#[derive(Deserialize)]
struct Metric<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow, default)]
    unit: Option<Text<'a>>,
}

/// What of a progress counts.
#[derive(Deserialize)]
struct Progress {
    current: f64,
}

/// The name under which the runtime tells what is left of a budget.
const REMAINING: &str = "cost.budget.remaining";

impl Runtime {
    /// A job that runs.
    pub(super) fn running(&self, key: JobKey) -> Result<&super::job::Job, Refusal> {
        match self.jobs.get(&key) {
            Some(job) if matches!(job.state, State::Running) => Ok(job),
            Some(job) => match job.state {
                State::Ended(FinalStatus::TimedOut) => Err(Refusal::new(Code::Timeout, "the job has ended")),
                State::Ended(_) => Err(Refusal::new(Code::Cancelled, "the job has ended")),
                _ => Err(Refusal::invalid("the job has not been started")),
            },
            None => Err(Refusal::new(Code::JobNotFound, "there is no such job")),
        }
    }

    /// An event of a job, of any kind but `result_chunk` and `delegate`, which have commands of their own. `body` is
    /// JSON.
    ///
    /// A metric whose name begins with `cost.` and whose unit is budgeted is a cost: what is left is told after it.
    /// Progress that no client has asked for goes nowhere.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a body that its kind does not have, a cost below 0, or the name
    /// `cost.budget.remaining`, which is the runtime's: nothing is emitted then. `CANCELLED` and `TIMEOUT` once the job
    /// has ended.
    pub fn emit(&mut self, key: JobKey, kind: &str, body: &str, now_us: u64) -> Result<Emitted, Refusal> {
        self.tick(now_us);
        self.running(key)?;
        let kind = EventKind::of(Text::from(kind));
        if body.len() > self.settings.max_body {
            return Err(Refusal::invalid(format!(
                "the body has {} bytes, and may have {}",
                body.len(),
                self.settings.max_body
            )));
        }
        crate::json::check(body.as_bytes(), self.settings.max_body, self.settings.frame.max_depth)?;
        let raw: &RawValue =
            serde_json::from_str(body).map_err(|error| Refusal::of_json(kind.as_str(), &error))?;
        let mut cost = None;
        match &kind {
            EventKind::ResultChunk | EventKind::Delegate => {
                return Err(Refusal::invalid(format!("{} has a command of its own", kind.as_str())));
            }
            EventKind::Metric => cost = self.cost(key, raw)?,
            EventKind::Progress => {
                let progress: Progress =
                    serde_json::from_str(raw.get()).map_err(|error| Refusal::of_json("progress", &error))?;
                if progress.current < 0.0 {
                    return Err(Refusal::invalid("progress.current: below 0"));
                }
            }
            EventKind::Other(name) if name.is_empty() || name.len() > MAX_KIND => {
                return Err(Refusal::invalid("a kind of event has 1 to 128 bytes"));
            }
            _ => {}
        }
        let needs = matches!(kind, EventKind::Progress).then_some(Feature::Progress);
        self.say(key, kind.as_str(), raw, None, needs);
        if let Some((currency, left)) = cost {
            self.tell_remaining(key, currency, left);
        }
        Ok(self.emitted(key))
    }

    /// Whether the next event may follow.
    pub(super) fn emitted(&mut self, key: JobKey) -> Emitted {
        if self.must_wait(key) { Emitted::Wait } else { Emitted::Done }
    }

    /// An event of the job, with the time.
    pub(super) fn say(
        &mut self,
        key: JobKey,
        kind: &str,
        body: &RawValue,
        secret: Option<&RawValue>,
        needs: Option<Feature>,
    ) {
        let ts = self.now();
        let payload = |body| json(&Payload { kind, ts, body });
        self.happen(key, Class::Event, payload(body), secret.map(payload), needs);
    }

    /// Spends what a metric says.
    fn cost(&mut self, key: JobKey, body: &RawValue) -> Result<Option<(Currency, Amount)>, Refusal> {
        let metric: Metric<'_> =
            serde_json::from_str(body.get()).map_err(|error| Refusal::of_json("metric", &error))?;
        if metric.name == REMAINING {
            return Err(Refusal::invalid(format!("metric.name: {REMAINING} is the runtime's to tell")));
        }
        if !metric.value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(Refusal::invalid("metric.value: not a number"));
        }
        let Some(account) = self.jobs.get(&key).and_then(|job| job.account) else { return Ok(None) };
        let unit = metric.unit.as_deref().filter(|_| metric.name.starts_with("cost."));
        let Some(currency) = unit.and_then(|unit| Currency::parse(unit).ok()) else { return Ok(None) };
        if self.accounts.remaining(account, currency).is_none() {
            return Ok(None);
        }
        let cost = Amount::parse_number_rounding_up(metric.value.get())
            .map_err(|error| Refusal::invalid(format!("metric.value: {error}")))?;
        Ok(self.accounts.spend(account, currency, cost)?.map(|left| (currency, left)))
    }

    /// What is left of a budget, as clients may show it.
    fn tell_remaining(&mut self, key: JobKey, currency: Currency, left: Amount) {
        let body = format!(r#"{{"name":"{REMAINING}","value":{left},"unit":"{currency}"}}"#);
        if let Ok(body) = serde_json::from_str::<&RawValue>(&body) {
            self.say(key, "metric", body, None, None);
        }
        self.store_budget(key);
    }

    /// What is not spent, for a runtime that begins again: of the job that was submitted, as those that were delegated
    /// end with the runtime.
    fn store_budget(&mut self, mut key: JobKey) {
        let Some(account) = self.jobs.get(&key).and_then(|job| job.account) else { return };
        while let Some((parent, _)) = self.jobs.get(&key).and_then(|job| job.parent.as_ref())
            && self.jobs.get(parent).is_some_and(|parent| parent.account.is_some())
        {
            key = *parent;
        }
        let accounts = &self.accounts;
        self.journal.add(|| {
            let budget = accounts.unspent(account);
            let left = budget.iter().map(|(currency, left)| (currency.to_string(), left.to_string()));
            Record::Budget(key, left.collect())
        });
    }

    /// Whether a job may do this: before every operation that needs authority (§9.3). `namespace` is that of the
    /// lease, such as `fs.read`; `target` is what is read, written, fetched, called or used. Gives the target in the
    /// form that was held against the lease: that one is to be used.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` where the lease does not cover it, `BUDGET_EXHAUSTED` where nothing is left of a currency,
    /// `LEASE_EXPIRED` where its time is over, which ends the job too.
    pub fn authorize(
        &mut self,
        key: JobKey,
        namespace: &str,
        target: &str,
        now_us: u64,
    ) -> Result<String, Refusal> {
        self.tick(now_us);
        let job = self.running(key)?;
        let grace = u64::from(self.settings.expiry_grace_ms.min(1000)) * 1000;
        if job.expires_us.is_some_and(|until| until + grace <= self.now_us) {
            self.lease_ends(key);
            return Err(Refusal::new(Code::LeaseExpired, "the lease has ended"));
        }
        let canonical = job.lease.check(namespace, target, &self.settings.lease)?.into_owned();
        if let Some(currency) = job.account.and_then(|account| self.accounts.exhausted(account)) {
            return Err(Refusal::new(Code::BudgetExhausted, format!("the {currency} budget is exhausted")));
        }
        Ok(canonical)
    }

    /// What a job has left of each currency, as JSON: `{}` where nothing is bounded.
    #[must_use]
    pub fn budget(&self, key: JobKey) -> String {
        let account = self.jobs.get(&key).and_then(|job| job.account);
        let budget = account.map(|account| self.accounts.budget(account)).unwrap_or_default();
        serde_json::to_string(&budget).unwrap_or_default()
    }

    /// A part of a result that is too large for one frame (§8.4), as bytes. The runtime names and numbers it; the last
    /// part has `more` false. Where the client does not know parts they are gathered, and go out as one result.
    ///
    /// A result has one encoding, as some clients read no other: one that begins with bytes is base64 throughout.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` for a part or a result that is too large, which ends the job (§14); `INVALID_REQUEST` after the
    /// last part, and in a result that began with [`chunk_text`](Self::chunk_text): nothing is emitted then.
    pub fn chunk(&mut self, key: JobKey, data: &[u8], more: bool, now_us: u64) -> Result<Emitted, Refusal> {
        self.part(key, Part::Bytes(data), more, now_us)
    }

    /// The same, as text: a result that begins with it is text throughout. In one that began with bytes it is bytes
    /// too.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk); text is never refused for what the result began with.
    pub fn chunk_text(
        &mut self,
        key: JobKey,
        text: &str,
        more: bool,
        now_us: u64,
    ) -> Result<Emitted, Refusal> {
        self.part(key, Part::Text(text), more, now_us)
    }

    fn part(&mut self, key: JobKey, part: Part<'_>, more: bool, now_us: u64) -> Result<Emitted, Refusal> {
        self.tick(now_us);
        self.running(key)?;
        self.stream(key, part, more)?;
        Ok(self.emitted(key))
    }

    /// The job has succeeded. `result` is JSON; `None` where it was streamed, or is nothing. `summary` is for people.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a result that is no JSON, is too large to go in one piece, or comes beside a streamed one;
    /// the job goes on then. `CANCELLED` and `TIMEOUT` once it has ended.
    pub fn finish(
        &mut self,
        key: JobKey,
        result: Option<&str>,
        summary: Option<&str>,
        now_us: u64,
    ) -> Result<(), Refusal> {
        self.tick(now_us);
        let job = self.running(key)?;
        if job.streaming.is_some() && result.is_some() {
            return Err(Refusal::invalid("the result was streamed: there is no other beside it (§8.4)"));
        }
        match self.streamed(key)? {
            Some(super::result::Whole::Streamed { id, size }) => {
                self.end_job(key, &Outcome::Streamed { id: &id, size, summary });
            }
            Some(super::result::Whole::Gathered(result)) => {
                self.end_job(key, &Outcome::Result(&result, summary))
            }
            None => {
                let result = result.unwrap_or("null");
                crate::json::check(result.as_bytes(), self.settings.max_body, self.settings.frame.max_depth)?;
                let _: &RawValue =
                    serde_json::from_str(result).map_err(|error| Refusal::of_json("result", &error))?;
                self.end_job(key, &Outcome::Result(result, summary));
            }
        }
        Ok(())
    }

    /// The job has failed.
    ///
    /// # Errors
    /// `CANCELLED` and `TIMEOUT` once it has ended.
    pub fn fail(&mut self, key: JobKey, why: &Refusal, now_us: u64) -> Result<(), Refusal> {
        self.tick(now_us);
        self.running(key)?;
        let status = match why.code {
            Code::Timeout => FinalStatus::TimedOut,
            Code::Cancelled => FinalStatus::Cancelled,
            _ => FinalStatus::Error,
        };
        self.end_job(key, &Outcome::Failed(status, why));
        Ok(())
    }

    /// The key of a job by the name that clients use.
    #[must_use]
    pub fn job(&self, job_id: &str) -> Option<JobKey> {
        self.job_ids.get(job_id).copied()
    }

    /// The name that clients use.
    #[must_use]
    pub fn job_id(&self, key: JobKey) -> Option<Arc<str>> {
        self.jobs.get(&key).map(|job| Arc::clone(&job.id))
    }

    /// Whose job it is.
    #[must_use]
    pub fn job_principal(&self, key: JobKey) -> Option<Arc<str>> {
        self.jobs.get(&key).map(|job| Arc::clone(&job.principal))
    }

    /// The agent that it is of, and the version that was chosen: `name@version`, or `name` where it has none.
    #[must_use]
    pub fn job_agent(&self, key: JobKey) -> Option<Arc<str>> {
        self.jobs.get(&key).map(|job| Arc::clone(&job.agent))
    }

    /// How far it is, as lists say it: `pending`, `running`, `success`, `error`, `cancelled` or `timed_out`.
    #[must_use]
    pub fn job_state(&self, key: JobKey) -> Option<&'static str> {
        self.jobs.get(&key).map(|job| job.state.as_str())
    }

    /// An error that an agent may go on after, as `tool_result` (§9.6).
    pub(super) fn tool_error(&mut self, key: JobKey, call_id: &str, why: &Refusal) {
        #[derive(Serialize)]
        struct Body<'a> {
            call_id: &'a str,
            error: Failure<'a>,
        }
        #[derive(Serialize)]
        struct Failure<'a> {
            code: &'a str,
            message: &'a str,
            retryable: bool,
        }
        let error = Failure { code: why.code.as_str(), message: &why.message, retryable: why.retryable() };
        if let Ok(body) = serde_json::value::to_raw_value(&Body { call_id, error }) {
            self.say(key, "tool_result", &body, None, None);
        }
    }

    /// The result of a call, as `tool_result`.
    pub(super) fn tool_result(&mut self, key: JobKey, call_id: &str, result: &str) {
        let call_id = serde_json::to_string(call_id).unwrap_or_default();
        let body = format!(r#"{{"call_id":{call_id},"result":{result}}}"#);
        if let Ok(body) = serde_json::from_str::<&RawValue>(&body) {
            self.say(key, "tool_result", body, None, None);
        }
    }
}

/// Bytes of the name of a kind.
const MAX_KIND: usize = 128;
