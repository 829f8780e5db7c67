//! `ixt arcp list` and `cancel`: one question each.

use std::io::{self, Write};
use std::process::ExitCode;

use ixt::arcp::engine::Text;
use ixt::arcp::{Filter, JobInfo, ListJobs};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::args::{Cancel, List};
use super::connect::{connect, failed};
use super::show::clean;
use crate::style::{ERROR, FAINT, FIELD, KIND};

pub(super) async fn list(options: &List) -> io::Result<ExitCode> {
    let client = connect(&options.at).await?;
    let mut out = anstream::stdout().lock();
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
        for job in &listing.jobs {
            if options.json { writeln!(out, "{}", line(job))? } else { entry(&mut out, job)? }
        }
        cursor = listing.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    drop(out);
    client.close().await;
    Ok(ExitCode::SUCCESS)
}

/// For machines.
fn line(job: &JobInfo) -> Value {
    let value = |raw: &Option<Box<RawValue>>| {
        raw.as_ref().and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok())
    };
    json!({
        "job_id": job.job_id, "agent": job.agent, "status": job.status, "created_at": job.created_at,
        "last_event_seq": job.last_event_seq, "lease": value(&job.lease), "parent_job_id": job.parent_job_id,
        "trace_id": job.trace_id,
    })
}

/// For people.
fn entry(out: &mut impl Write, job: &JobInfo) -> io::Result<()> {
    let style = match job.status.as_str() {
        "success" => FIELD,
        "pending" | "running" => KIND,
        _ => ERROR,
    };
    let created = job.created_at.as_deref().unwrap_or_default();
    writeln!(
        out,
        "{FAINT}{}{FAINT:#}  {style}{:<9}{style:#}  {:<24}  {FAINT}{}{FAINT:#}",
        clean(&job.job_id),
        clean(&job.status),
        clean(&job.agent),
        clean(created),
    )
}

pub(super) async fn cancel(options: &Cancel) -> io::Result<ExitCode> {
    let client = connect(&options.at).await?;
    let had_ended = client.cancel(&options.job, &options.reason).await.map_err(failed)?;
    if had_ended {
        anstream::eprintln!("{FAINT}it had ended before{FAINT:#}");
    }
    client.close().await;
    Ok(ExitCode::SUCCESS)
}
