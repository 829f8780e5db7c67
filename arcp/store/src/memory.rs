//! A store that ends with its process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use ixt_arcp::message::FinalStatus;
use ixt_arcp::runtime::{
    Batch, JobKey, Load, LoadedEvent, Record, Run, SessionKey, Snapshot, SnapshotJob, StoredJob, StoredKey,
    StoredSession,
};

use super::page::Page;
use super::{Store, StoreError, runs};

/// A store in memory: for tests, and to say what every store does. Nothing survives its process; what records forget
/// is gone from it too.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    sessions: BTreeMap<SessionKey, Session>,
    jobs: BTreeMap<JobKey, Job>,
    /// By whose they are, with their place in `ages`.
    keys: HashMap<(Arc<str>, String), (u64, StoredKey)>,
    /// Names of keys, in the order in which they came.
    ages: BTreeMap<u64, (Arc<str>, String)>,
    next_age: u64,
    credentials: BTreeMap<(JobKey, String), Arc<str>>,
}

#[derive(Debug, Clone)]
struct Session {
    stored: StoredSession,
    told: VecDeque<Run>,
    /// The number of the last event that it is done with.
    done: u64,
    follows: BTreeSet<JobKey>,
}

#[derive(Debug, Clone)]
struct Job {
    stored: StoredJob,
    events: BTreeMap<u64, LoadedEvent>,
    ended: Option<(FinalStatus, u64)>,
    budget: BTreeMap<String, String>,
}

impl Store for Memory {
    fn write(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        batches.iter().flat_map(|batch| &batch.records).for_each(|record| self.apply(record));
        Ok(())
    }

    fn load(&mut self, load: &Load) -> Result<Vec<LoadedEvent>, StoreError> {
        let mut page = Page::default();
        if let Some(job) = self.jobs.get(&load.job) {
            let numbers = load.from..load.from.saturating_add(load.count);
            let found = numbers.map_while(|number| job.events.get(&number));
            for event in found {
                if !page.add(event.clone()) {
                    break;
                }
            }
        }
        Ok(page.into_events())
    }

    fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let session = |session: &Session| {
            let told: Vec<_> =
                session.told.iter().filter_map(|run| runs::above(*run, session.done)).collect();
            let next = runs::next(&told, session.done);
            (session.stored.clone(), told, next, session.follows.iter().copied().collect())
        };
        let job = |job: &Job| SnapshotJob {
            job: job.stored.clone(),
            last: job.events.last_key_value().map_or(0, |(number, _)| *number),
            ended: job.ended,
            budget: job.budget.clone().into_iter().collect(),
        };
        let key = |name| self.keys.get(name).map(|(_, key)| key.clone());
        let credential = |((job, credential), id): (&(JobKey, String), &Arc<str>)| {
            (*job, Arc::clone(id), credential.clone())
        };
        Ok(Snapshot {
            sessions: self.sessions.values().map(session).collect(),
            jobs: self.jobs.values().map(job).collect(),
            keys: self.ages.values().filter_map(key).collect(),
            credentials: self.credentials.iter().map(credential).collect(),
        })
    }
}

impl Memory {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::Session(stored) => {
                let stored = StoredSession::clone(stored);
                match self.sessions.get_mut(&stored.key) {
                    Some(session) => session.stored = stored,
                    None => {
                        let session =
                            Session { stored, told: VecDeque::new(), done: 0, follows: BTreeSet::new() };
                        self.sessions.insert(session.stored.key, session);
                    }
                }
            }
            Record::SessionEnded(key) => drop(self.sessions.remove(key)),
            Record::Told(key, run) => self.with_session(*key, |session| match session.told.back_mut() {
                Some(last) if runs::continues(last, run) => last.count += run.count,
                _ => session.told.push_back(*run),
            }),
            Record::Acked(key, done) => self.with_session(*key, |session| {
                session.done = session.done.max(*done);
                while session.told.front().is_some_and(|run| runs::end(run) <= session.done + 1) {
                    session.told.pop_front();
                }
            }),
            Record::Follows(key, job, true) => self.with_session(*key, |session| {
                session.follows.insert(*job);
            }),
            Record::Follows(key, job, false) => self.with_session(*key, |session| {
                session.follows.remove(job);
            }),
            Record::Job(stored) => {
                let stored = StoredJob::clone(stored);
                match self.jobs.get_mut(&stored.key) {
                    Some(job) => job.stored = stored,
                    None => {
                        let job =
                            Job { stored, events: BTreeMap::new(), ended: None, budget: BTreeMap::new() };
                        self.jobs.insert(job.stored.key, job);
                    }
                }
            }
            Record::Event { job, number, class, payload } => self.with_job(*job, |job| {
                job.events.insert(*number, LoadedEvent { class: *class, payload: Arc::clone(payload) });
            }),
            Record::Budget(job, left) => {
                self.with_job(*job, |job| job.budget = left.iter().cloned().collect());
            }
            Record::Ended(job, status, at_us) => {
                self.with_job(*job, |job| job.ended = Some((*status, *at_us)));
            }
            Record::Forgotten(key) => {
                self.jobs.remove(key);
                for session in self.sessions.values_mut() {
                    session.follows.remove(key);
                }
            }
            Record::Key(stored) => {
                let name = (Arc::clone(&stored.principal), stored.key.clone());
                let age = self.keys.get(&name).map_or(self.next_age, |(age, _)| *age);
                self.next_age = self.next_age.max(age + 1);
                self.ages.insert(age, name.clone());
                self.keys.insert(name, (age, StoredKey::clone(stored)));
            }
            Record::KeyForgotten(principal, key) => {
                if let Some((age, _)) = self.keys.remove(&(Arc::clone(principal), key.clone())) {
                    self.ages.remove(&age);
                }
            }
            Record::Credential(job, job_id, credential) => {
                self.credentials.insert((*job, credential.clone()), Arc::clone(job_id));
            }
            Record::Revoked(job, credential) => drop(self.credentials.remove(&(*job, credential.clone()))),
        }
    }

    fn with_session(&mut self, key: SessionKey, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&key) {
            change(session);
        }
    }

    fn with_job(&mut self, key: JobKey, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(&key) {
            change(job);
        }
    }
}
