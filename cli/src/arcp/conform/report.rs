//! What came of the checks: for people, as JSON, as JUnit.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::check::{Check, Level, Run};
use crate::arcp::args::Format;
use crate::style;

/// Prints checks that nobody made.
pub(super) fn list(checks: &[&Check], format: Format) -> io::Result<()> {
    let how = |check: &Check| match check.run {
        Run::Tried(_) => ("tried", None),
        Run::Seen => ("seen", None),
        Run::Unseen(why) => ("unseen", Some(why)),
    };
    let mut out = anstream::stdout().lock();
    match format {
        Format::Text => {
            for check in checks {
                let (how, why) = how(check);
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                let (section, level) = (check.section, check.level.name());
                writeln!(
                    out,
                    "§{section:<6} {level:<6}  {how:<6}  {:<40}  {}{why}",
                    name(check),
                    check.expected
                )?;
            }
            Ok(())
        }
        Format::Json => {
            let all: Vec<_> = checks
                .iter()
                .map(|check| {
                    let (how, why) = how(check);
                    json!({"section": check.section, "level": check.level.name(), "name": name(check),
                        "expected": check.expected, "how": how, "why": why})
                })
                .collect();
            writeln!(out, "{:#}", json!(all))
        }
        Format::Junit => Err(io::Error::new(io::ErrorKind::InvalidInput, "--list is text or json")),
    }
}

pub(super) enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Entry {
    check: &'static Check,
    outcome: Outcome,
    sent: Vec<String>,
    came: Vec<String>,
    took: Duration,
}

pub(super) struct Report {
    url: String,
    format: Format,
    entries: Vec<Entry>,
}

impl Report {
    pub(super) fn new(url: &str, format: Format) -> Self {
        Self { url: url.to_owned(), format, entries: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        check: &'static Check,
        outcome: Outcome,
        sent: Vec<String>,
        came: Vec<String>,
        took: Duration,
    ) {
        self.entries.push(Entry { check, outcome, sent, came, took });
    }

    /// Prints it in the order of the checks, and gives the levels of those that failed.
    pub(super) fn print(mut self, order: &[&'static Check]) -> io::Result<Vec<Level>> {
        let place = |entry: &Entry| order.iter().position(|check| check.name == entry.check.name);
        self.entries.sort_by_key(place);
        match self.format {
            Format::Text => self.text()?,
            Format::Json => self.json()?,
            Format::Junit => self.junit()?,
        }
        let failed = self.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Failed(_)));
        Ok(failed.map(|entry| entry.check.level).collect())
    }

    fn count(&self, is: fn(&Outcome) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(&entry.outcome)).count()
    }

    fn counts(&self) -> (usize, usize, usize) {
        (
            self.count(|outcome| matches!(outcome, Outcome::Passed)),
            self.count(|outcome| matches!(outcome, Outcome::Failed(_))),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }

    fn text(&self) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        let mut section = "";
        for entry in &self.entries {
            let Entry { check, outcome, sent, came, .. } = entry;
            if check.section != section {
                section = check.section;
                writeln!(out, "{}§{section}{:#}", style::KIND, style::KIND)?;
            }
            let (mark, style) = match outcome {
                Outcome::Passed => ("pass", style::FIELD),
                Outcome::Failed(_) => ("FAIL", style::ERROR),
                Outcome::Skipped(_) => ("skip", style::FAINT),
            };
            let level = check.level.name();
            writeln!(out, "  {style}{mark}{style:#}  {level:<6}  {:<36}  {}", name(check), check.expected)?;
            match outcome {
                Outcome::Passed => {}
                Outcome::Skipped(why) => writeln!(out, "        {why}")?,
                Outcome::Failed(why) => {
                    writeln!(out, "        {why}")?;
                    for frame in sent {
                        writeln!(out, "        > {frame}")?;
                    }
                    for frame in came {
                        writeln!(out, "        < {frame}")?;
                    }
                }
            }
        }
        let (passed, failed, skipped) = self.counts();
        writeln!(out, "\n{}: {passed} passed, {failed} failed, {skipped} skipped", self.url)
    }

    fn json(&self) -> io::Result<()> {
        let checks: Vec<_> = self
            .entries
            .iter()
            .map(|Entry { check, outcome, sent, came, took }| {
                let (outcome, why) = match outcome {
                    Outcome::Passed => ("passed", None),
                    Outcome::Failed(why) => ("failed", Some(why)),
                    Outcome::Skipped(why) => ("skipped", Some(why)),
                };
                json!({
                    "section": check.section,
                    "level": check.level.name(),
                    "name": name(check),
                    "expected": check.expected,
                    "outcome": outcome,
                    "why": why,
                    "sent": sent,
                    "came": came,
                    "ms": took.as_millis() as u64,
                })
            })
            .collect();
        let (passed, failed, skipped) = self.counts();
        let whole = json!({
            "specification": "ARCP 1.1",
            "url": self.url,
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "checks": checks,
        });
        writeln!(io::stdout().lock(), "{whole:#}")
    }

    fn junit(&self) -> io::Result<()> {
        let mut suite = TestSuite::new("arcp");
        for Entry { check, outcome, sent, came, took } in &self.entries {
            let status = match outcome {
                Outcome::Passed => TestCaseStatus::success(),
                Outcome::Skipped(why) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(why.as_str());
                    status
                }
                Outcome::Failed(why) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(why.as_str());
                    status.set_type(check.level.name());
                    let (sent, came) = (sent.join("\n> "), came.join("\n< "));
                    status.set_description(format!("expected: {}\n> {sent}\n< {came}", check.expected));
                    status
                }
            };
            let mut case = TestCase::new(name(check), status);
            case.set_classname(format!("ARCP §{}", check.section)).set_time(*took);
            suite.add_test_case(case);
        }
        let mut report = quick_junit::Report::new("ixt arcp conform");
        report.add_test_suite(suite);
        report.serialize(io::stdout().lock()).map_err(io::Error::other)
    }
}

fn name(check: &Check) -> String {
    check.name.replace('_', "-")
}
