//! Events for people: a line each, a bar for progress and a gauge for budgets.

use std::collections::BTreeMap;
use std::io::{self, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ixt::arcp::{JobEvent, JobInfo, Update};
use serde_json::{Value, json};

use crate::style::{ERROR, FAINT, KIND};

/// What shows a job.
pub(super) struct Show {
    json: bool,
    bars: MultiProgress,
    progress: Option<ProgressBar>,
    /// What each currency began with, and its gauge.
    budgets: BTreeMap<String, (f64, ProgressBar)>,
}

impl Show {
    pub(super) fn new(json: bool, job: &JobInfo) -> Self {
        let bars = MultiProgress::new();
        let gauge = |(currency, amount): &(String, String)| {
            let whole: f64 = amount.parse().ok()?;
            let bar = bars.add(ProgressBar::new(1000).with_style(style("{prefix:>9} {bar:24.green/dim} {msg}")));
            bar.set_prefix(currency.clone());
            bar.set_position(1000);
            bar.set_message(format!("{amount} left"));
            Some((currency.clone(), (whole, bar)))
        };
        let budgets = if json { BTreeMap::new() } else { job.budget.iter().filter_map(gauge).collect() };
        Self { json, bars, progress: None, budgets }
    }

    pub(super) fn update(&mut self, update: &Update) -> io::Result<()> {
        match update {
            Update::Event(event) if self.json => self.line(event),
            Update::Event(event) => self.event(event),
            Update::Chunk { bytes, chunk_seq, .. } => {
                if !self.json {
                    self.say(&format!("{FAINT}part {chunk_seq}: {} bytes{FAINT:#}", bytes.len()));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn line(&self, event: &JobEvent) -> io::Result<()> {
        let body: Value = serde_json::from_str(event.body.get())?;
        let line = json!({"event_seq": event.event_seq, "kind": event.kind, "ts": event.ts, "body": body});
        writeln!(io::stdout(), "{line}")
    }

    fn event(&mut self, event: &JobEvent) -> io::Result<()> {
        let body: Value = serde_json::from_str(event.body.get())?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match event.kind.as_str() {
            "progress" => self.progress(&body),
            "metric" if text("name") == "cost.budget.remaining" => self.remaining(&text("unit"), &body["value"]),
            "log" => self.say(&format!("{FAINT}{:>5}{FAINT:#} {}", text("level"), text("message"))),
            "thought" => self.say(&format!("{FAINT}…{FAINT:#} {}", text("text"))),
            "status" => self.say(&format!("{KIND}{}{KIND:#} {}", text("phase"), text("message"))),
            "tool_result" if !body["error"].is_null() => {
                self.say(&format!("{ERROR}{}{ERROR:#} {}", event.kind, body["error"]));
            }
            kind => self.say(&format!("{KIND}{kind}{KIND:#} {body}")),
        }
        Ok(())
    }

    fn progress(&mut self, body: &Value) {
        let current = body["current"].as_f64().unwrap_or_default();
        let total = body["total"].as_f64().filter(|total| *total > 0.0);
        let bar = self.progress.get_or_insert_with(|| {
            self.bars.add(ProgressBar::new(1000).with_style(style("{prefix:>9} {bar:24.cyan/dim} {msg}")))
        });
        let units = body["units"].as_str().unwrap_or_default();
        let message = body["message"].as_str().unwrap_or_default();
        match total {
            Some(total) => {
                bar.set_position((current / total * 1000.0) as u64);
                bar.set_message(format!("{current} of {total} {units} {message}"));
            }
            None => {
                bar.tick();
                bar.set_message(format!("{current} {units} {message}"));
            }
        }
    }

    fn remaining(&self, currency: &str, value: &Value) {
        if let Some((whole, bar)) = self.budgets.get(currency) {
            let left = value.as_f64().unwrap_or_default();
            bar.set_position((left / whole * 1000.0).clamp(0.0, 1000.0) as u64);
            bar.set_message(format!("{value} left"));
        }
    }

    /// A line above the bars.
    fn say(&self, line: &str) {
        self.bars.suspend(|| anstream::eprintln!("{}", line.trim_end()));
    }

    /// Nothing more comes: the bars stay as they are.
    pub(super) fn end(self) {
        self.progress.iter().for_each(ProgressBar::abandon);
        self.budgets.values().for_each(|(_, bar)| bar.abandon());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
