//! A runtime that begins again with what was stored.

use std::collections::HashSet;
use std::sync::Arc;

use super::job::{Job, Outcome, State};
use super::log::Log;
use super::outbox::Outbox;
use super::session::Session;
use super::timers::Timer;
use super::{JobKey, Principal, Runtime, Settings, Snapshot, SnapshotJob, Stats};
use crate::agent::Inventory;
use crate::currency::Amounts;
use crate::dialect::Dialect;
use crate::error::{Code, Refusal};
use crate::features::Features;
use crate::lease::Lease;
use crate::message::FinalStatus;
use crate::token::TokenHash;
use crate::trace::{TraceContext, TraceId};

impl Runtime {
    /// A runtime with all that another one had stored when it ended, however it ended.
    ///
    /// Jobs whose agents died with it end as `INTERNAL_ERROR`, which may be tried again; those of agents that are in
    /// `restartable`, by name, are started once more with their input, without credentials: those that may still be live
    /// are revoked.
    #[must_use]
    pub fn restored(
        settings: Settings,
        inventory: Inventory,
        restartable: HashSet<String>,
        snapshot: Snapshot,
        seed: [u8; 32],
        now_us: u64,
    ) -> Self {
        let mut runtime = Self::new(settings, inventory, seed, now_us);
        for (stored, runs, next, follows) in snapshot.sessions {
            runtime.is_taken(stored.key.raw());
            runs.iter().for_each(|run| runtime.is_taken(run.job.raw()));
            runtime.session_ids.insert(Arc::clone(&stored.id), stored.key);
            let session = Session {
                id: stored.id,
                principal: Principal::new(stored.principal),
                features: Features::of_names(stored.features.iter().map(String::as_str)),
                dialect: Dialect::parse(&stored.dialect),
                token: TokenHash::from_bytes(stored.token_hash),
                former: stored.former_hash.map(TokenHash::from_bytes),
                connection: None,
                outbox: Outbox::restored(runs, next),
                tellable: next,
                follows,
                running: 0,
                left_us: now_us,
                waiting: Vec::new(),
                lags: false,
                ahead: std::collections::VecDeque::new(),
                loads: false,
            };
            runtime.sessions.insert(stored.key, session);
            let window = u64::from(runtime.settings.resume_window_ms) * 1000;
            runtime.timers.add(now_us + window, Timer::SessionEnd(stored.key));
        }
        let mut died = Vec::new();
        for found in snapshot.jobs {
            let key = found.job.key;
            runtime.is_taken(key.raw());
            runtime.is_taken(found.job.session.raw());
            if found.ended.is_none() {
                died.push(key);
            }
            runtime.restore_job(found);
        }
        for (key, session) in &runtime.sessions {
            for job in &session.follows {
                if let Some(job) = runtime.jobs.get_mut(job) {
                    job.followers.push(*key);
                }
            }
        }
        for key in snapshot.keys {
            runtime.is_taken(key.job.raw());
            if let Some(job) = runtime.jobs.get_mut(&key.job) {
                job.key = Some(key.key.clone());
            }
            runtime.keys.add(key);
        }
        if let Some(oldest) = runtime.keys.oldest_us() {
            let lasts = u64::from(runtime.settings.idempotency_ms) * 1000;
            runtime.timers.add((oldest + lasts).max(now_us), Timer::Keys);
        }
        for (job, job_id, credential) in snapshot.credentials {
            runtime.is_taken(job.raw());
            runtime.revoke(job, &job_id, credential);
        }
        // Those that were delegated end with whoever delegated them, and begin again by its will.
        died.sort_unstable();
        for key in died {
            runtime.restart(key, &restartable);
        }
        runtime.timers.add(now_us, Timer::Forget);
        runtime.stats = Stats::default();
        runtime
    }

    /// What is named anywhere is not named again: of a job that is forgotten its key may still be there.
    fn is_taken(&mut self, raw: u64) {
        self.next_key = self.next_key.max(raw.saturating_add(1));
    }

    fn restore_job(&mut self, found: SnapshotJob) {
        let stored = found.job;
        let lease = Lease::parse(&stored.lease, &self.settings.lease).unwrap_or_default();
        // Of what was overdrawn nothing is left.
        let left = |text: &str| if text.starts_with('-') { "0".to_owned() } else { text.to_owned() };
        let left: Vec<String> =
            found.budget.iter().map(|(currency, text)| format!("{currency}:{}", left(text))).collect();
        let left = Amounts::parse(left.iter().map(String::as_str));
        let budget = left.ok().filter(|left| !left.is_empty()).or_else(|| lease.budget().cloned());
        let is_shadow = stored.agent.is_empty();
        let state = match found.ended {
            Some((status, _)) => {
                self.ended.push_back((self.now_us, stored.key));
                State::Ended(status)
            }
            None if is_shadow => {
                self.ended.push_back((self.now_us, stored.key));
                State::Ended(FinalStatus::Error)
            }
            None => State::Running,
        };
        let account = match state {
            State::Running => budget.map(|budget| self.accounts.open(budget)),
            _ => None,
        };
        if !is_shadow {
            self.order.insert((stored.created_us, stored.key));
            self.job_ids.insert(Arc::clone(&stored.id), stored.key);
        }
        if matches!(state, State::Running)
            && let Some(session) = self.sessions.get_mut(&stored.session)
        {
            session.running += 1;
        }
        let trace = TraceContext::parse(&stored.traceparent);
        let job = Job {
            id: stored.id,
            session: stored.session,
            principal: stored.principal,
            agent: stored.agent.into(),
            input: stored.input,
            lease: Arc::new(lease),
            expires_us: stored.expires_us,
            runs_until_us: stored.runs_until_us,
            account,
            trace: trace.unwrap_or_else(|| TraceContext::new(TraceId::new([0; 16]))),
            parent: stored.parent,
            children: Vec::new(),
            created_us: stored.created_us,
            attempt: stored.attempt,
            state,
            log: Log::restored(found.last),
            followers: Vec::new(),
            waits: false,
            streaming: None,
            issued: Arc::new([]),
            key: None,
            is_refusal: is_shadow,
        };
        self.jobs.insert(stored.key, job);
    }

    /// A job whose agent died.
    fn restart(&mut self, key: JobKey, restartable: &HashSet<String>) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let name = job.agent.split('@').next().unwrap_or_default();
        let again = restartable.contains(name) && job.parent.is_none();
        if !again || job.expires_us.is_some_and(|until| until <= self.now_us) {
            let why = Refusal::new(Code::InternalError, "the runtime ended while the job was running");
            self.end_job(key, &Outcome::Failed(FinalStatus::Error, &why));
            return;
        }
        job.attempt += 1;
        job.state = State::Pending;
        let stored = job.stored(key);
        self.journal.add(|| stored);
        self.let_run(key);
    }
}
