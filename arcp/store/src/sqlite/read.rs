//! Tables into what a runtime begins again with.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ixt_arcp::message::FinalStatus;
use ixt_arcp::runtime::{
    Class, JobKey, Load, LoadedEvent, Run, SessionKey, Snapshot, SnapshotJob, StoredJob, StoredKey,
    StoredSession,
};
use rusqlite::{Connection, Error, Row};

use crate::page::Page;
use crate::{StoreError, runs};

/// Why something was not read.
pub(super) enum Unread {
    Failed(Error),
    Damaged(&'static str, String),
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Unread {
    pub(super) fn at(self, doing: &'static str, path: &Path) -> StoreError {
        let path = path.into();
        match self {
            // What the tables say is of the right kind, unless somebody else has written it.
            Self::Failed(
                error @ (Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)),
            ) => StoreError::Damaged { path, place: "a column", found: error.to_string() },
            Self::Failed(source) => StoreError::Sqlite { path, doing, source },
            Self::Damaged(place, found) => StoreError::Damaged { path, place, found },
        }
    }
}

/// A number without a sign as it was before SQLite kept it.
fn number(row: &Row<'_>, column: &str) -> Result<u64, Error> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn optional(row: &Row<'_>, column: &str) -> Result<Option<u64>, Error> {
    row.get::<_, Option<i64>>(column).map(|number| number.map(i64::cast_unsigned))
}

fn job_key(row: &Row<'_>, column: &str) -> Result<JobKey, Error> {
    number(row, column).map(JobKey::from_raw)
}

fn session_key(row: &Row<'_>) -> Result<SessionKey, Error> {
    number(row, "session").map(SessionKey::from_raw)
}

fn class(text: &str, place: &'static str) -> Result<Class, Unread> {
    let known = [Class::Event, Class::Result, Class::Error];
    let found = known.into_iter().find(|class| class.as_str() == text);
    found.ok_or_else(|| Unread::Damaged(place, format!("{text:?}")))
}

fn status(text: &str) -> Result<FinalStatus, Unread> {
    let known = [FinalStatus::Success, FinalStatus::Error, FinalStatus::Cancelled, FinalStatus::TimedOut];
    let found = known.into_iter().find(|status| status.as_str() == text);
    found.ok_or_else(|| Unread::Damaged("jobs.status", format!("{text:?}")))
}

pub(super) fn load(connection: &Connection, load: &Load) -> Result<Vec<LoadedEvent>, Unread> {
    let mut statement = connection.prepare_cached(
        "SELECT number, class, payload FROM events WHERE job = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
    )?;
    let count = i64::try_from(load.count).unwrap_or(i64::MAX);
    let mut rows = statement.query((load.job.raw().cast_signed(), load.from.cast_signed(), count))?;
    let mut page = Page::default();
    let mut due = load.from;
    while let Some(row) = rows.next()? {
        if number(row, "number")? != due {
            break;
        }
        due += 1;
        let text = row.get_ref("class")?.as_str();
        let text = text.map_err(|error| Unread::Damaged("events.class", error.to_string()))?;
        let event = LoadedEvent { class: class(text, "events.class")?, payload: row.get("payload")? };
        if !page.add(event) {
            break;
        }
    }
    Ok(page.into_events())
}

/// In one transaction, though nobody else can write.
pub(super) fn snapshot(connection: &mut Connection) -> Result<Snapshot, Unread> {
    let transaction = connection.transaction()?;
    Ok(Snapshot {
        sessions: sessions(&transaction)?,
        jobs: jobs(&transaction)?,
        keys: keys(&transaction)?,
        credentials: credentials(&transaction)?,
    })
}

/// All rows, each made into something.
fn all<T>(
    connection: &Connection,
    statement: &str,
    mut make: impl FnMut(&Row<'_>) -> Result<T, Unread>,
) -> Result<Vec<T>, Unread> {
    let mut statement = connection.prepare(statement)?;
    let mut rows = statement.query([])?;
    let mut made = Vec::new();
    while let Some(row) = rows.next()? {
        made.push(make(row)?);
    }
    Ok(made)
}

type Session = (StoredSession, Vec<Run>, u64, Vec<JobKey>);

fn sessions(connection: &Connection) -> Result<Vec<Session>, Unread> {
    let done = all(connection, "SELECT session, done FROM acked", |row| {
        Ok((session_key(row)?, number(row, "done")?))
    })?;
    let done: HashMap<_, _> = done.into_iter().collect();
    let mut told: HashMap<SessionKey, Vec<Run>> = HashMap::new();
    all(connection, "SELECT session, first, job, start, count FROM told ORDER BY session, first", |row| {
        let session = session_key(row)?;
        let run = Run {
            first: number(row, "first")?,
            job: job_key(row, "job")?,
            from: number(row, "start")?,
            count: number(row, "count")?,
        };
        told.entry(session).or_default().extend(runs::above(run, done.get(&session).copied().unwrap_or(0)));
        Ok(())
    })?;
    let mut follows: HashMap<SessionKey, Vec<JobKey>> = HashMap::new();
    all(connection, "SELECT session, job FROM follows ORDER BY session, job", |row| {
        follows.entry(session_key(row)?).or_default().push(job_key(row, "job")?);
        Ok(())
    })?;
    all(connection, "SELECT * FROM sessions ORDER BY session", |row| {
        let key = session_key(row)?;
        let features: String = row.get("features")?;
        let stored = StoredSession {
            key,
            id: row.get("id")?,
            principal: row.get("principal")?,
            token_hash: row.get("token_hash")?,
            former_hash: row.get("former_hash")?,
            features: serde_json::from_str(&features)
                .map_err(|_| Unread::Damaged("sessions.features", features))?,
            dialect: row.get("dialect")?,
        };
        let told = told.remove(&key).unwrap_or_default();
        let next = runs::next(&told, done.get(&key).copied().unwrap_or(0));
        Ok((stored, told, next, follows.remove(&key).unwrap_or_default()))
    })
}

fn jobs(connection: &Connection) -> Result<Vec<SnapshotJob>, Unread> {
    let mut budgets: HashMap<JobKey, Vec<(String, String)>> = HashMap::new();
    all(connection, "SELECT job, currency, amount FROM budgets ORDER BY job, currency", |row| {
        let left = (row.get("currency")?, row.get("amount")?);
        budgets.entry(job_key(row, "job")?).or_default().push(left);
        Ok(())
    })?;
    let statement = "SELECT *, (SELECT max(number) FROM events WHERE events.job = jobs.job) AS last \
                     FROM jobs ORDER BY job";
    all(connection, statement, |row| {
        let key = job_key(row, "job")?;
        let parent =
            row.get::<_, Option<i64>>("parent")?.map(|parent| JobKey::from_raw(parent.cast_unsigned()));
        let delegate_id: Option<String> = row.get("delegate_id")?;
        let ended: Option<String> = row.get("status")?;
        let ended_us = optional(row, "ended_us")?.unwrap_or_default();
        Ok(SnapshotJob {
            job: StoredJob {
                key,
                id: row.get("id")?,
                session: session_key(row)?,
                principal: row.get("principal")?,
                agent: row.get("agent")?,
                input: row.get("input")?,
                lease: row.get("lease")?,
                expires_us: optional(row, "expires_us")?,
                runs_until_us: optional(row, "runs_until_us")?,
                parent: parent.zip(delegate_id),
                traceparent: row.get("traceparent")?,
                created_us: number(row, "created_us")?,
                attempt: row.get("attempt")?,
            },
            last: optional(row, "last")?.unwrap_or_default(),
            ended: ended.map(|ended| Ok::<_, Unread>((status(&ended)?, ended_us))).transpose()?,
            budget: budgets.remove(&key).unwrap_or_default(),
        })
    })
}

fn keys(connection: &Connection) -> Result<Vec<StoredKey>, Unread> {
    all(connection, "SELECT * FROM keys ORDER BY age", |row| {
        let ended: Option<String> = row.get("class")?;
        let ended = ended.map(|text| class(&text, "keys.class")).transpose()?;
        Ok(StoredKey {
            principal: row.get("principal")?,
            key: row.get("key")?,
            hash: row.get("hash")?,
            job: job_key(row, "job")?,
            job_id: row.get("job_id")?,
            accepted: row.get("accepted")?,
            created_us: number(row, "created_us")?,
            terminal: ended.zip(row.get("terminal")?),
        })
    })
}

fn credentials(connection: &Connection) -> Result<Vec<(JobKey, Arc<str>, String)>, Unread> {
    all(connection, "SELECT job, job_id, credential FROM credentials ORDER BY job, credential", |row| {
        Ok((job_key(row, "job")?, row.get("job_id")?, row.get("credential")?))
    })
}
