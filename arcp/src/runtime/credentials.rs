//! Credentials of upstream services: kept in mind until they are revoked, over restarts too (ARCP §9.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::output::Issued;
use super::record::Record;
use super::timers::Timer;
use super::{Audit, Event, JobKey, Runtime};
use crate::error::Refusal;
use crate::secret::Secret;

/// Credentials that are to be revoked and are not known to be.
#[derive(Debug, Default)]
pub(super) struct Revocations(BTreeMap<(JobKey, String), Revocation>);

#[derive(Debug)]
struct Revocation {
    job_id: Arc<str>,
    attempts: u32,
    /// When it is tried again; `None` while it is being tried.
    again_us: Option<u64>,
}

/// The longest pause between two attempts, in microseconds.
const MAX_PAUSE_US: u64 = 300_000_000;
/// After so many attempts, over a day, an operator has to see to it.
const MAX_ATTEMPTS: u32 = 300;

/// The body of the `status` that tells of a rotation.
#[derive(Serialize)]
struct Rotated<'a> {
    phase: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl Runtime {
    /// The store knows of them before their client does.
    pub(super) fn remember_credentials(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get(&key) else { return };
        for issued in job.issued.iter() {
            self.journal.add(|| Record::Credential(key, Arc::clone(&job.id), issued.id.clone()));
        }
    }

    /// A credential has a new value (§9.8.2): its submitter is told it, others only that. Revoke the old value first.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where the job has no such credential; as [`emit`](Self::emit) once it has ended.
    pub fn rotate(
        &mut self,
        key: JobKey,
        credential: &str,
        value: Secret,
        now_us: u64,
    ) -> Result<(), Refusal> {
        self.tick(now_us);
        let mut issued: Vec<Issued> = self.running(key)?.issued.to_vec();
        let Some(found) = issued.iter_mut().find(|issued| issued.id == credential) else {
            return Err(Refusal::invalid("the job has no such credential"));
        };
        found.value = value.clone();
        let body = |value| {
            let body = Rotated { phase: "credential_rotated", id: credential, value };
            serde_json::value::to_raw_value(&body).ok()
        };
        if let Some(job) = self.jobs.get_mut(&key) {
            job.issued = issued.into();
        }
        if let (Some(open), Some(secret)) = (body(None), body(Some(value.reveal()))) {
            self.say(key, "status", &open, Some(&secret), None);
        }
        Ok(())
    }

    /// A job has ended: its credentials end with it.
    pub(super) fn revoke_all(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let (job_id, issued) = (Arc::clone(&job.id), std::mem::replace(&mut job.issued, Arc::new([])));
        for issued in issued.iter() {
            self.revoke(key, &job_id, issued.id.clone());
        }
    }

    pub(super) fn revoke(&mut self, key: JobKey, job_id: &Arc<str>, credential: String) {
        self.events.push_back(Event::Revoke {
            credential: credential.clone(),
            job: key,
            job_id: Arc::clone(job_id),
        });
        let revocation = Revocation { job_id: Arc::clone(job_id), attempts: 1, again_us: None };
        self.revocations.0.insert((key, credential), revocation);
    }

    /// What came of [`Event::Revoke`]. Where it failed it is asked for again, ever more rarely, for a day; then the audit
    /// hears of it.
    pub fn revoked(&mut self, key: JobKey, credential: &str, is_revoked: bool, now_us: u64) {
        self.tick(now_us);
        let name = (key, credential.to_owned());
        let Some(found) = self.revocations.0.get_mut(&name) else { return };
        if is_revoked {
            self.revocations.0.remove(&name);
            self.journal.add(|| Record::Revoked(key, credential.to_owned()));
            return;
        }
        if found.attempts >= MAX_ATTEMPTS {
            let audit = Audit::NotRevoked {
                credential: credential.to_owned(),
                job_id: Arc::clone(&found.job_id),
                attempts: found.attempts,
            };
            self.revocations.0.remove(&name);
            self.events.push_back(Event::Audit(audit));
            return;
        }
        let pause = (1_000_000u64 << found.attempts.min(20)).min(MAX_PAUSE_US);
        found.again_us = Some(self.now_us + pause);
        self.timers.add(self.now_us + pause, Timer::Revoke);
    }

    pub(super) fn revoke_again(&mut self) {
        for ((job, credential), found) in &mut self.revocations.0 {
            if found.again_us.is_some_and(|at| at <= self.now_us) {
                found.again_us = None;
                found.attempts += 1;
                self.events.push_back(Event::Revoke {
                    credential: credential.clone(),
                    job: *job,
                    job_id: Arc::clone(&found.job_id),
                });
            }
        }
    }
}
