//! `ixt arcp` as its users run it: real processes over WebSocket and over pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

const IXT: &str = env!("CARGO_BIN_EXE_ixt");

/// An agent that says a little of everything.
const AGENT: &str = r#"read input
echo "starting with $input"
echo '{"kind":"progress","body":{"current":1,"total":2,"units":"steps"}}'
echo '{"kind":"metric","body":{"name":"cost.x","value":0.25,"unit":"USD"}}'
echo "{\"result\":{\"got\":$input,\"attempt\":$ARCP_ATTEMPT}}""#;

struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(more: &[&str]) -> Self {
        let echo = format!("echo@1.0.0={AGENT}");
        let mut command = Command::new(IXT);
        command
            .args(["arcp", "serve", "--listen", "127.0.0.1:0", "--principal", "ada=s3cret", "--principal", "bob=other"])
            .args(["--agent", &echo, "--agent", "sleeper=exec sleep 600", "--agent", "boom=echo it broke >&2; exit 3"])
            .args(["--agent", r#"chunky=for n in 1 2 3; do echo "{\"chunk\":\"part $n \"}"; done"#])
            .args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn ixt(&self, what: &[&str]) -> Output {
        self.ixt_as("s3cret", what)
    }

    fn ixt_as(&self, token: &str, what: &[&str]) -> Output {
        let (command, more) = what.split_first().unwrap();
        Command::new(IXT)
            .args(["arcp", command, "--url", &self.url, "--token", token])
            .args(more)
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn said(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_job_is_submitted_and_shown() {
    let serving = Serving::start(&[]);
    let lease = r#"{"cost.budget":["USD:1.00"]}"#;
    let done = serving.ixt(&["submit", "echo", r#"{"x":1}"#, "--lease", lease]);
    assert_eq!(out(&done), r#"{"attempt":1,"got":{"x":1}}"#);
    assert!(String::from_utf8_lossy(&done.stderr).contains(r#"starting with {"x":1}"#), "{done:?}");
    let lines = out(&serving.ixt(&["submit", "echo", "7", "--json"]));
    let kinds: Vec<_> = lines.lines().filter(|line| line.contains("\"kind\"")).collect();
    assert_eq!(kinds.len(), 3, "{lines}");
    assert_eq!(out(&serving.ixt(&["submit", "chunky"])), "part 1 part 2 part 3");
    assert!(said(&serving.ixt(&["submit", "boom"])).contains("it broke"));
    assert!(said(&serving.ixt(&["submit", "nosuch"])).contains("AGENT_NOT_AVAILABLE"));
    assert!(said(&serving.ixt_as("wrong", &["list"])).contains("UNAUTHENTICATED"));
}

#[test]
fn jobs_are_listed_followed_and_cancelled() {
    let serving = Serving::start(&[]);
    let job = out(&serving.ixt(&["submit", "sleeper", "--detach"]));
    let listed = out(&serving.ixt(&["list", "--status", "running", "--status", "pending"]));
    assert!(listed.contains(&job) && listed.lines().count() == 1, "{listed}");
    assert_eq!(out(&serving.ixt_as("other", &["list"])), "");
    assert!(said(&serving.ixt_as("other", &["replay", &job])).contains("PERMISSION_DENIED"));
    out(&serving.ixt(&["cancel", &job, "--reason", "enough"]));
    assert!(said(&serving.ixt(&["replay", &job])).contains("enough"));
    assert!(out(&serving.ixt(&["list", "--status", "cancelled"])).contains(&job));
}

#[test]
fn a_store_brings_jobs_back_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("jobs.db");
    let more = ["--store", store.to_str().unwrap()];
    let first = Serving::start(&more);
    assert_eq!(out(&first.ixt(&["submit", "echo", "1", "--idempotency-key", "k"])), r#"{"attempt":1,"got":1}"#);
    let sleeper = out(&first.ixt(&["submit", "sleeper", "--detach"]));
    // Killed, and not asked.
    drop(first);
    let second = Serving::start(&more);
    let listed = out(&second.ixt(&["list"]));
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(said(&second.ixt(&["replay", &sleeper])).contains("INTERNAL_ERROR"));
    let again = second.ixt(&["submit", "echo", "1", "--idempotency-key", "k"]);
    assert_eq!(out(&again), r#"{"attempt":1,"got":1}"#, "the same job, and not another");
    assert_eq!(out(&second.ixt(&["list"])).lines().count(), 2);
}

#[test]
fn standard_input_and_output_carry_a_session() {
    let echo = format!("echo={AGENT}");
    let mut child = Command::new(IXT)
        .args(["arcp", "serve", "--stdio", "--principal", "ada=s3cret", "--agent", &echo])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let hello = r#"{"type":"session.hello","id":"1","payload":{"auth":{"scheme":"bearer","token":"s3cret"}}}"#;
    writeln!(stdin, "{hello}").unwrap();
    assert!(lines.next().unwrap().unwrap().contains("session.welcome"));
    writeln!(stdin, r#"{{"type":"job.submit","id":"2","payload":{{"agent":"echo","input":5}}}}"#).unwrap();
    let end = lines.map(Result::unwrap).find(|line| line.contains("job.result")).unwrap();
    assert!(end.contains(r#""got":5"#), "{end}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
