//! Jobs that jobs delegate, and that the runtime runs (ARCP §§9.4, 10).

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::job::{Outcome, State};
use super::submit::Wanted;
use super::{Event, JobKey, Runtime};
use crate::agent::AgentRef;
use crate::constraints::Constraints;
use crate::error::Refusal;
use crate::lease::Lease;

/// What an agent delegates.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Delegate<'a> {
    /// Names it within the job; the `call_id` of its result.
    pub delegate_id: &'a str,
    /// To whom: `name` or `name@version`.
    pub agent: &'a str,
    /// What that works on, as JSON.
    pub input: &'a str,
    /// What it shall be allowed, as JSON: a part of what the job itself may. Without it, nothing.
    pub lease_request: Option<&'a str>,
    /// Until when, as JSON; without it as long as the job itself.
    pub lease_constraints: Option<&'a str>,
}

impl<'a> Delegate<'a> {
    /// Work for an agent, without authority of its own.
    #[must_use]
    pub fn new(delegate_id: &'a str, agent: &'a str, input: &'a str) -> Self {
        Self { delegate_id, agent, input, lease_request: None, lease_constraints: None }
    }

    /// With this part of the job's own lease.
    #[must_use]
    pub fn with_lease(self, lease_request: &'a str) -> Self {
        Self { lease_request: Some(lease_request), ..self }
    }

    /// With these constraints of the lease.
    #[must_use]
    pub fn with_constraints(self, lease_constraints: &'a str) -> Self {
        Self { lease_constraints: Some(lease_constraints), ..self }
    }
}

/// The body of `delegate`.
#[derive(Serialize)]
struct Body<'a> {
    delegate_id: &'a str,
    agent: &'a str,
    input: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_request: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_constraints: Option<&'a RawValue>,
    child_job_id: &'a str,
}

/// Jobs of jobs of jobs: so many at most.
const MAX_DEPTH: usize = 16;
/// Jobs that one job has delegated and that have not ended.
const MAX_CHILDREN: usize = 1000;

impl Runtime {
    /// Delegates work to another agent, which the runtime runs. It has no more authority than the job, and ends with it.
    /// [`Event::ChildEnded`] tells what came of it, and so does a `tool_result` event with the `delegate_id` as
    /// `call_id`.
    ///
    /// # Errors
    /// Why it is refused, which is a `tool_result` event too: as [`authorize`](Self::authorize) of `agent.delegate`;
    /// `AGENT_NOT_AVAILABLE`, `AGENT_VERSION_NOT_AVAILABLE`; `LEASE_SUBSET_VIOLATION` where it would have more than the
    /// job has (§9.4). The job goes on. As [`emit`](Self::emit) once it has ended.
    pub fn delegate(&mut self, key: JobKey, wanted: &Delegate<'_>, now_us: u64) -> Result<JobKey, Refusal> {
        self.tick(now_us);
        self.running(key)?;
        let made = self.delegate_within(key, wanted, now_us);
        if let Err(refusal) = &made {
            self.tool_error(key, wanted.delegate_id, refusal);
        }
        made
    }

