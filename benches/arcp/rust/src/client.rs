//! What a client measures with the SDK's own client.

use std::time::Instant;

use ixt::arcp::{Client, Job, Submission, Transport, Update};
use serde_json::Value;

use crate::serving::{self, Emit};
use crate::telling::{figure, mark};
use crate::{Failure, TOKEN, raw};

const EVENTS: u64 = 20_000;
const FLOOD: u64 = 100_000;
const HISTORY: u64 = 5000;
const SESSIONS: usize = 1000;
/// Jobs in each measure of jobs.
const JOBS: usize = 2000;
const AT_A_TIME: usize = 64;
/// Jobs that have ended, when the runtime's memory is looked at.
const FINISHED: [usize; 3] = [5000, 10_000, 20_000];

pub(crate) async fn measure(url: &str, measure: &str) -> Result<(), Failure> {
    let connect = || Client::connect(url, TOKEN);
    match measure {
        "events" => events(&connect().await?).await,
        "one" => jobs(&connect().await?, 1).await,
        "many" => jobs(&connect().await?, AT_A_TIME).await,
        "sessions" => {
            mark("before").await?;
            let mut sessions = Vec::with_capacity(SESSIONS);
            for _ in 0..SESSIONS {
                sessions.push(connect().await?);
            }
            mark("idle").await
        }
        "flood" => {
            let client = connect().await?;
            mark("ready").await?;
            read(&client, FLOOD).await?;
            Ok(())
        }
        "finished" => {
            let client = connect().await?;
            mark("0").await?;
            let mut done = 0;
            for until in FINISHED {
                run(&client, until - done, AT_A_TIME).await?;
                done = until;
                mark(&done.to_string()).await?;
            }
            Ok(())
        }
        "ping" => raw::ping(url).await,
        "history" => raw::history(url, HISTORY).await,
        "resume" => raw::resume(url, HISTORY).await,
        "sleep" => raw::sleep(url).await,
        _ => Err(format!("no such measure: {measure}").into()),
    }
}

pub(crate) async fn events_in_memory() -> Result<(), Failure> {
    let runtime = serving::builder().build()?;
    let (here, there) = Transport::memory();
    runtime.serve(there);
    events(&Client::over(here, TOKEN).await?).await
}

/// Reads the next `count` events of a job.
async fn follow(job: &mut Job, count: u64) -> Result<(), Failure> {
    for seen in 0..count {
        match job.next().await {
            Some(Update::Event(_)) => {}
            other => return Err(format!("{other:?} behind {seen} of {count} events").into()),
        }
    }
    Ok(())
}

/// All events of a job, and its end.
async fn read(client: &Client, count: u64) -> Result<(), Failure> {
    let input = serde_json::to_string(&Emit { count, stays: false })?;
    let mut job = client.submit(&Submission::new("emit").with_input(&input)).await?;
    follow(&mut job, count).await?;
    job.ended().await?;
    let told: u64 = job.result()?;
    if told == count { Ok(()) } else { Err(format!("{told} of {count} events").into()) }
}

async fn events(client: &Client) -> Result<(), Failure> {
    read(client, EVENTS / 10).await?;
    let start = Instant::now();
    read(client, EVENTS).await?;
    figure("a second", EVENTS as f64 / start.elapsed().as_secs_f64())
}

/// Runs jobs, from submit to result, so many at a time.
async fn run(client: &Client, count: usize, at_a_time: usize) -> Result<(), Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..at_a_time {
        let client = client.clone();
        tasks.spawn(async move {
            for _ in (place..count).step_by(at_a_time) {
                let mut job = client
                    .submit(&Submission::new("echo").with_input(r#"{"x":1}"#))
                    .await
                    .map_err(|why| why.to_string())?;
                job.ended().await.map_err(|why| why.to_string())?;
                let told: Value = job.result().map_err(|why| why.to_string())?;
                if told["x"] != 1 {
                    return Err(format!("another result: {told}"));
                }
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn jobs(client: &Client, at_a_time: usize) -> Result<(), Failure> {
    run(client, JOBS / 10, at_a_time).await?;
    let start = Instant::now();
    run(client, JOBS, at_a_time).await?;
    figure("a second", JOBS as f64 / start.elapsed().as_secs_f64())
}
