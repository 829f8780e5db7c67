//! Records into tables.

use ixt_arcp::runtime::{Record, StoredJob, StoredKey, StoredSession};
use rusqlite::{Connection, named_params};

use super::statement::{run, sql};
use super::told::Told;
use super::{Doing, Failed};

pub(super) fn record(connection: &Connection, told: &mut Told, record: &Record) -> Result<(), Failed> {
    let run = |statement: &str, params: &[&dyn rusqlite::ToSql]| run(connection, statement, params);
    match record {
        Record::Event { job, number, class, payload } => run(
            "INSERT INTO events (job, number, class, payload) VALUES (?1, ?2, ?3, ?4)",
            &[&sql(job.raw()), &sql(*number), &class.as_str(), &&**payload],
        )
        .map(drop)
        .doing("storing an event"),
        Record::Told(session, run) => told.add(connection, *session, run),
        Record::Acked(session, done) => {
            told.settle(connection, *session)?;
            let (session, done) = (sql(session.raw()), sql(*done));
            run(
                "INSERT INTO acked (session, done) VALUES (?1, ?2) \
                 ON CONFLICT DO UPDATE SET done = max(done, excluded.done)",
                &[&session, &done],
            )
            .doing("storing an ack")?;
            run(
                "DELETE FROM told WHERE session = ?1 AND first <= ?2 AND first + count <= ?2 + 1",
                &[&session, &done],
            )
            .map(drop)
            .doing("forgetting what was acked")
        }
        Record::Session(stored) => session(connection, stored).doing("storing a session"),
        Record::SessionEnded(session) => {
            told.settle(connection, *session)?;
            for table in ["sessions", "told", "acked", "follows"] {
                let delete = format!("DELETE FROM {table} WHERE session = ?1");
                run(&delete, &[&sql(session.raw())]).doing("forgetting a session")?;
            }
            Ok(())
        }
        Record::Follows(session, job, follows) => {
            let statement = if *follows {
                "INSERT INTO follows (session, job) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
            } else {
                "DELETE FROM follows WHERE session = ?1 AND job = ?2"
            };
            run(statement, &[&sql(session.raw()), &sql(job.raw())])
                .map(drop)
                .doing("storing who follows a job")
        }
        Record::Job(stored) => job(connection, stored).doing("storing a job"),
        Record::Budget(job, left) => {
            let job = sql(job.raw());
            run("DELETE FROM budgets WHERE job = ?1", &[&job]).doing("storing a budget")?;
            for (currency, amount) in left {
                run(
                    "INSERT INTO budgets (job, currency, amount) VALUES (?1, ?2, ?3)",
                    &[&job, currency, amount],
                )
                .doing("storing a budget")?;
            }
            Ok(())
        }
        Record::Ended(job, status, at_us) => run(
            "UPDATE jobs SET status = ?2, ended_us = ?3 WHERE job = ?1",
            &[&sql(job.raw()), &status.as_str(), &sql(*at_us)],
        )
        .map(drop)
        .doing("storing the end of a job"),
        Record::Forgotten(job) => {
            for table in ["jobs", "events", "budgets", "follows"] {
                let delete = format!("DELETE FROM {table} WHERE job = ?1");
                run(&delete, &[&sql(job.raw())]).doing("forgetting a job")?;
            }
            Ok(())
        }
        Record::Key(stored) => key(connection, stored).doing("storing a key"),
        Record::KeyForgotten(principal, key) => {
            run("DELETE FROM keys WHERE principal = ?1 AND key = ?2", &[&&**principal, key])
                .map(drop)
                .doing("forgetting a key")
        }
        Record::Credential(job, job_id, credential) => run(
            "INSERT INTO credentials (job, credential, job_id) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET job_id = excluded.job_id",
            &[&sql(job.raw()), credential, &&**job_id],
        )
        .map(drop)
        .doing("storing a credential"),
        Record::Revoked(job, credential) => {
            run("DELETE FROM credentials WHERE job = ?1 AND credential = ?2", &[&sql(job.raw()), credential])
                .map(drop)
                .doing("forgetting a credential")
        }
    }
}