    fn delegate_within(
        &mut self,
        key: JobKey,
        wanted: &Delegate<'_>,
        now_us: u64,
    ) -> Result<JobKey, Refusal> {
        let limit = self.settings.max_body;
        let raw = |text: &'_ str, field: &str| -> Result<Box<RawValue>, Refusal> {
            crate::json::check(text.as_bytes(), limit, 64)?;
            serde_json::from_str::<&RawValue>(text)
                .map(ToOwned::to_owned)
                .map_err(|error| Refusal::of_json(field, &error))
        };
        let input = raw(wanted.input, "input")?;
        let lease_request = wanted.lease_request.map(|text| raw(text, "lease_request")).transpose()?;
        let lease_constraints =
            wanted.lease_constraints.map(|text| raw(text, "lease_constraints")).transpose()?;
        let agent = AgentRef::parse(wanted.agent)?;
        self.authorize(key, "agent.delegate", agent.name(), now_us)?;
        let agent: Arc<str> = self.inventory.resolve(agent)?.to_string().into();
        let now = self.now();
        let job = self.running(key)?;
        if job.children.len() >= MAX_CHILDREN || self.depth(key) >= MAX_DEPTH {
            return Err(Refusal::denied("the job has delegated too much already"));
        }
        let asked = match &lease_request {
            Some(lease) => Lease::parse(lease.get(), &self.settings.lease)?,
            None => Lease::default(),
        };
        let lease = job.lease.delegate(asked, &self.settings.lease)?;
        let constraints = match &lease_constraints {
            Some(constraints) => Constraints::parse(constraints.get(), now)?,
            None => Constraints::default(),
        };
        let own = super::submit::constraints(job.expires_us).unwrap_or_default();
        let constraints = own.delegate(constraints)?;
        let (session, principal, trace) = (job.session, Arc::clone(&job.principal), job.trace.clone());
        let (runs_until_us, parent_account) = (job.runs_until_us, job.account);
        let account = match (parent_account, lease.budget()) {
            (Some(parent), Some(budget)) => Some(self.accounts.reserve(parent, budget)?),
            (Some(parent), None) => Some(self.accounts.share(parent)?),
            (None, Some(budget)) => Some(self.accounts.open(budget.clone())),
            (None, None) => None,
        };
        let child = self.make_job(Wanted {
            session,
            principal,
            agent,
            input: input.get().into(),
            lease: Arc::new(lease),
            constraints,
            max_runtime_us: runs_until_us.map(|until| until.saturating_sub(self.now_us)),
            account,
            trace,
            parent: Some((key, wanted.delegate_id.to_owned())),
            key: None,
        });
        if let Some(job) = self.jobs.get_mut(&key) {
            job.children.push(child);
        }
        if let Some(stored) = self.jobs.get(&child).map(|job| job.stored(child)) {
            self.journal.add(|| stored);
        }
        self.stats.accepted += 1;
        self.let_run(child);
        if let Some(id) = self.job_id(child) {
            let body = Body {
                delegate_id: wanted.delegate_id,
                agent: wanted.agent,
                input: &input,
                lease_request: lease_request.as_deref(),
                lease_constraints: lease_constraints.as_deref(),
                child_job_id: &id,
            };
            if let Ok(body) = serde_json::value::to_raw_value(&body) {
                self.say(key, "delegate", &body, None, None);
            }
        }
        Ok(child)
    }

    /// How many jobs stand above a job.
    fn depth(&self, mut key: JobKey) -> usize {
        let mut depth = 0;
        while let Some((parent, _)) = self.jobs.get(&key).and_then(|job| job.parent.as_ref())
            && depth < MAX_DEPTH
        {
            key = *parent;
            depth += 1;
        }
        depth
    }

    /// A job that was delegated has ended: who delegated it hears how, if it still runs.
    pub(super) fn child_ended(
        &mut self,
        parent: JobKey,
        child: JobKey,
        delegate_id: String,
        outcome: &Outcome<'_>,
    ) {
        let Some(job) = self.jobs.get_mut(&parent) else { return };
        job.children.retain(|other| *other != child);
        if !matches!(job.state, State::Running) {
            return;
        }
        let result = match outcome {
            Outcome::Result(result, _) => {
                self.tool_result(parent, &delegate_id, result);
                Ok(Arc::from(*result))
            }
            Outcome::Streamed { id, size, .. } => {
                let id = serde_json::to_string(id).unwrap_or_default();
                let result = format!(r#"{{"result_id":{id},"result_size":{size}}}"#);
                self.tool_result(parent, &delegate_id, &result);
                Ok(Arc::from(result))
            }
            Outcome::Failed(_, why) => {
                let why = (*why).clone();
                self.tool_error(parent, &delegate_id, &why);
                Err(why)
            }
        };
        self.events.push_back(Event::ChildEnded { parent, delegate_id, result });
    }
}
