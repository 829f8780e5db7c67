//! An agent that is a command: its lines are what happens in the job.

use std::io;
use std::process::Stdio;

use ixt::arcp::{Code, JobContext, Refusal};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// Runs the command for a job.
pub(super) async fn run(command: &str, job: JobContext) -> Result<Value, Refusal> {
    let mut child = start(command, &job).map_err(|error| failed(format!("the agent does not start: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read its input needs none.
        let _ = stdin.write_all(format!("{}\n", job.input_json()).as_bytes()).await;
    }
    let complaint = child.stderr.take().map(|stderr| {
        tokio::spawn(async move {
            let (mut lines, mut last) = (BufReader::new(stderr).lines(), None);
            while let Ok(Some(line)) = lines.next_line().await {
                last = Some(line).filter(|line| !line.trim().is_empty()).or(last);
            }
            last
        })
    });
    let mut result = Value::Null;
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(|error| failed(error.to_string()))? {
            heed(&job, &line, &mut result).await?;
        }
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(result);
    }
    let said = match complaint {
        Some(complaint) => complaint.await.ok().flatten(),
        None => None,
    };
    Err(failed(said.unwrap_or_else(|| format!("the agent ended with {status}"))))
}

fn start(command: &str, job: &JobContext) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("ARCP_JOB_ID", job.job_id())
        .env("ARCP_AGENT", job.agent())
        .env("ARCP_ATTEMPT", job.attempt().to_string())
        .env("ARCP_LEASE", serde_json::to_string(job.lease()).unwrap_or_default())
        .env("TRACEPARENT", job.trace())
        // A job that ends takes its command along.
        .kill_on_drop(true)
        .spawn()
}

/// A line of the command.
async fn heed(job: &JobContext, line: &str, result: &mut Value) -> Result<(), Refusal> {
    let said = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(said)) => said,
        _ => return job.log("info", line).await,
    };
    if let Some(found) = said.get("result") {
        *result = found.clone();
        return Ok(());
    }
    if let Some(part) = said.get("chunk").and_then(Value::as_str) {
        return job.chunk(part).await;
    }
    match said.get("kind").and_then(Value::as_str) {
        Some(kind) => job.emit(kind, said.get("body").unwrap_or(&json!({}))).await,
        None => job.log("info", line).await,
    }
}

fn failed(message: String) -> Refusal {
    Refusal::new(Code::InternalError, message)
}
