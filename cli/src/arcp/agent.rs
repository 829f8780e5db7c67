//! An agent that is a command: its lines are what happens in the job.

use std::borrow::Cow;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ixt::arcp::{Code, JobContext, Refusal};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// Bytes of a line: the largest part of a result, however it is escaped.
const MAX_LINE: u64 = 4 << 20;
/// How long the last words of a command that failed are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the command for a job.
pub(super) async fn run(command: &str, job: JobContext) -> Result<Option<Box<RawValue>>, Refusal> {
    let mut running = Running(start(command, &job).map_err(|error| failed(format!("sh: {error}")))?);
    if let Some(mut stdin) = running.0.stdin.take() {
        let input = format!("{}\n", job.input_json());
        // Beside its output, which it may want to be rid of first. Who does not read its input needs none.
        tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
    }
    let complaint = running.0.stderr.take().map(last_line);
    let mut result = Given::default();
    if let Some(stdout) = running.0.stdout.take() {
        let (mut stdout, mut bytes) = (BufReader::new(stdout), Vec::new());
        while line(&mut stdout, &mut bytes).await.map_err(|error| failed(error.to_string()))? {
            heed(&job, &String::from_utf8_lossy(&bytes), &mut result).await?;
        }
    }
    let status = running.0.wait().await.map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(result.whole);
    }
    let said = match complaint {
        // Something that it has left behind may hold it open.
        Some(complaint) => {
            tokio::time::timeout(LAST_WORDS, complaint).await.ok().and_then(Result::ok).flatten()
        }
        None => None,
    };
    Err(failed(said.unwrap_or_else(|| format!("the agent's command ended with {status}"))))
}

/// A command that runs. Dropped before its end, it is killed with all that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // None once its end was waited for: then the number may be another's.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

fn start(command: &str, job: &JobContext) -> io::Result<Child> {
    let trace = job.trace();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Whose tokens are taken is no business of an agent.
        .env_remove("IXT_ARCP_PRINCIPALS")
        .env_remove("IXT_ARCP_TOKEN")
        .env_remove("TRACEPARENT")
        .env("ARCP_JOB_ID", job.job_id())
        .env("ARCP_AGENT", job.agent())
        .env("ARCP_PRINCIPAL", job.principal())
        .env("ARCP_ATTEMPT", job.attempt().to_string())
        .env("ARCP_LEASE", serde_json::to_string(job.lease())?)
        .env("ARCP_TRACE", &trace)
        .process_group(0)
        .kill_on_drop(true);
    if trace.contains('-') {
        shell.env("TRACEPARENT", &trace);
    }
    shell.spawn()
}

/// What of a line counts.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    chunk: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    chunk_base64: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "whatever")]
    result: Option<Box<RawValue>>,
}

/// A result may be `null`.
fn whatever<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// What it has given.
#[derive(Default)]
struct Given {
    whole: Option<Box<RawValue>>,
    parts: bool,
}

/// A line of the command.
async fn heed(job: &JobContext, line: &str, given: &mut Given) -> Result<(), Refusal> {
    let line = line.trim_end();
    let Some(said) = line.starts_with('{').then(|| serde_json::from_str::<Said<'_>>(line).ok()).flatten()
    else {
        return job.log("info", line).await;
    };
    if let Some(result) = said.result {
        given.whole = Some(result);
    } else if let Some(part) = said.chunk {
        given.parts = true;
        job.chunk_text(part).await?;
    } else if let Some(part) = said.chunk_base64 {
        given.parts = true;
        let part =
            STANDARD.decode(part.as_bytes()).map_err(|error| failed(format!("chunk_base64: {error}")))?;
        job.chunk(part).await?;
    } else if let Some(kind) = said.kind {
        let body = said.body.map_or("{}", RawValue::get);
        may(job, &kind, body)?;
        job.emit_many(&kind, &[body]).await?;
    } else {
        return job.log("info", line).await;
    }
    if given.parts && given.whole.is_some() {
        return Err(failed("the agent gave a result in parts and another one in one piece".to_owned()));
    }
    Ok(())
}

/// Whether the lease and the budget allow what the command says that it does.
fn may(job: &JobContext, kind: &str, body: &str) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Call<'a> {
        #[serde(borrow)]
        tool: Cow<'a, str>,
    }
    if kind != "tool_call" {
        return Ok(());
    }
    let call: Call<'_> =
        serde_json::from_str(body).map_err(|error| Refusal::invalid(format!("tool_call: {error}")))?;
    job.authorize("tool.call", &call.tool).map(|_| ())
}

/// Reads a line without its end; false where there is none.
async fn line(reader: &mut (impl AsyncBufRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    let read = reader.take(MAX_LINE).read_until(b'\n', bytes).await?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if read as u64 == MAX_LINE {
        return Err(io::Error::other(format!("the agent wrote a line of more than {MAX_LINE} bytes")));
    }
    Ok(read > 0)
}

/// The last line of a command's complaints that says anything; all of them go to standard error here too.
fn last_line(stderr: impl AsyncRead + Send + Unpin + 'static) -> JoinHandle<Option<String>> {
    tokio::spawn(async move {
        let (mut stderr, mut bytes, mut last) = (BufReader::new(stderr), Vec::new(), None);
        while let Ok(true) = line(&mut stderr, &mut bytes).await {
            let said = String::from_utf8_lossy(&bytes).trim().to_owned();
            if !said.is_empty() {
                anstream::eprintln!("{said}");
                last = Some(said);
            }
        }
        last
    })
}

fn failed(message: String) -> Refusal {
    Refusal::new(Code::InternalError, message)
}
