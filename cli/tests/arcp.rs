//! `ixt arcp` as its users run it: real processes over WebSocket and over pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ixt::arcp::{Client, FinalStatus, Outcome, Submission, Transport};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

const IXT: &str = env!("CARGO_BIN_EXE_ixt");

/// An agent that says a little of everything.
const AGENT: &str = r#"read input
echo "starting with $input"
echo '{"kind":"progress","body":{"current":1,"total":2,"units":"steps"}}'
echo '{"kind":"metric","body":{"name":"cost.x","value":0.25,"unit":"USD"}}'
echo "{\"result\":{\"got\":$input,\"attempt\":$ARCP_ATTEMPT}}""#;

/// One that does not end by itself, with a child that does not either and says so by a file.
const SLEEPER: &str = r#"sleeper=read file; file=$(echo "$file" | tr -d '"');
(while kill -0 $PPID; do [ "$file" != null ] && date +%s%N > "$file"; sleep 0.05; done) & echo waiting; wait"#;

/// One that buys as long as it may.
const SHOPPER: &str = r#"shopper=for n in 1 2 3 4 5; do
echo '{"kind":"tool_call","body":{"tool":"shop.buy","args":{},"call_id":"c"}}'
echo '{"kind":"metric","body":{"name":"cost.shop","value":0.25,"unit":"USD"}}'
done"#;

/// One that looks for what is none of its business.
const SECRETS: &str = r#"secrets=env | grep -c "s3cret\|IXT_ARCP_TOKEN\|IXT_ARCP_PRINCIPALS"; echo "{\"result\":\"$ARCP_PRINCIPAL\"}""#;

struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(more: &[&str]) -> Self {
        Self::trusting(&["--principal", "ada=s3cret", "--principal", "bob=other"], more)
    }

    fn trusting(whom: &[&str], more: &[&str]) -> Self {
        let echo = format!("echo@1.0.0={AGENT}");
        let mut command = Command::new(IXT);
        command
            .args(["arcp", "serve", "--listen", "127.0.0.1:0", "--owners-cancel"])
            .args(["--agent", &echo, "--agent", SLEEPER, "--agent", "boom=echo it broke >&2; exit 3"])
            .args(["--agent", r#"chunky=for n in 1 2 3; do echo "{\"chunk\":\"part $n \"}"; done"#])
            .args(["--agent", SHOPPER, "--agent", SECRETS, "--agent", "loud=printf '\\033[2Jboo\\n'"])
            .args(whom)
            .args(more)
            .env("IXT_ARCP_TOKEN", "of somebody else");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("ws"), "{url:?}");
        Self { child, url: url.trim().to_owned() }
    }

    fn ixt(&self, what: &[&str]) -> Output {
        self.ixt_as("s3cret", what)
    }

    fn ixt_as(&self, token: &str, what: &[&str]) -> Output {
        self.command(token, what).output().unwrap()
    }

    fn command(&self, token: &str, what: &[&str]) -> Command {
        let mut command = ixt(what);
        command.env("IXT_ARCP_URL", &self.url).env("IXT_ARCP_TOKEN", token);
        command
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ixt(what: &[&str]) -> Command {
    let mut command = Command::new(IXT);
    command.arg("arcp").args(what).env("NO_COLOR", "1").env_remove("TRACEPARENT");
    command
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What it complains of, where it ended with this status.
fn said(status: i32, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(child: &Child) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
}

#[test]
fn a_job_is_submitted_and_shown() {
    let serving = Serving::start(&[]);
    let lease = r#"{"cost.budget":["USD:1.00"]}"#;
    let done = serving.ixt(&["submit", "echo", r#"{"x":12345678901234567890123}"#, "--lease", lease]);
    assert_eq!(out(&done), r#"{"got":{"x":12345678901234567890123},"attempt":1}"#);
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    for line in [
        r#"starting with {"x":1234"#,
        "progress 1 of 2 steps",
        "budget USD 1 of 1 left",
        "budget USD 0.75 of 1 left",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(out(&serving.ixt(&["submit", "chunky"])), "part 1 part 2 part 3");
    assert!(said(3, &serving.ixt(&["submit", "boom"])).contains("it broke"));
    assert!(said(1, &serving.ixt(&["submit", "nosuch"])).contains("AGENT_NOT_AVAILABLE"));
    assert!(said(1, &serving.ixt_as("wrong", &["list"])).contains("UNAUTHENTICATED"));
    assert!(said(5, &serving.ixt(&["submit", "sleeper", "--max-runtime", "0.3"])).contains("TIMEOUT"));
    let loud = serving.ixt(&["submit", "loud"]);
    assert!(loud.status.success());
    assert!(String::from_utf8_lossy(&loud.stderr).contains(r"\u{1b}[2Jboo"), "{loud:?}");
    // Standard input in place of an argument.
    let mut child = serving.command("s3cret", &["submit", "echo", "-"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[7]\n").unwrap();
    assert_eq!(out(&child.wait_with_output().unwrap()), r#"{"got":[7],"attempt":1}"#);
}

#[test]
fn machines_read_lines_of_json() {
    let serving = Serving::start(&[]);
    let lines = |what: &[&str]| -> Vec<Value> {
        let done = serving.ixt(what);
        String::from_utf8_lossy(&done.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let told = lines(&["submit", "echo", "7", "--json", "--lease", r#"{"cost.budget":["USD:1"]}"#]);
    assert_eq!(told[0]["budget"], json!({"USD": "1"}));
    let kinds: Vec<_> = told.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["log", "progress", "metric", "metric"]);
    let numbers: Vec<_> = told.iter().filter_map(|line| line["event_seq"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let end = told.last().unwrap();
    assert_eq!((&end["end"], &end["result"]), (&json!("success"), &json!({"got": 7, "attempt": 1})));

    let parts = lines(&["submit", "chunky", "--json"]);
    let text: String = parts.iter().filter_map(|line| line["chunk"].as_str()).collect();
    assert_eq!((text.as_str(), &parts.last().unwrap()["size"]), ("part 1 part 2 part 3 ", &json!(21)));

    let end = lines(&["submit", "boom", "--json"]).pop().unwrap();
    assert_eq!(
        end,
        json!({"end": "error", "code": "INTERNAL_ERROR", "message": "it broke", "retryable": true})
    );
    let listed = lines(&["list", "--json", "--agent", "boom"]);
    assert_eq!((listed.len(), &listed[0]["status"]), (1, &json!("error")));
    let job = told[0]["job_id"].as_str().unwrap();
    assert_eq!(
        lines(&["replay", job, "--json", "--from", "3"])
            .iter()
            .filter(|line| line["kind"].is_string())
            .count(),
        1
    );
}

#[test]
fn jobs_are_listed_followed_and_cancelled() {
    let serving = Serving::start(&[]);
    let job = out(&serving.ixt(&["submit", "sleeper", "--detach"]));
    let listed = out(&serving.ixt(&["list", "--status", "running", "--status", "pending"]));
    assert!(listed.contains(&job) && listed.lines().count() == 1, "{listed}");
    assert_eq!(out(&serving.ixt_as("other", &["list"])), "");
    assert!(said(1, &serving.ixt_as("other", &["replay", &job])).contains("PERMISSION_DENIED"));
    assert!(said(1, &serving.ixt_as("other", &["cancel", &job])).contains("JOB_NOT_FOUND"));
    let tail = serving
        .command("s3cret", &["tail", &job])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    out(&serving.ixt(&["cancel", &job, "--reason", "enough"]));
    tail.wait_with_output().unwrap();
    assert!(said(4, &serving.ixt(&["replay", &job])).contains("enough"));
    // Nothing comes any more of a job that has ended but how it did.
    assert!(said(4, &serving.ixt(&["tail", &job])).contains("enough"));
    assert!(said(4, &serving.ixt(&["replay", &job, "--from", "99"])).contains("enough"));
    assert!(out(&serving.ixt(&["list", "--status", "cancelled"])).contains(&job));
    let again = serving.ixt(&["cancel", &job]);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stderr).contains("had ended before"));
}

#[test]
fn a_cancelled_command_ends_with_all_that_it_has_started() {
    let serving = Serving::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("beats");
    let job = out(&serving.ixt(&["submit", "sleeper", &json!(file).to_string(), "--detach"]));
    let beat = || std::fs::read(&file).unwrap_or_default();
    until("it runs", || !beat().is_empty());
    out(&serving.ixt(&["cancel", &job]));
    std::thread::sleep(Duration::from_millis(200));
    let last = beat();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(beat(), last, "its child goes on");
}

#[test]
fn an_interrupt_cancels_who_submitted_and_only_ends_who_looks_on() {
    let serving = Serving::start(&[]);
    let start = |what: &[&str]| {
        let mut child = serving.command("s3cret", what);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        stderr.read_line(&mut first).unwrap();
        (child, first.trim().to_owned(), stderr)
    };
    let (mut submit, job, mut words) = start(&["submit", "sleeper"]);
    let mut waiting = String::new();
    words.read_line(&mut waiting).unwrap();
    assert!(waiting.contains("waiting"), "{waiting}");
    let (mut tail, followed, _words) = start(&["replay", &job]);
    assert_eq!(followed, job);
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&tail);
    assert_eq!(tail.wait().unwrap().code(), Some(130));
    assert!(out(&serving.ixt(&["list", "--status", "running"])).contains(&job), "it goes on");
    interrupt(&submit);
    assert_eq!(submit.wait().unwrap().code(), Some(4));
    assert!(out(&serving.ixt(&["list", "--status", "cancelled"])).contains(&job));
}

#[test]
fn a_tool_call_is_held_against_the_lease_and_the_budget() {
    let serving = Serving::start(&[]);
    let shop = |lease: &str| serving.ixt(&["submit", "shopper", "--lease", lease]);
    assert!(said(3, &shop(r#"{"tool.call":["other.*"]}"#)).contains("PERMISSION_DENIED"));
    let spent = shop(r#"{"tool.call":["shop.*"],"cost.budget":["USD:0.50"]}"#);
    let told = said(3, &spent);
    assert!(
        told.contains("BUDGET_EXHAUSTED") && told.matches("\"tool\":\"shop.buy\"").count() == 2,
        "{told}"
    );
    assert_eq!(out(&shop(r#"{"tool.call":["shop.*"]}"#)), "null");
}

#[test]
fn agents_see_no_tokens() {
    let serving = Serving::start(&[]);
    let done = serving.ixt(&["submit", "secrets"]);
    assert_eq!(out(&done), "\"ada\"");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(told.lines().any(|line| line.trim() == "info 0"), "{told}");
}

#[test]
fn a_store_brings_jobs_back_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("jobs.db");
    let more = ["--store", store.to_str().unwrap(), "--restartable", "chunky"];
    let first = Serving::start(&more);
    let one = r#"{"got":1,"attempt":1}"#;
    assert_eq!(out(&first.ixt(&["submit", "echo", "1", "--idempotency-key", "k"])), one);
    let sleeper = out(&first.ixt(&["submit", "sleeper", "--detach"]));
    // Killed, and not asked.
    drop(first);
    let second = Serving::start(&more);
    let listed = out(&second.ixt(&["list"]));
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(said(3, &second.ixt(&["replay", &sleeper])).contains("INTERNAL_ERROR"));
    let again = second.ixt(&["submit", "echo", "1", "--idempotency-key", "k"]);
    assert_eq!(out(&again), one, "the same job, and not another");
    assert_eq!(out(&second.ixt(&["list"])).lines().count(), 2);
    let busy = ixt(&["serve", "--agent", "a=b", "--principal", "a=b", "--store", more[1]]).output().unwrap();
    assert!(said(1, &busy).contains("jobs.db"), "{busy:?}");
}

#[test]
fn json_web_tokens_say_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret of thirty-two bytes, yes\n").unwrap();
    let whom = ["--jwt-secret", secret.to_str().unwrap(), "--audience", "runtime"];
    let serving = Serving::trusting(&whom, &[]);
    let token = |audience: &str| {
        let claims = json!({"sub": "eve", "aud": audience, "exp": 4_000_000_000_u64});
        let key = EncodingKey::from_secret(b"a secret of thirty-two bytes, yes");
        encode(&Header::default(), &claims, &key).unwrap()
    };
    let eve = token("runtime");
    assert_eq!(out(&serving.ixt_as(&eve, &["submit", "secrets"])), "\"eve\"");
    let job = out(&serving.ixt_as(&eve, &["submit", "sleeper", "--detach"]));
    out(&serving.ixt_as(&eve, &["cancel", &job]));
    assert!(said(1, &serving.ixt_as(&token("other"), &["list"])).contains("UNAUTHENTICATED"));
}

#[test]
fn every_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (twice, empty, none) = (file("twice", "a=t0ken\nb=t0ken\n"), file("empty", "\n"), file("none", "x"));
    let agent = ["--agent", "a=true"];
    let one = ["--principal", "ada=s3cret"];
    let serve =
        |more: &[&str]| [&["serve"], more].concat().iter().map(|&part| part.to_owned()).collect::<Vec<_>>();
    let with = |more: &[&str]| serve(&[&agent[..], &one[..], more].concat());
    let submit = |more: &[&str]| {
        [&["submit", "a"], more].concat().iter().map(|&part| part.to_owned()).collect::<Vec<_>>()
    };
    for (status, what, named) in [
        (2, serve(&one), "--agent"),
        (2, serve(&["--agent", "a"]), "there is no ="),
        (2, serve(&["--agent", "=true"]), "nothing before the ="),
        (1, serve(&agent), "who may come?"),
        (1, serve(&[&agent[..], &["--principal", "s3cret"]].concat()), "principal 1: there is no ="),
        (1, serve(&[&agent[..], &["--principals-file", &twice]].concat()), "b and a have the same token"),
        (1, serve(&[&agent[..], &["--jwt-secret", &empty]].concat()), "an empty secret"),
        (1, serve(&[&agent[..], &["--jwt-key", &none]].concat()), "not a public key"),
        (1, serve(&[&agent[..], &["--jwks", &none]].concat()), "JWKS"),
        (2, serve(&[&agent[..], &["--audience", "x"]].concat()), "--audience"),
        (1, with(&["--jwt-secret", &none]), "exclude each other"),
        (1, with(&["--agent", "a=false"]), "a is registered already"),
        (1, with(&["--agent", "no name=true"]), "no name"),
        (1, with(&["--restartable", "b"]), "there is no agent b"),
        (1, with(&["--store", "/nowhere/jobs.db"]), "/nowhere/jobs.db"),
        (1, with(&["--listen", "nowhere"]), "nowhere"),
        (2, with(&["--listen", "127.0.0.1:0", "--stdio"]), "--stdio"),
        (2, with(&["--tls-certificate", "x"]), "--tls-key"),
        (1, submit(&[]), "IXT_ARCP_TOKEN"),
        (1, submit(&["--token-file", "/nowhere/token"]), "/nowhere/token"),
        (1, submit(&["--token-file", &empty]), "the token is empty"),
        (1, submit(&["--token", "x", "--url", "http://localhost/arcp"]), "http://localhost/arcp"),
        (1, submit(&["--token", "x", "--url", "ws://127.0.0.1:1/arcp"]), "ws://127.0.0.1:1/arcp"),
        (1, submit(&["--token", "x", "--child", "exit 1"]), "connection"),
        (1, submit(&["--token", "x", "--tls-roots", "/nowhere/roots"]), "/nowhere/roots"),
        (2, submit(&["{"]), "not JSON"),
        (2, submit(&["--lease", "{"]), "not JSON"),
        (2, submit(&["--expires-at", "tomorrow"]), "--expires-at"),
        (2, submit(&["--max-runtime=-1"]), "not a number above 0"),
    ] {
        let what: Vec<&str> = what.iter().map(String::as_str).collect();
        let done = ixt(&what).env_remove("IXT_ARCP_TOKEN").stdin(Stdio::null()).output().unwrap();
        let told = said(status, &done);
        assert!(told.contains(named), "{what:?}: {told}");
        assert!(!told.contains("s3cret") && !told.contains("t0ken"), "{what:?}: {told}");
    }
}

#[test]
fn a_runtime_may_be_a_child() {
    let serve = format!("exec {IXT} arcp serve --stdio --principal ada=s3cret --agent 'up=tr a-z A-Z'");
    let done = ixt(&["submit", "up", "\"shout\"", "--child", &serve])
        .env("IXT_ARCP_TOKEN", "s3cret")
        .output()
        .unwrap();
    assert_eq!(out(&done), "null");
    assert!(String::from_utf8_lossy(&done.stderr).contains("info \"SHOUT\""), "{done:?}");
}

/// ARCP §4.
#[tokio::test]
async fn the_sdk_speaks_with_a_child_and_sees_to_its_end() {
    let mut command = tokio::process::Command::new(IXT);
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    command
        .args(["arcp", "serve", "--stdio", "--principal", "ada=s3cret", "--agent", &format!("echo={AGENT}")])
        .args(["--agent", &format!("pid=echo $PPID > {}; sleep 60", pid.display())])
        .stderr(Stdio::null());
    let client = Client::over(Transport::spawn(command).unwrap(), "s3cret").await.unwrap();
    let mut job = client.submit(&Submission::new("echo").with_input("5")).await.unwrap();
    job.ended().await.unwrap();
    assert_eq!(job.result::<Value>().unwrap(), json!({"got": 5, "attempt": 1}));

    let mut asleep = client.submit(&Submission::new("pid")).await.unwrap();
    while !std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n')) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let runtime = std::fs::read_to_string(&pid).unwrap();
    asleep.cancel("enough").await.unwrap();
    assert!(matches!(asleep.ended().await.unwrap(), Outcome::Failed(FinalStatus::Cancelled, _)));
    client.close().await;
    drop((client, job, asleep));
    let gone = format!("/proc/{}", runtime.trim());
    let end = Instant::now() + Duration::from_secs(4);
    while std::path::Path::new(&gone).exists() {
        assert!(Instant::now() < end, "the child is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let nothing = Transport::spawn(tokio::process::Command::new("/nowhere/arcp"));
    assert!(nothing.is_err());
}

/// ARCP §4.
#[test]
fn standard_input_and_output_carry_a_session_and_nothing_else() {
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
    let hello = r#"{"arcp":"1","type":"session.hello","id":"1","payload":{"auth":{"scheme":"bearer","token":"s3cret"}}}"#;
    writeln!(stdin, "{hello}").unwrap();
    assert!(lines.next().unwrap().unwrap().contains("session.welcome"));
    writeln!(stdin, r#"{{"arcp":"1","type":"job.submit","id":"2","payload":{{"agent":"echo","input":5}}}}"#)
        .unwrap();
    let end = lines.map(Result::unwrap).find(|line| line.contains("job.result")).unwrap();
    assert!(end.contains(r#""got":5"#), "{end}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// The commands of the guide, as its readers type them.
#[test]
fn the_guide_says_what_is_so() {
    let guide = include_str!("../../docs/guides/arcp.md");
    let (_, behind) = guide.split_once("## On the command line").unwrap();
    let (_, behind) = behind.split_once("```sh\n").unwrap();
    let (commands, _) = behind.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = std::path::Path::new(IXT).parent().unwrap().display();
    let done = Command::new("sh")
        // What it leaves running ends with it.
        .args(["-c", &format!("trap 'kill $!' EXIT; set -e\n{commands}")])
        .current_dir(&folder)
        .env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let (told, happened) = (out(&done), String::from_utf8_lossy(&done.stderr).into_owned());
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[..2], [r#"{"counted":3}"#, "status 4"], "{told}\n{happened}");
    assert_eq!(lines.len(), 4, "{told}");
    assert!(told.contains("success") && told.contains("cancelled"), "{told}");
    assert!(happened.contains("progress 3 of 3") && happened.contains("it is day"), "{happened}");
}
