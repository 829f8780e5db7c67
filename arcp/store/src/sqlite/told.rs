//! What sessions are told, gathered while a transaction is written: runs that go on are one, however many batches they
//! came in, so that a stream of events costs a statement each and not two.

use std::collections::HashMap;

use ixt_arcp::runtime::{Run, SessionKey};
use rusqlite::{Connection, params};

use super::statement::{run, sql};
use super::{Doing, Failed};
use crate::runs;

/// The last run of each session that is not written yet.
#[derive(Default)]
pub(super) struct Told(HashMap<SessionKey, Last>);

struct Last {
    run: Run,
    /// It may go on where what is stored ends.
    may_extend: bool,
}

impl Told {
    /// The session is told this, behind all that it was told.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        session: SessionKey,
        run: &Run,
    ) -> Result<(), Failed> {
        match self.0.get_mut(&session) {
            None => drop(self.0.insert(session, Last { run: *run, may_extend: true })),
            Some(last) if runs::continues(&last.run, run) => last.run.count += run.count,
            Some(last) => {
                let before = std::mem::replace(last, Last { run: *run, may_extend: false });
                write(connection, session, &before)?;
            }
        }
        Ok(())
    }

    /// Writes what the session is told, before something else is done with it.
    pub(super) fn settle(&mut self, connection: &Connection, session: SessionKey) -> Result<(), Failed> {
        self.0.remove(&session).map_or(Ok(()), |last| write(connection, session, &last))
    }

    /// The same of all.
    pub(super) fn finish(self, connection: &Connection) -> Result<(), Failed> {
        self.0.iter().try_for_each(|(session, last)| write(connection, *session, last))
    }
}

fn write(connection: &Connection, session: SessionKey, last: &Last) -> Result<(), Failed> {
    let session = sql(session.raw());
    let (first, job) = (sql(last.run.first), sql(last.run.job.raw()));
    let (from, count) = (sql(last.run.from), sql(last.run.count));
    if last.may_extend {
        let extended = run(
            connection,
            "UPDATE told SET count = count + ?5 WHERE session = ?1 \
             AND first = (SELECT max(first) FROM told WHERE session = ?1) \
             AND first + count = ?2 AND job = ?3 AND start + count = ?4",
            params![session, first, job, from, count],
        )
        .doing("extending what a session is told")?;
        if extended > 0 {
            return Ok(());
        }
    }
    run(
        connection,
        "INSERT INTO told (session, first, job, start, count) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![session, first, job, from, count],
    )
    .map(drop)
    .doing("storing what a session is told")
}
