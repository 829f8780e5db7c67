//! `ixt arcp submit`, `tail` and `replay`: a job to its end.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use ixt::arcp::{Client, Job, Submission};

use super::args::{Follow, Form, Replay, Submit};
use super::connect::{connect, failed};
use super::end::{INTERRUPTED, tell};
use super::show::Show;
use crate::interrupts::Interrupts;
use crate::style::FAINT;

pub(super) async fn submit(options: &Submit) -> io::Result<ExitCode> {
    let mut input = options.input.clone();
    if input == "-" {
        input.clear();
        io::stdin().read_to_string(&mut input)?;
    }
    let client = connect(&options.at).await?;
    let mut wanted = Submission::new(&options.agent).with_input(input.trim());
    wanted.lease_request = options.lease.as_deref();
    wanted.expires_at = options.expires_at.as_deref();
    wanted.idempotency_key = options.idempotency_key.as_deref();
    wanted.max_runtime_sec = options.max_runtime;
    wanted.trace = options.trace.as_deref();
    let job = client.submit(&wanted).await.map_err(failed)?;
    if options.detach {
        writeln!(io::stdout(), "{}", job.job_id())?;
        client.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    to_its_end(&client, job, &options.form, true).await
}

pub(super) async fn tail(options: &Follow) -> io::Result<ExitCode> {
    follow(options, None).await
}

pub(super) async fn replay(options: &Replay) -> io::Result<ExitCode> {
    follow(&options.follow, Some(options.from)).await
}

async fn follow(options: &Follow, from: Option<u64>) -> io::Result<ExitCode> {
    let client = connect(&options.at).await?;
    let mut job = client.subscribe(&options.job, from).await.map_err(failed)?;
    // Of a job that has ended nothing comes any more but what is asked for: its last event says how.
    let before_last = job.info().last_event_seq.unwrap_or_default().saturating_sub(1);
    let has_ended = !matches!(job.info().status.as_str(), "pending" | "running");
    if has_ended && from.is_none_or(|from| from > before_last) {
        job = client.subscribe(&options.job, Some(before_last)).await.map_err(failed)?;
    }
    to_its_end(&client, job, &options.form, false).await
}

/// Shows a job until it ends. Interrupted, who may cancels it and shows how it ends; a second interrupt, and that of
/// who only looks on, ends the session in order.
async fn to_its_end(client: &Client, mut job: Job, form: &Form, cancels: bool) -> io::Result<ExitCode> {
    let mut interrupts = Interrupts::new()?;
    let mut show = Show::new(form.json, job.info())?;
    let mut cancelling = None;
    loop {
        let update = tokio::select! {
            update = job.next() => update,
            () = interrupts.next() => {
                if !cancels || cancelling.is_some() {
                    show.end();
                    client.close().await;
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                anstream::eprintln!("{FAINT}cancelling; another interrupt leaves the job to itself{FAINT:#}");
                // Beside what comes: the answer stands behind it.
                let (client, job_id) = (client.clone(), job.job_id().to_owned());
                cancelling = Some(tokio::spawn(async move { client.cancel(&job_id, "interrupted").await }));
                continue;
            }
        };
        match update {
            Some(update) => show.update(&update)?,
            None => break,
        }
    }
    show.end();
    let told = tell(&job, form.json);
    if told.is_ok() {
        client.close().await;
    }
    told
}
