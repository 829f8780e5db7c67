//! Records in any order that an engine could have: what SQLite keeps is what memory keeps.

use std::collections::BTreeMap;

use ixt_arcp::message::FinalStatus;
use ixt_arcp::runtime::{
    Batch, Class, JobKey, Load, Record, Run, SessionKey, StoredJob, StoredKey, StoredSession,
};
use ixt_arcp_store::{Durability, Memory, Sqlite, Store};
use proptest::prelude::*;

/// What an engine would know.
#[derive(Default)]
struct Known {
    last_key: u64,
    /// Sessions, with the number of the next event.
    sessions: BTreeMap<u64, u64>,
    /// Jobs, with the number of the last event.
    jobs: BTreeMap<u64, u64>,
    keys: Vec<u64>,
    credentials: Vec<(u64, u64)>,
}

/// Texts that a store may not mistake for its own.
const TEXTS: [&str; 5] = ["", "a", "'; DROP TABLE jobs; --", "\0\u{1F980}", "{\"a\":[1,2]}"];

fn pick(from: &BTreeMap<u64, u64>, which: u64) -> Option<(u64, u64)> {
    let place = usize::try_from(which).unwrap().checked_rem(from.len())?;
    from.iter().nth(place).map(|(key, value)| (*key, *value))
}

fn text(which: u64) -> &'static str {
    TEXTS[usize::try_from(which).unwrap() % TEXTS.len()]
}

fn session(key: u64, a: u64) -> Record {
    Record::Session(Box::new(StoredSession {
        key: SessionKey::from_raw(key),
        id: format!("sess_{key}").into(),
        principal: text(a).into(),
        token_hash: [u8::try_from(a).unwrap(); 32],
        former_hash: a.is_multiple_of(2).then(|| [u8::try_from(a + 1).unwrap(); 32]),
        features: (0..a % 4).map(|feature| text(feature).to_owned()).collect(),
        dialect: text(a + 1).to_owned(),
    }))
}

fn job(key: u64, a: u64, b: u64) -> Record {
    Record::Job(Box::new(StoredJob {
        key: JobKey::from_raw(key),
        id: format!("job_{key}").into(),
        session: SessionKey::from_raw(a),
        principal: text(a).into(),
        agent: text(b).to_owned(),
        input: text(a + 1).into(),
        lease: text(b + 1).to_owned(),
        // The ends of what can be come back too.
        expires_us: [None, Some(0), Some(u64::MAX)][usize::try_from(a % 3).unwrap()],
        runs_until_us: b.is_multiple_of(2).then_some(b),
        parent: a.is_multiple_of(2).then(|| (JobKey::from_raw(b), text(a + b).to_owned())),
        traceparent: text(a).to_owned(),
        created_us: a * b,
        attempt: u32::try_from(b).unwrap() + 1,
    }))
}

fn key(which: u64, a: u64, job: u64) -> Record {
    Record::Key(Box::new(StoredKey {
        principal: text(which % 3).into(),
        key: format!("key-{which}"),
        hash: [u8::try_from(a).unwrap(); 32],
        job: JobKey::from_raw(job),
        job_id: format!("job_{job}").into(),
        accepted: text(a).into(),
        created_us: a,
        terminal: match a % 3 {
            0 => None,
            1 => Some((Class::Result, text(a).into())),
            _ => Some((Class::Error, text(a).into())),
        },
    }))
}

