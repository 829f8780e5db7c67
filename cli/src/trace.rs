//! `ixt trace`: the engine, driven by hand.

use ixt_core::text::Trace;

use crate::lines;

/// Drives the engine by the lines of standard input.
pub(crate) fn run() -> std::io::Result<bool> {
    let mut trace = Trace::default();
    lines::each(|line| trace.line(line))
}
