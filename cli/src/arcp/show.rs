//! What happens in a job: for people a line each, with a bar for progress and a gauge for each budget where standard
//! error is a terminal; for machines a line of JSON each on standard output.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ixt::arcp::{JobEvent, JobInfo, Update};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::style::{ERROR, FAINT, KIND};

/// What the metric is called that tells what is left.
const REMAINING: &str = "cost.budget.remaining";
/// How fine bars are.
const STEPS: f64 = 1000.0;

/// What shows a job.
pub(super) enum Show {
    Json,
    Lines(Lines),
}

impl Show {
    pub(super) fn new(json: bool, job: &JobInfo) -> io::Result<Self> {
        if json {
            let budget: serde_json::Map<_, _> =
                job.budget.iter().map(|(currency, left)| (currency.clone(), json!(left))).collect();
            let line =
                json!({"job_id": job.job_id, "agent": job.agent, "trace_id": job.trace_id, "budget": budget});
            writeln!(io::stdout(), "{line}")?;
            return Ok(Self::Json);
        }
        anstream::eprintln!("{FAINT}{}{FAINT:#}", clean(&job.job_id));
        Ok(Self::Lines(Lines::new(job)))
    }

    pub(super) fn update(&mut self, update: &Update) -> io::Result<()> {
        match (self, update) {
            (Self::Json, Update::Event(event)) => line(event),
            (Self::Json, Update::Chunk { event_seq, bytes, chunk_seq, more, .. }) => {
                let (name, data) = match std::str::from_utf8(bytes) {
                    Ok(text) => ("chunk", text.to_owned()),
                    Err(_) => ("chunk_base64", STANDARD.encode(bytes)),
                };
                let line = json!({"event_seq": event_seq, "chunk_seq": chunk_seq, name: data, "more": more});
                writeln!(io::stdout(), "{line}")
            }
            (Self::Lines(lines), Update::Event(event)) => lines.event(event),
            (Self::Lines(lines), Update::Chunk { bytes, chunk_seq, .. }) => {
                lines.say(&format!("{FAINT}part {chunk_seq}: {} bytes{FAINT:#}", bytes.len()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Nothing more comes: the bars stay as they are.
    pub(super) fn end(self) {
        if let Self::Lines(lines) = self {
            let bars: Vec<_> =
                lines.progress.iter().chain(lines.budgets.values().map(|(_, bar)| bar)).collect();
            bars.iter().for_each(|bar| bar.abandon());
            if lines.draws && !bars.is_empty() {
                // What comes next begins a line.
                anstream::eprintln!();
            }
        }
    }
}

/// An event for machines: its body as the agent wrote it, so that numbers keep their digits.
fn line(event: &JobEvent) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        event_seq: Option<u64>,
        kind: &'a str,
        ts: Option<&'a str>,
        body: &'a RawValue,
    }
    let (kind, ts) = (event.kind.as_str(), event.ts.as_deref());
    let line = Line { event_seq: event.event_seq, kind, ts, body: &event.body };
    writeln!(io::stdout(), "{}", serde_json::to_string(&line)?)
}

/// Lines on standard error, and bars below them where that is a terminal.
pub(super) struct Lines {
    draws: bool,
    bars: MultiProgress,
    progress: Option<ProgressBar>,
    /// The most that each currency has had, and its gauge.
    budgets: BTreeMap<String, (f64, ProgressBar)>,
}

impl Lines {
    fn new(job: &JobInfo) -> Self {
        let draws = io::stderr().is_terminal();
        let mut lines = Self { draws, bars: MultiProgress::new(), progress: None, budgets: BTreeMap::new() };
        for (currency, left) in &job.budget {
            lines.remaining(currency, left);
        }
        lines
    }

    fn event(&mut self, event: &JobEvent) -> io::Result<()> {
        let body: Value = serde_json::from_str(event.body.get())?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        match event.kind.as_str() {
            "progress" => self.progress(&body),
            "metric" if text("name") == REMAINING => {
                let left = body.get("value").map(Value::to_string).unwrap_or_default();
                self.remaining(text("unit"), &left);
            }
            "log" => {
                self.say(&format!("{FAINT}{:>5}{FAINT:#} {}", clean(text("level")), clean(text("message"))))
            }
            "thought" => self.say(&format!("{FAINT}…{FAINT:#} {}", clean(text("text")))),
            "status" => {
                self.say(&format!("{KIND}{}{KIND:#} {}", clean(text("phase")), clean(text("message"))))
            }
            "tool_result" if body.get("error").is_some_and(|error| !error.is_null()) => {
                let error = body.get("error").map(Value::to_string).unwrap_or_default();
                self.say(&format!("{ERROR}tool_result{ERROR:#} {}", clean(&error)));
            }
            kind => self.say(&format!("{KIND}{}{KIND:#} {}", clean(kind), clean(&body.to_string()))),
        }
        Ok(())
    }

    fn progress(&mut self, body: &Value) {
        let number = |name: &str| body.get(name).filter(|value| value.is_number());
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(clean).unwrap_or_default();
        let current = number("current").and_then(Value::as_f64).unwrap_or_default();
        let total = number("total").and_then(Value::as_f64).filter(|total| *total > 0.0);
        let of = number("total").map(|total| format!(" of {total}")).unwrap_or_default();
        let said = format!("{current}{of} {} {}", text("units"), text("message"));
        if !self.draws {
            self.say(&format!("{KIND}progress{KIND:#} {}", said.trim_end()));
            return;
        }
        let bar = self.progress.get_or_insert_with(|| self.bars.add(bar("cyan")));
        bar.set_prefix("progress");
        match total {
            Some(total) => bar.set_position(steps(current / total)),
            None => bar.tick(),
        }
        bar.set_message(said.trim_end().to_owned());
    }

    /// What is left of a currency. Where a job is told from its beginning it has had more than it has.
    fn remaining(&mut self, currency: &str, left: &str) {
        let currency = clean(currency);
        let amount = left.parse::<f64>().unwrap_or_default();
        let (most, gauge) = self.budgets.entry(currency.clone()).or_insert_with(|| {
            (amount, if self.draws { self.bars.add(bar("green")) } else { ProgressBar::hidden() })
        });
        *most = most.max(amount);
        let said = format!("{} of {most} left", clean(left));
        gauge.set_prefix(currency.clone());
        gauge.set_position(if *most > 0.0 { steps(amount / *most) } else { 0 });
        gauge.set_message(said.clone());
        if !self.draws {
            self.say(&format!("{KIND}budget{KIND:#} {currency} {said}"));
        }
    }

    /// A line above the bars.
    fn say(&self, line: &str) {
        self.bars.suspend(|| anstream::eprintln!("{}", line.trim_end()));
    }
}

fn steps(part: f64) -> u64 {
    (part * STEPS).clamp(0.0, STEPS) as u64
}

fn bar(colour: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{prefix:>9}} {{bar:24.{colour}/dim}} {{msg}}"));
    ProgressBar::new(STEPS as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Text of an agent, which has no say over the terminal: what would steer it is shown as what it is.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let steers = letter.is_control() && letter != '\n' && letter != '\t';
            let (shown, whole) =
                if steers { (Some(letter.escape_default()), None) } else { (None, Some(letter)) };
            shown.into_iter().flatten().chain(whole)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn nothing_that_an_agent_says_steers_the_terminal() {
        assert_eq!(clean("one\ttwo\nthrée"), "one\ttwo\nthrée");
        assert_eq!(clean("\x1b[2J\u{9b}1m\r\x07"), r"\u{1b}[2J\u{9b}1m\r\u{7}");
    }
}
