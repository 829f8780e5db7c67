//! A session with a runtime of theirs, step by step.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ixt::arcp::{Client, Code, FinalStatus, ListJobs, Outcome, Submission, Update};
use serde_json::{Value, json};

type Done = Result<(), Box<dyn std::error::Error>>;

fn check(holds: bool, what: impl std::fmt::Display) -> Done {
    if holds { Ok(()) } else { Err(what.to_string().into()) }
}

/// Runs a step, and says what came of it.
async fn step(name: &str, done: impl Future<Output = Done>) {
    let done = tokio::time::timeout(Duration::from_secs(15), done).await;
    let failure = match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("no answer within 15 s".to_owned()),
    };
    println!("{}", json!({"step": name, "ok": failure.is_none(), "why": failure}));
}

/// So many seconds from now, as §9.5 writes it.
fn in_seconds(seconds: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros =
        i64::try_from(since.as_micros()).unwrap_or(0) + i64::try_from(seconds).unwrap_or(0) * 1_000_000;
    ixt::arcp::engine::Timestamp::from_micros(micros).map(|time| time.to_string()).unwrap_or_default()
}

/// Runs the session; `lacks` are kinds of events that their agents have no way to emit.
pub(crate) async fn run(url: &str, lacks: &[&str]) -> Done {
    let client = Client::connect(url, "tok-a").await;
    step("hello", async {
        check(client.is_ok(), format_args!("{client:?}"))?;
        check(client.as_ref().is_ok_and(|client| client.agents().contains("echo")), "the inventory")
    })
    .await;
    let client = client?;
    step("submit, every kind of event, result", async {
        let wanted = Submission::new("echo")
            .with_input(r#"{"x":1}"#)
            .with_lease(r#"{"cost.budget":["USD:1.00"],"tool.call":["search.*"]}"#);
        let mut job = client.submit(&wanted).await?;
        check(
            job.info().budget == [("USD".to_owned(), "1".to_owned())],
            format_args!("{:?}", job.info().budget),
        )?;
        let mut kinds = Vec::new();
        while let Some(Update::Event(event)) = job.next().await {
            kinds.push(event.kind);
        }
        for kind in
            ["status", "log", "thought", "tool_call", "tool_result", "metric", "artifact_ref", "progress"]
        {
            let is_there = kinds.iter().any(|other| other == kind) || lacks.contains(&kind);
            check(is_there, format_args!("no {kind} in {kinds:?}"))?;
        }
        check(job.result::<Value>()? == json!({"echoed": {"x": 1}}), "the result")
    })
    .await;
    step("streamed result", async {
        let mut job = client.submit(&Submission::new("chunky")).await?;
        job.ended().await?;
        let bytes = job.bytes()?;
        check(bytes == b"hello world \x00\xff", format_args!("{}", bytes.escape_ascii()))
    })
    .await;
    step("list", async {
        let job = client.submit(&Submission::new("slow").with_input(r#"{"n":100}"#)).await?;
        let listing = client.list_jobs(&ListJobs::default()).await?;
        let found = listing.jobs.iter().any(|listed| listed.job_id == job.job_id());
        job.cancel("").await?;
        check(found, "the job is not in the list")
    })
    .await;
    step("cancel", async {
        let mut job = client.submit(&Submission::new("slow").with_input(r#"{"n":100}"#)).await?;
        job.next().await;
        job.cancel("enough").await?;
        job.ended().await?;
        check(job.is_cancelled(), format_args!("{:?}", job.outcome()))
    })
    .await;
    step("subscribe with history", async {
        let watcher = Client::connect(url, "tok-a").await?;
        // With some runtimes an ack of the submitter frees what others could still ask for.
        let owner = Client::builder().settings(|settings| settings.ack_ms = 0).connect(url, "tok-a").await?;
        let job = owner.submit(&Submission::new("slow").with_input(r#"{"n":100}"#)).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut seen = watcher.subscribe(job.job_id(), Some(0)).await?;
        let Some(Update::Event(first)) = seen.next().await else { return Err("no event".into()) };
        let is_first = first.kind == "status" || first.body.get().replace(' ', "").contains("\"current\":0");
        job.cancel("").await?;
        seen.ended().await?;
        check(is_first, format_args!("the first event is {first:?}"))
    })
    .await;
    step("cancel and subscribe by another principal", async {
        let other = Client::connect(url, "tok-b").await?;
        let job = client.submit(&Submission::new("slow").with_input(r#"{"n":100}"#)).await?;
        let cancelled = tokio::time::timeout(Duration::from_secs(2), other.cancel(job.job_id(), "")).await;
        let subscribed = other.subscribe(job.job_id(), None).await;
        job.cancel("").await?;
        check(!matches!(cancelled, Ok(Ok(_))), "it was cancelled by somebody else")?;
        check(
            subscribed.is_err_and(|why| why.code == Code::PermissionDenied),
            "it was shown to somebody else",
        )
    })
    .await;
    step("resume in the middle of a job", async {
        let mut job = client.submit(&Submission::new("slow").with_input(r#"{"n":30}"#)).await?;
        let (mut next, mut cuts) = (0, 0);
        while let Some(update) = job.next().await {
            let Update::Event(event) = update else { continue };
            if event.kind != "progress" {
                continue;
            }
            let body: Value = serde_json::from_str(event.body.get())?;
            check(
                body["current"].as_f64() == Some(f64::from(next)),
                format_args!("{next} was due, and not {body}"),
            )?;
            next += 1;
            if next == 10 {
                client.disconnect();
                cuts += 1;
            }
        }
        check(next == 30 && cuts == 1, format_args!("{next} events"))?;
        check(job.result::<Value>().is_ok(), "no result")
    })
    .await;
    for (name, wanted, code) in [
        ("unknown agent", Submission::new("nosuch"), Code::AgentNotAvailable),
        ("unknown version", Submission::new("echo@9.9.9"), Code::AgentVersionNotAvailable),
        (
            "lease that has ended",
            Submission::new("noop").with_expiry("2020-01-01T00:00:00Z"),
            Code::InvalidRequest,
        ),
    ] {
        step(name, async {
            let refused = client.submit(&wanted).await;
            check(refused.as_ref().is_err_and(|why| why.code == code), format_args!("{refused:?}"))
        })
        .await;
    }
    step("timeout", async {
        let wanted = Submission::new("slow").with_input(r#"{"n":100}"#).with_max_runtime(1.0);
        let mut job = client.submit(&wanted).await?;
        let outcome = job.ended().await?;
        check(
            matches!(outcome, Outcome::Failed(FinalStatus::TimedOut, why) if why.code == Code::Timeout),
            format_args!("{outcome:?}"),
        )
    })
    .await;
    step("agent that fails", async {
        let mut job = client.submit(&Submission::new("boom")).await?;
        let outcome = job.ended().await?;
        check(
            matches!(outcome, Outcome::Failed(FinalStatus::Error, why) if why.code == Code::InternalError),
            format_args!("{outcome:?}"),
        )
    })
    .await;
    step("lease that ends meanwhile", async {
        let expires_at = in_seconds(2);
        let wanted = Submission::new("slow")
            .with_input(r#"{"n":100}"#)
            .with_lease(r#"{"tool.call":["*"]}"#)
            .with_expiry(&expires_at);
        let mut job = client.submit(&wanted).await?;
        let outcome = job.ended().await?;
        check(
            matches!(outcome, Outcome::Failed(FinalStatus::Error, why) if why.code == Code::LeaseExpired),
            format_args!("{outcome:?}"),
        )
    })
    .await;
    step("budget that is spent", async {
        let wanted =
            Submission::new("spend").with_lease(r#"{"cost.budget":["USD:1.00"],"tool.call":["search.*"]}"#);
        let mut job = client.submit(&wanted).await?;
        job.ended().await?;
        let result = job.result::<Value>()?;
        check(result == json!({"spent": 3}), result)
    })
    .await;
    step("the same key again", async {
        let key = format!("k{}", std::process::id());
        let wanted = Submission::new("echo").with_input("1").with_key(&key);
        let mut first = client.submit(&wanted).await?;
        first.ended().await?;
        let again = client.submit(&wanted).await?;
        check(first.job_id() == again.job_id(), "another job")
    })
    .await;
    step("the same key for something else", async {
        let key = format!("k{}", std::process::id());
        let refused = client.submit(&Submission::new("echo").with_input("2").with_key(&key)).await;
        check(refused.as_ref().is_err_and(|why| why.code == Code::DuplicateKey), format_args!("{refused:?}"))
    })
    .await;
    step("wrong token", async {
        let refused = Client::connect(url, "wrong").await;
        check(
            refused.as_ref().is_err_and(|why| why.code == Code::Unauthenticated),
            format_args!("{refused:?}"),
        )
    })
    .await;
    step("a quiet while", async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        let mut job = client.submit(&Submission::new("noop")).await?;
        job.ended().await?;
        check(matches!(job.outcome(), Some(Outcome::Result(_))), format_args!("{:?}", job.outcome()))
    })
    .await;
    step("close", async {
        client.close().await;
        Ok(())
    })
    .await;
    Ok(())
}
