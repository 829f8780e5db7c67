//! What must hold, by name.

use std::fmt;

/// What must hold in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// No stream hangs: when all faults are over, every one ends at every end that lives, within a bound.
    Ends,
    /// Messages come once, in order and whole, and none behind the end.
    Messages,
    /// None comes that was not sent.
    MoreThanSent,
    /// Who reads `completed`, or that the other side has closed, has got all that was sent.
    Complete,
    /// No more is under way to a reader than it has granted.
    Credit,
    /// How a stream ends is what an application, a deadline or a fault made of it, and nothing else.
    Outcome,
    /// A stream with a deadline does not outlive it at its caller.
    Deadline,
    /// A stream is opened to one module, once, as it was opened.
    Opening,
    /// What waits stays within the bounds of the settings.
    Bounds,
    /// Modules that live are announced again, within a bound.
    Return,
    /// When all is quiet, nobody keeps anything.
    Left,
    /// An engine allows what the application may do, and refuses nothing else.
    Commands,
    /// A connection ends only where something went wrong, or somebody went away.
    Connections,
    /// A seed makes one run.
    Same,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ends => "every stream ends",
            Self::Messages => "messages come once, in order and whole",
            Self::MoreThanSent => "no message comes that was not sent",
            Self::Complete => "completed means that all came",
            Self::Credit => "credit is not exceeded",
            Self::Outcome => "every outcome has its cause",
            Self::Deadline => "no call outlives its deadline",
            Self::Opening => "a call is opened once, as it was made",
            Self::Bounds => "queues stay within their bounds",
            Self::Return => "every module comes back",
            Self::Left => "nothing is left",
            Self::Commands => "no command is refused without cause",
            Self::Connections => "no connection ends without cause",
            Self::Same => "a seed is one run",
        })
    }
}

/// What does not hold, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// What does not hold.
    pub invariant: Invariant,
    /// Virtual time from the start, in microseconds.
    pub at_us: u64,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, invariant, at_us, detail } = self;
        let (seconds, us) = (at_us / 1_000_000, at_us % 1_000_000);
        writeln!(f, "seed {seed}: does not hold: {invariant}")?;
        writeln!(f, "    at {seconds}.{us:06} s: {detail}")?;
        write!(f, "    again: cargo run --release -p ixt-simulation -- --seed {seed} --trace")
    }
}