impl Known {
    fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }

    /// What an engine could say next.
    fn say(&mut self, (what, a, b): (u8, u8, u8)) -> Vec<Record> {
        let (a, b) = (u64::from(a), u64::from(b));
        let (a_session, a_job) = (pick(&self.sessions, a), pick(&self.jobs, b));
        match (what % 20, a_session, a_job) {
            (0 | 1, ..) => {
                let made = self.next_key();
                self.sessions.insert(made, 1);
                vec![session(made, a)]
            }
            (2, Some((found, _)), _) => vec![session(found, b)],
            (3, Some((found, _)), _) if b % 4 == 0 => {
                self.sessions.remove(&found);
                vec![Record::SessionEnded(SessionKey::from_raw(found))]
            }
            (4 | 5, ..) => {
                let made = self.next_key();
                self.jobs.insert(made, 0);
                vec![job(made, a, b)]
            }
            (6, _, Some((found, _))) => vec![job(found, a, b)],
            (7..=10, session, Some((job, last))) => {
                // Some events, of which a session is told, mostly all.
                let (from, count) = (last + 1, a % 5 + 1);
                self.jobs.insert(job, last + count);
                let class = [Class::Event, Class::Result, Class::Error][usize::try_from(a % 3).unwrap()];
                let event = |number| {
                    let job = JobKey::from_raw(job);
                    Record::Event { job, number, class, payload: text(a + number).into() }
                };
                let mut records: Vec<_> = (from..from + count).map(event).collect();
                if let Some((session, next)) = session
                    && let skip = u64::from(b % 4 == 0)
                    && count > skip
                {
                    let (from, count) = (from + skip, count - skip);
                    self.sessions.insert(session, next + count);
                    let run = Run { first: next, job: JobKey::from_raw(job), from, count };
                    records.push(Record::Told(SessionKey::from_raw(session), run));
                }
                records
            }
            // An ack may come again, or late.
            (11 | 12, Some((session, next)), _) => {
                vec![Record::Acked(SessionKey::from_raw(session), b % next)]
            }
            (13, Some((session, _)), Some((job, _))) => {
                vec![Record::Follows(SessionKey::from_raw(session), JobKey::from_raw(job), a % 3 > 0)]
            }
            (14, _, Some((job, _))) => {
                let left = [("USD", "0.50"), ("EUR", "-1"), ("tokens", "7")];
                let left = left.iter().take(usize::try_from(a % 4).unwrap());
                let left = left.map(|(currency, amount)| ((*currency).to_owned(), (*amount).to_owned()));
                vec![Record::Budget(JobKey::from_raw(job), left.collect())]
            }
            (15, _, Some((job, _))) => {
                let all =
                    [FinalStatus::Success, FinalStatus::Error, FinalStatus::Cancelled, FinalStatus::TimedOut];
                vec![Record::Ended(JobKey::from_raw(job), all[usize::try_from(a % 4).unwrap()], b)]
            }
            (16, _, Some((job, _))) if a % 2 == 0 => {
                self.jobs.remove(&job);
                vec![Record::Forgotten(JobKey::from_raw(job))]
            }
            (17, _, Some((job, _))) => {
                let which = a % 8;
                self.keys.push(which);
                vec![key(which, b, job)]
            }
            (18, ..) => {
                let which = self.keys.pop().unwrap_or(a % 8);
                vec![Record::KeyForgotten(text(which % 3).into(), format!("key-{which}"))]
            }
            (_, _, Some((job, _))) if a % 2 == 0 => {
                self.credentials.push((job, b % 3));
                let (job_id, credential) = (format!("job_{job}").into(), format!("cred_{}", b % 3));
                vec![Record::Credential(JobKey::from_raw(job), job_id, credential)]
            }
            _ => match self.credentials.pop() {
                Some((job, credential)) => {
                    vec![Record::Revoked(JobKey::from_raw(job), format!("cred_{credential}"))]
                }
                None => Vec::new(),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn stores_agree(
        script in prop::collection::vec((any::<(u8, u8, u8)>(), 0..8u8), 1..250),
        loads in prop::collection::vec((1..20u64, 0..20u64, 0..20u64), 20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut memory = Memory::default();
        let mut file = Sqlite::open(&path, Durability::Normal).unwrap();
        let mut known = Known::default();
        let mut batches = Vec::new();
        let mut lsn = 0;
        for (what, then) in script {
            let records = known.say(what);
            lsn += records.len() as u64;
            batches.push(Batch { records, lsn });
            // Some are written at once, and sometimes the runtime begins again behind them.
            if then < 3 {
                continue;
            }
            memory.write(&batches).unwrap();
            file.write(&batches).unwrap();
            batches.clear();
            if then == 7 {
                drop(file);
                file = Sqlite::open(&path, Durability::Normal).unwrap();
                prop_assert_eq!(memory.snapshot().unwrap(), file.snapshot().unwrap());
            }
        }
        memory.write(&batches).unwrap();
        file.write(&batches).unwrap();
        prop_assert_eq!(memory.snapshot().unwrap(), file.snapshot().unwrap());
        for (job, from, count) in loads {
            let load = Load { session: SessionKey::from_raw(1), job: JobKey::from_raw(job), from, count };
            prop_assert_eq!(memory.load(&load).unwrap(), file.load(&load).unwrap());
        }
        // All that is not ended or forgotten is there.
        let snapshot = file.snapshot().unwrap();
        let sessions: BTreeMap<_, _> =
            snapshot.sessions.iter().map(|(session, _, next, _)| (session.key.raw(), *next)).collect();
        prop_assert_eq!(&sessions, &known.sessions);
        let jobs: BTreeMap<_, _> = snapshot.jobs.iter().map(|job| (job.job.key.raw(), job.last)).collect();
        prop_assert_eq!(&jobs, &known.jobs);
    }
}