fn session(connection: &Connection, stored: &StoredSession) -> rusqlite::Result<()> {
    let features = serde_json::to_string(&stored.features)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    run(
        connection,
        "INSERT INTO sessions (session, id, principal, token_hash, former_hash, features, dialect) \
         VALUES (:session, :id, :principal, :token_hash, :former_hash, :features, :dialect) \
         ON CONFLICT (session) DO UPDATE SET id = excluded.id, principal = excluded.principal, \
         token_hash = excluded.token_hash, former_hash = excluded.former_hash, \
         features = excluded.features, dialect = excluded.dialect",
        named_params! {
            ":session": sql(stored.key.raw()),
            ":id": &*stored.id,
            ":principal": &*stored.principal,
            ":token_hash": stored.token_hash,
            ":former_hash": stored.former_hash,
            ":features": features,
            ":dialect": stored.dialect,
        },
    )
    .map(drop)
}

fn job(connection: &Connection, stored: &StoredJob) -> rusqlite::Result<()> {
    let parent = stored.parent.as_ref();
    run(
        connection,
        "INSERT INTO jobs (job, id, session, principal, agent, input, lease, expires_us, runs_until_us, parent, \
         delegate_id, traceparent, created_us, attempt) \
         VALUES (:job, :id, :session, :principal, :agent, :input, :lease, :expires_us, :runs_until_us, :parent, \
         :delegate_id, :traceparent, :created_us, :attempt) \
         ON CONFLICT (job) DO UPDATE SET id = excluded.id, session = excluded.session, \
         principal = excluded.principal, agent = excluded.agent, input = excluded.input, lease = excluded.lease, \
         expires_us = excluded.expires_us, runs_until_us = excluded.runs_until_us, parent = excluded.parent, \
         delegate_id = excluded.delegate_id, traceparent = excluded.traceparent, \
         created_us = excluded.created_us, attempt = excluded.attempt",
        named_params! {
            ":job": sql(stored.key.raw()),
            ":id": &*stored.id,
            ":session": sql(stored.session.raw()),
            ":principal": &*stored.principal,
            ":agent": stored.agent,
            ":input": &*stored.input,
            ":lease": stored.lease,
            ":expires_us": stored.expires_us.map(sql),
            ":runs_until_us": stored.runs_until_us.map(sql),
            ":parent": parent.map(|(parent, _)| sql(parent.raw())),
            ":delegate_id": parent.map(|(_, delegate_id)| delegate_id),
            ":traceparent": stored.traceparent,
            ":created_us": sql(stored.created_us),
            ":attempt": stored.attempt,
        },
    )
    .map(drop)
}

fn key(connection: &Connection, stored: &StoredKey) -> rusqlite::Result<()> {
    let terminal = stored.terminal.as_ref();
    run(
        connection,
        "INSERT INTO keys (principal, key, hash, job, job_id, accepted, created_us, class, terminal) \
         VALUES (:principal, :key, :hash, :job, :job_id, :accepted, :created_us, :class, :terminal) \
         ON CONFLICT (principal, key) DO UPDATE SET hash = excluded.hash, job = excluded.job, \
         job_id = excluded.job_id, accepted = excluded.accepted, created_us = excluded.created_us, \
         class = excluded.class, terminal = excluded.terminal",
        named_params! {
            ":principal": &*stored.principal,
            ":key": stored.key,
            ":hash": stored.hash,
            ":job": sql(stored.job.raw()),
            ":job_id": &*stored.job_id,
            ":accepted": &*stored.accepted,
            ":created_us": sql(stored.created_us),
            ":class": terminal.map(|(class, _)| class.as_str()),
            ":terminal": terminal.map(|(_, payload)| &**payload),
        },
    )
    .map(drop)
}
