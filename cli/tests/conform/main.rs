//! `ixt arcp conform` against our runtime, as real processes: as it is, and with frames that are spoilt on their way, so
//! that each check is seen to fail.

mod proxy;
mod spoil;

use std::collections::BTreeSet;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use self::proxy::{Rule, proxy};
use self::spoil::{NOTHING, SPOILERS};

const IXT: &str = env!("CARGO_BIN_EXE_ixt");
pub(crate) const TOKEN: &str = "t0ken-of-ada";
const OTHER: &str = "t0ken-of-bob";
/// Runtimes at one time: each waits more than it works.
const AT_ONCE: usize = 8;

struct Serving {
    url: String,
    _child: Child,
}

/// A runtime with these agents, gone with what is returned.
async fn serving(more: &[&str]) -> Serving {
    let mut child = Command::new(IXT)
        .args(["arcp", "serve", "--listen", "127.0.0.1:0", "--heartbeat", "1"])
        .args(more)
        .env("IXT_ARCP_PRINCIPALS", format!("ada={TOKEN},bob={OTHER}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).await.unwrap();
    assert!(url.starts_with("ws"), "{url:?}");
    Serving { url: url.trim().to_owned(), _child: child }
}

async fn ixt(what: &[&str]) -> Output {
    let mut command = Command::new(IXT);
    command.arg("arcp").args(what).kill_on_drop(true).stdin(Stdio::null());
    command.env("IXT_ARCP_TOKEN", TOKEN).env("IXT_ARCP_OTHER_TOKEN", OTHER);
    tokio::time::timeout(Duration::from_secs(120), command.output()).await.unwrap().unwrap()
}

async fn conform(url: &str, more: &[&str]) -> Output {
    ixt(&[&["conform", url], more].concat()).await
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The checks of one sort, as `--list` has them.
async fn listed(wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let all = json(&ixt(&["conform", "--list", "--format", "json"]).await);
    let wanted = all.as_array().unwrap().iter().filter(|check| wanted(check["how"].as_str().unwrap()));
    wanted.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

/// The checks of a report with some outcome.
fn with(report: &Value, outcome: &str) -> BTreeSet<String> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == outcome);
    checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_keeps_to_all_that_can_be_seen() {
    let serving = serving(&["--conform"]).await;
    let done = conform(&serving.url, &["--strict", "--format", "json"]).await;
    let report = json(&done);
    assert_eq!(with(&report, "failed"), BTreeSet::new(), "{report:#}");
    assert_eq!(with(&report, "skipped"), listed(|how| how == "unseen").await);
    assert_eq!(with(&report, "passed"), listed(|how| how != "unseen").await);
    assert!(done.status.success(), "{done:?}");
    let text = String::from_utf8_lossy(&done.stdout);
    // Values of credentials begin so.
    for secret in [TOKEN, OTHER, r#""of-"#] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains("cred_conform"), "{text}");
}

/// A part of the checks, as every form tells them: some pass, one fails, some are not to be seen.
#[tokio::test(flavor = "multi_thread")]
async fn each_form_says_the_same_and_no_secret() {
    let serving = serving(&["--conform"]).await;
    let spoiler = SPOILERS.iter().find(|spoiler| spoiler.check == "close-acknowledged").unwrap();
    let url = proxy(&serving.url, spoiler.rule).await;
    let only = ["--only", "6.7,5,4", "--patience", "1"];
    let form = async |form: &str| {
        let done = conform(&url, &[&only[..], &["--format", form]].concat()).await;
        let text = String::from_utf8(done.stdout.clone()).unwrap();
        for secret in [TOKEN, OTHER] {
            assert!(!text.contains(secret), "{text}");
        }
        (done, text)
    };

    let (done, _) = form("json").await;
    let report = json(&done);
    assert!(done.status.code() == Some(1), "{done:?}");
    let (passed, failed, skipped) =
        (with(&report, "passed"), with(&report, "failed"), with(&report, "skipped"));
    assert!(
        failed.contains("close-acknowledged") && passed.contains("websocket") && skipped.contains("stdio")
    );
    assert_eq!(
        (report["passed"].as_u64(), report["failed"].as_u64(), report["skipped"].as_u64()),
        (Some(passed.len() as u64), Some(failed.len() as u64), Some(skipped.len() as u64))
    );

    let (done, text) = form("text").await;
    assert_eq!(done.status.code(), Some(1));
    for (mark, names) in [("pass", &passed), ("FAIL", &failed), ("skip", &skipped)] {
        let told = text.lines().filter(|line| line.trim_start().starts_with(mark));
        let told: BTreeSet<String> =
            told.map(|line| line.split_whitespace().nth(2).unwrap().to_owned()).collect();
        assert_eq!(told, *names, "{text}");
    }
    let sum = format!("{} passed, {} failed, {} skipped", passed.len(), failed.len(), skipped.len());
    assert!(text.contains(&sum), "{text}");
    // The frames of what failed.
    assert!(text.contains(r#"        > {"arcp":"1.1""#) && text.contains(r#"        < {"#), "{text}");

    let (done, text) = form("junit").await;
    assert_eq!(done.status.code(), Some(1));
    let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let of = |inner: Option<&str>| -> BTreeSet<String> {
        let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
        let cases = cases.filter(|case| {
            let element = case.children().find(|child| child.is_element());
            element.map(|element| element.tag_name().name()) == inner
        });
        cases.map(|case| case.attribute("name").unwrap().to_owned()).collect()
    };
    assert_eq!((of(None), of(Some("failure")), of(Some("skipped"))), (passed, failed, skipped));
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let tests = report["checks"].as_array().unwrap().len().to_string();
    assert_eq!(suite.attribute("tests"), Some(tests.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_started_where_the_agent_is_not_there() {
    let serving =
        serving(&["--agent", "theirs@1.0.0=echo started", "--agent", "theirs@2.0.0=echo started"]).await;
    let done = conform(&serving.url, &["--format", "json"]).await;
    let report = json(&done);
    assert!(done.status.success(), "{report:#}");
    assert_eq!(with(&report, "failed"), BTreeSet::new());
    assert!(with(&report, "passed").len() > 20, "{report:#}");
    // Not only refused: a submit for an agent that is there was never said.
    for check in report["checks"].as_array().unwrap() {
        for said in check["sent"].as_array().unwrap() {
            let said = said.as_str().unwrap();
            assert!(!(said.contains("job.submit") && said.contains("theirs")), "{said}");
        }
    }
    for token in [TOKEN, OTHER] {
        let jobs = ixt(&["list", "--url", &serving.url, "--token", token, "--json"]).await;
        assert!(jobs.status.success() && jobs.stdout.is_empty(), "{jobs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named() {
    let serving = serving(&["--conform"]).await;
    let url = serving.url.as_str();
    let nobody = "ws://127.0.0.1:1/arcp";
    let wrong = ["conform", url, "--token", "s3cret"];
    for (status, what, named) in [
        (1, &["conform", nobody][..], nobody),
        (1, &["conform", "http://127.0.0.1/arcp"], "http://127.0.0.1/arcp"),
        (1, &wrong, "UNAUTHENTICATED"),
        (1, &["conform", url, "--only", "4,no-such-check"], "--only no-such-check"),
        (1, &["conform", url, "--only", "99"], "--only 99"),
        (1, &["conform", "--list", "--format", "junit"], "text or json"),
        (2, &["conform"], "URL"),
        (2, &["conform", url, "--patience", "0"], "--patience"),
        (2, &["conform", url, "--format", "yaml"], "--format"),
    ] {
        let done = ixt(what).await;
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(status), "{what:?}: {done:?}");
        assert!(told.contains(named) && done.stdout.is_empty(), "{what:?}: {done:?}");
        assert!(!told.contains("s3cret") && !told.contains(TOKEN), "{told}");
    }
}

/// A report of some checks of a runtime whose frames are spoilt.
async fn report(rule: Rule, more: &[&str]) -> Value {
    let serving = serving(&["--conform"]).await;
    let url = proxy(&serving.url, rule).await;
    json(&conform(&url, &[&["--patience", "2", "--format", "json"], more].concat()).await)
}

/// That it is the rules of the next test that checks fail by, not what carries the frames.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_fails_by_the_proxy_alone() {
    let report = report(NOTHING, &[]).await;
    assert_eq!(with(&report, "failed"), BTreeSet::new(), "{report:#}");
    assert_eq!(with(&report, "skipped"), listed(|how| how == "unseen").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_can_fail() {
    let spoilt: BTreeSet<String> = SPOILERS.iter().map(|spoiler| spoiler.check.to_owned()).collect();
    assert_eq!(spoilt, listed(|how| how != "unseen").await, "each check has one way to break it");
    assert_eq!(spoilt.len(), SPOILERS.len());
    let mut left = SPOILERS.iter();
    let mut runs = JoinSet::new();
    let mut wrong = Vec::new();
    loop {
        while runs.len() < AT_ONCE
            && let Some(spoiler) = left.next()
        {
            runs.spawn(async move {
                let only = format!("{},{}", spoiler.check, spoiler.with);
                let report = report(spoiler.rule, &["--only", only.trim_end_matches(',')]).await;
                let checks = report["checks"].as_array().unwrap();
                let check = checks.iter().find(|check| check["name"] == spoiler.check).unwrap();
                let (outcome, why) = (&check["outcome"], check["why"].as_str().unwrap_or_default());
                let is_seen = outcome == "failed" && why.contains(spoiler.why);
                (!is_seen).then(|| format!("{}: {outcome}: {why}", spoiler.check))
            });
        }
        match runs.join_next().await {
            Some(run) => wrong.extend(run.unwrap()),
            None => break,
        }
    }
    assert!(
        wrong.is_empty(),
        "{} checks did not fail, or by something else:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
