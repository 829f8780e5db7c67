//! `ixt arcp conform`: whether a runtime keeps to ARCP 1.1, a check for each thing that the draft says.
//!
//! It is a client and nothing else. Against a runtime that has no agent that does as it is told (`agent.rs`) it starts no
//! job at all.

mod check;
mod clock;
mod event;
mod job;
mod lease;
mod observed;
mod peer;
mod report;
pub(super) mod script;
mod session;
mod trial;
mod verdict;
mod wire;

use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use self::check::{Check, Level, Run};
use self::report::{Outcome, Report};
use self::trial::{Target, Trial};
use self::verdict::Stop;
use self::wire::Wire;
use super::args::Conform;
use super::connect::{tls, token};
use crate::files::about;

/// All checks, in the order of the draft.
fn checks() -> Vec<&'static Check> {
    [session::CHECKS, job::CHECKS, event::CHECKS, lease::CHECKS].into_iter().flatten().collect()
}

pub(super) async fn run(options: &Conform) -> io::Result<ExitCode> {
    let chosen: Vec<&Check> = checks().into_iter().filter(|check| is_chosen(check, &options.only)).collect();
    for wanted in &options.only {
        if !checks().iter().any(|check| is_chosen(check, std::slice::from_ref(wanted))) {
            let unknown = format!("--only {wanted}: no check or section is called that");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, unknown));
        }
    }
    let Some(url) = options.url.clone().filter(|_| !options.list) else {
        report::list(&chosen, options.format)?;
        return Ok(ExitCode::SUCCESS);
    };
    let target = Rc::new(Target {
        url,
        token: token(&options.who)?,
        other: options.other_token.clone(),
        tls: tls(&options.who)?,
        agent: options.agent.clone(),
        patience: Duration::from_secs_f64(options.patience),
    });
    let wire = Rc::new(Wire::default());
    wire.hide(&target.token);
    wire.hide(target.other.as_deref().unwrap_or_default());
    reached(&target, &wire).await?;
    let mut report = Report::new(&target.url, options.format);
    for check in &chosen {
        if let Run::Tried(run) = check.run {
            let trial = Trial::new(Rc::clone(&target), Rc::clone(&wire));
            let began = Instant::now();
            let outcome = match run(&trial).await {
                Ok(()) => Outcome::Passed,
                Err(Stop::Failed(why)) => Outcome::Failed(wire.shown(&why)),
                Err(Stop::Skipped(why)) => Outcome::Skipped(why),
            };
            let (sent, came) = wire.take();
            report.add(check, outcome, sent, came, began.elapsed());
        }
    }
    // What holds of all frames is known when all have come.
    for check in &chosen {
        let (outcome, came) = match &check.run {
            Run::Tried(_) => continue,
            Run::Unseen(why) => (Outcome::Skipped((*why).to_owned()), Vec::new()),
            Run::Seen => match wire.observed.borrow().verdict(check.name) {
                None => (Outcome::Skipped("nothing came that it is about".to_owned()), Vec::new()),
                Some(Ok(())) => (Outcome::Passed, Vec::new()),
                Some(Err((why, frame))) => (Outcome::Failed(why), vec![frame]),
            },
        };
        report.add(check, outcome, Vec::new(), came, Duration::ZERO);
    }
    let failed = report.print(&chosen)?;
    let is_broken = failed.iter().any(|level| options.strict || *level != Level::Should);
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// That there is a runtime, and that it takes the token: else each check would say the same again.
async fn reached(target: &Rc<Target>, wire: &Rc<Wire>) -> io::Result<()> {
    let trial = Trial::new(Rc::clone(target), Rc::clone(wire));
    let why = match trial.connected().await {
        Err(Stop::Failed(why) | Stop::Skipped(why)) => Some(why),
        // What else is wrong with a hello, its checks say.
        Ok(mut peer) => match peer.hello(Some(trial.token()), &[], None).await {
            Ok(Err(refused)) => Some(format!("hello was refused: {refused}")),
            Ok(Ok(())) | Err(_) => None,
        },
    };
    wire.take();
    match why {
        None => Ok(()),
        Some(why) => Err(about(&target.url, wire.shown(&why))),
    }
}

/// Whether a check, or its section, is among those that are asked for; all are, where none is.
fn is_chosen(check: &Check, only: &[String]) -> bool {
    let name = check.name.replace('_', "-");
    let is = |wanted: &String| {
        let section = wanted.trim_start_matches('§');
        *wanted == name
            || check.section == section
            || check.section.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
    };
    only.is_empty() || only.iter().any(is)
}
