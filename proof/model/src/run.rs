//! Runs a model and tells what came of it.

use std::fmt;
use std::time::{Duration, Instant};

use ixt_core::stream::InteractionKind;
use stateright::{Checker, Expectation, Model};

use crate::{Application, Bounds};

/// The four kinds.
pub const KINDS: [InteractionKind; 4] = [
    InteractionKind::Unary,
    InteractionKind::ClientStream,
    InteractionKind::ServerStream,
    InteractionKind::BidiStream,
];

/// What came of one model.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was explored.
    pub bounds: Bounds,
    /// Different worlds.
    pub states: usize,
    /// Steps made, also those to worlds that were known.
    pub steps: usize,
    /// The longest run of steps.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The properties that do not hold, each with the shortest steps found that lead there; those that
    /// must occur and do not have none.
    pub failed: Vec<(&'static str, String)>,
}

/// Explores a model to its end.
#[must_use]
pub fn run(bounds: &Bounds, threads: usize) -> Report {
    let began = Instant::now();
    let checker = bounds.clone().checker().threads(threads).spawn_bfs().join();
    let found = checker.discoveries();
    let failed = bounds
        .properties()
        .into_iter()
        .filter_map(|property| match (property.expectation, found.get(property.name)) {
            (Expectation::Sometimes, None) => Some((property.name, String::new())),
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                let steps: Vec<_> =
                    path.clone().into_actions().iter().map(|step| format!("{step:?}")).collect();
                Some((property.name, steps.join(", ")))
            }
            _ => None,
        })
        .collect();
    Report {
        bounds: bounds.clone(),
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        failed,
    }
}

impl fmt::Display for Report {
    /// One line, and one for each property that does not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { kind, application, messages, grants, window, waits, credits, late } = &self.bounds;
        let who = match application {
            Application::Any => "any",
            Application::Patient => "patient",
        };
        let credit = match window {
            Some(window) => format!("window {window}"),
            None => format!("{grants} grants"),
        };
        write!(
            f,
            "model {kind}, {who}: {} states, {} steps, depth {}, {:.1} s ({messages} messages, {credit}, \
             {waits} waits, first credit {credits:?}{})",
            self.states,
            self.steps,
            self.depth,
            self.took.as_secs_f64(),
            if *late { ", messages kept back" } else { "" },
        )?;
        for (property, steps) in &self.failed {
            write!(f, "\n  does not hold: {property}\n    {steps}")?;
        }
        Ok(())
    }
}
