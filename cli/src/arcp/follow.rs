//! `ixt arcp submit`, `tail`, `replay`, `list` and `cancel`.

use std::io::{self, Write};

use ixt::arcp::{Failure, Filter, Job, ListJobs, Outcome, Submission};
use ixt::arcp::engine::Text;
use serde_json::{Value, json};

use super::args::{Cancel, Follow, Form, List, Submit};
use super::show::Show;
use super::{connect, failed};
use crate::style::{ERROR, FAINT};

pub(super) async fn submit(options: &Submit) -> io::Result<bool> {
    let client = connect(&options.at).await?;
    let mut wanted = Submission::new(&options.agent).with_input(&options.input);
    wanted.lease_request = options.lease.as_deref();
    wanted.expires_at = options.expires_at.as_deref();
    wanted.idempotency_key = options.idempotency_key.as_deref();
    wanted.max_runtime_sec = options.max_runtime;
    wanted.trace = options.trace.as_deref();
    let job = client.submit(&wanted).await.map_err(failed)?;
    if options.detach {
        writeln!(io::stdout(), "{}", job.job_id())?;
        client.close().await;
        return Ok(true);
    }
    anstream::eprintln!("{FAINT}{}{FAINT:#}", job.job_id());
    // Interrupted, it asks the job to end, and shows how it does.
    to_its_end(job, &options.form, true).await
}

pub(super) async fn tail(options: &Follow) -> io::Result<bool> {
    let client = connect(&options.at).await?;
    let from = (options.from > 0).then_some(options.from);
    let job = client.subscribe(&options.job, from).await.map_err(failed)?;
    to_its_end(job, &options.form, false).await
}

pub(super) async fn replay(options: &Follow) -> io::Result<bool> {
    let client = connect(&options.at).await?;
    let job = client.subscribe(&options.job, Some(options.from)).await.map_err(failed)?;
    to_its_end(job, &options.form, false).await
}

/// Shows a job until it ends; true where it succeeded.
async fn to_its_end(mut job: Job, form: &Form, cancels: bool) -> io::Result<bool> {
    let mut show = Show::new(form.json, job.info());
    loop {
        let update = tokio::select! {
            update = job.next() => update,
            _ = tokio::signal::ctrl_c() => {
                if !cancels {
                    show.end();
                    return Ok(true);
                }
                job.cancel("interrupted").await.map_err(failed)?;
                continue;
            }
        };
        match update {
            Some(update) => show.update(&update)?,
            None => break,
        }
    }
    show.end();
    match job.outcome() {
        Some(Outcome::Result(result)) => {
            writeln!(io::stdout(), "{}", result.as_ref().map_or("null", |result| result.get()))?;
            Ok(true)
        }
        Some(Outcome::Streamed { bytes: Some(bytes), .. }) => {
            io::stdout().write_all(bytes)?;
            Ok(true)
        }
        Some(Outcome::Failed(status, why)) => {
            anstream::eprintln!("{ERROR}{}{ERROR:#} {why}", status.as_str());
            Ok(false)
        }
        _ => Err(io::Error::other("the connection ended before the job did")),
    }
}

pub(super) async fn list(options: &List) -> io::Result<bool> {
    let client = connect(&options.at).await?;
    let mut cursor: Option<String> = None;
    loop {
        let wanted = ListJobs {
            filter: Filter {
                status: options.status.iter().map(|status| Text::from(status.as_str())).collect(),
                agent: options.agent.as_deref().map(Text::from),
                ..Filter::default()
            },
            limit: None,
            cursor: cursor.as_deref().map(Text::from),
        };
        let listing = client.list_jobs(&wanted).await.map_err(failed)?;
        for job in listing.jobs {
            let lease = job.lease.and_then(|lease| serde_json::from_str::<Value>(lease.get()).ok());
            let line = json!({
                "job_id": job.job_id, "agent": job.agent, "status": job.status, "created_at": job.created_at,
                "last_event_seq": job.last_event_seq, "lease": lease, "trace_id": job.trace_id,
            });
            writeln!(io::stdout(), "{line}")?;
        }
        cursor = listing.next_cursor;
        if cursor.is_none() {
            return Ok(true);
        }
    }
}

pub(super) async fn cancel(options: &Cancel) -> io::Result<bool> {
    let client = connect(&options.at).await?;
    let ended: Result<bool, Failure> = client.cancel(&options.job, &options.reason).await;
    if ended.map_err(failed)? {
        anstream::eprintln!("{FAINT}it had ended before{FAINT:#}");
    }
    Ok(true)
}
