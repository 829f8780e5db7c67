//! What sessions were told, as all stores keep it.

use ixt_arcp::runtime::Run;

/// The number behind the last one of a run.
pub(super) const fn end(run: &Run) -> u64 {
    run.first + run.count
}

/// Whether `next` goes on where `last` ends, in the session and in the job.
pub(super) fn continues(last: &Run, next: &Run) -> bool {
    last.job == next.job && last.from + last.count == next.from && end(last) == next.first
}

/// What of a run is above `done`; `None` where nothing is.
pub(super) fn above(run: Run, done: u64) -> Option<Run> {
    let skip = (done + 1).saturating_sub(run.first);
    (skip < run.count).then(|| Run {
        first: run.first + skip,
        from: run.from + skip,
        count: run.count - skip,
        ..run
    })
}

/// The number of the next event of a session that is done with all up to `done`.
pub(super) fn next(runs: &[Run], done: u64) -> u64 {
    runs.last().map_or(0, end).max(done + 1)
}
