//! What a session is told of jobs, in its own order (ARCP §8.3).
//!
//! It holds no event, but says which event of which job each number stands for. Events of one job mostly follow each
//! other, so a run of them takes one entry, however long it is.

use std::collections::VecDeque;

use super::JobKey;

/// Events of one job that follow each other in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The session's number of the first one.
    pub first: u64,
    /// Whose they are.
    pub job: JobKey,
    /// The job's own number of the first one.
    pub from: u64,
    /// How many these are; never 0.
    pub count: u64,
}

impl Run {
    fn end(&self) -> u64 {
        self.first + self.count
    }
}

/// The stream of one session.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    runs: VecDeque<Run>,
    /// The number that the next event gets.
    next: u64,
    /// The number that leaves next on the present connection.
    leaves: u64,
    /// Where that stands in `runs`.
    at: usize,
    /// Up to here the store has been told.
    told: u64,
}

/// Runs that a session may have.
const MAX_RUNS: usize = 1 << 16;

impl Default for Outbox {
    fn default() -> Self {
        Self { runs: VecDeque::new(), next: 1, leaves: 1, at: 0, told: 1 }
    }
}

impl Outbox {
    /// One that was stored.
    pub(super) fn restored(runs: Vec<Run>, next: u64) -> Self {
        Self { runs: runs.into(), next, leaves: next, at: 0, told: next }
    }

    /// The number of the last event; 0 where there was none.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Events that have not left on the present connection.
    pub(super) fn backlog(&self) -> u64 {
        self.next - self.leaves
    }

    /// The oldest number that is kept, or the next one where none is.
    pub(super) fn base(&self) -> u64 {
        self.runs.front().map_or(self.next, |run| run.first)
    }

    /// How many runs there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.runs.len()
    }

    /// Adds events of a job, by its own numbers. True where it had to drop the oldest ones.
    pub(super) fn push(&mut self, job: JobKey, from: u64, count: u64) -> bool {
        if count == 0 {
            return false;
        }
        match self.runs.back_mut() {
            Some(run) if run.job == job && run.from + run.count == from => run.count += count,
            _ => self.runs.push_back(Run { first: self.next, job, from, count }),
        }
        self.next += count;
        if self.runs.len() > MAX_RUNS {
            self.runs.pop_front();
            self.at = self.at.saturating_sub(1);
            return true;
        }
        false
    }

    /// What leaves next: its number, its job and the job's own number. `Err` where it was dropped.
    pub(super) fn peek(&mut self) -> Result<Option<(u64, JobKey, u64)>, Dropped> {
        if self.leaves == self.next {
            return Ok(None);
        }
        if self.leaves < self.base() {
            return Err(Dropped);
        }
        while let Some(run) = self.runs.get(self.at) {
            if self.leaves < run.end() {
                return Ok(Some((self.leaves, run.job, run.from + (self.leaves - run.first))));
            }
            self.at += 1;
        }
        Ok(None)
    }

    /// It has left.
    pub(super) fn pop(&mut self) {
        self.leaves = (self.leaves + 1).min(self.next);
    }

    /// The client has all up to here, and the rest leaves on a new connection.
    ///
    /// # Errors
    /// `Dropped` where that is not kept any more.
    pub(super) fn resume(&mut self, last: u64) -> Result<(), Dropped> {
        if last.saturating_add(1) < self.base() {
            return Err(Dropped);
        }
        self.leaves = (last + 1).min(self.next);
        // Where all has left, the last run: the next event may prolong it.
        let at = self.runs.partition_point(|run| run.end() <= self.leaves);
        self.at = at.min(self.runs.len().saturating_sub(1));
        Ok(())
    }

    /// The client is done with all up to here, as far as it has been told. Gives how far that is.
    pub(super) fn ack(&mut self, last: u64) -> u64 {
        let last = last.min(self.leaves - 1);
        while let Some(run) = self.runs.front_mut() {
            if run.end() <= last + 1 {
                self.runs.pop_front();
                self.at = self.at.saturating_sub(1);
                continue;
            }
            if run.first <= last {
                let done = last + 1 - run.first;
                (run.first, run.from, run.count) = (run.first + done, run.from + done, run.count - done);
            }
            break;
        }
        last
    }

    /// The jobs whose events are kept here.
    pub(super) fn jobs(&self) -> impl Iterator<Item = JobKey> {
        self.runs.iter().map(|run| run.job)
    }

    /// What the store has not been told yet.
    pub(super) fn untold(&mut self) -> Vec<Run> {
        let told = std::mem::replace(&mut self.told, self.next);
        let from = self.runs.partition_point(|run| run.end() <= told);
        self.runs
            .range(from..)
            .map(|run| {
                let skip = told.saturating_sub(run.first);
                Run { first: run.first + skip, from: run.from + skip, count: run.count - skip, ..*run }
            })
            .collect()
    }
}

/// It was more than is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dropped;

#[cfg(test)]
mod tests {
    use super::*;

    const A: JobKey = JobKey::from_raw(1);
    const B: JobKey = JobKey::from_raw(2);

    fn all(outbox: &mut Outbox) -> Vec<(u64, JobKey, u64)> {
        std::iter::from_fn(|| {
            let next = outbox.peek().unwrap();
            outbox.pop();
            next
        })
        .collect()
    }

    #[test]
    fn numbers_ascend_over_all_jobs_and_runs_merge() {
        let mut outbox = Outbox::default();
        outbox.push(A, 1, 1);
        outbox.push(A, 2, 1);
        outbox.push(B, 5, 2);
        outbox.push(A, 3, 1);
        assert_eq!((outbox.len(), outbox.last(), outbox.backlog()), (3, 5, 5));
        assert_eq!(all(&mut outbox), [(1, A, 1), (2, A, 2), (3, B, 5), (4, B, 6), (5, A, 3)]);
        assert_eq!(outbox.backlog(), 0);
    }

    #[test]
    fn a_client_goes_on_where_it_stopped() {
        let mut outbox = Outbox::default();
        outbox.push(A, 1, 3);
        outbox.push(B, 1, 3);
        all(&mut outbox);
        for last in 0..=6 {
            outbox.resume(last).unwrap();
            assert_eq!(all(&mut outbox).first().map(|next| next.0), (last < 6).then_some(last + 1));
        }
        outbox.ack(4);
        assert_eq!(outbox.base(), 5);
        assert_eq!(outbox.resume(3), Err(Dropped));
        outbox.resume(4).unwrap();
        assert_eq!(all(&mut outbox), [(5, B, 2), (6, B, 3)]);
        outbox.ack(100);
        assert_eq!((outbox.base(), outbox.len()), (7, 0));
        outbox.resume(6).unwrap();
        outbox.push(A, 4, 1);
        assert_eq!(all(&mut outbox), [(7, A, 4)]);
    }

    #[test]
    fn a_client_that_has_all_goes_on_with_what_comes() {
        for job in [B, A] {
            let mut outbox = Outbox::default();
            outbox.push(A, 1, 1);
            outbox.push(B, 1, 2);
            all(&mut outbox);
            outbox.resume(3).unwrap();
            outbox.push(job, if job == B { 3 } else { 2 }, 1);
            assert_eq!(all(&mut outbox), [(4, job, if job == B { 3 } else { 2 })]);
        }
    }

    #[test]
    fn what_was_not_told_is_not_done() {
        let mut outbox = Outbox::default();
        outbox.push(A, 1, 3);
        assert_eq!(outbox.ack(3), 0);
        assert_eq!(all(&mut outbox).len(), 3);
        assert_eq!(outbox.ack(2), 2);
    }

    #[test]
    fn the_store_is_told_each_once() {
        let mut outbox = Outbox::default();
        outbox.push(A, 1, 3);
        assert_eq!(outbox.untold(), [Run { first: 1, job: A, from: 1, count: 3 }]);
        outbox.push(A, 4, 2);
        outbox.push(B, 1, 1);
        assert_eq!(
            outbox.untold(),
            [Run { first: 4, job: A, from: 4, count: 2 }, Run { first: 6, job: B, from: 1, count: 1 }]
        );
        assert_eq!(outbox.untold(), []);
    }

    #[test]
    fn runs_are_bounded_and_what_was_dropped_is_known() {
        let mut outbox = Outbox::default();
        for number in 0..=MAX_RUNS as u64 {
            outbox.push(if number % 2 == 0 { A } else { B }, number, 1);
        }
        assert_eq!((outbox.len(), outbox.base()), (MAX_RUNS, 2));
        assert_eq!(outbox.peek(), Err(Dropped));
    }
}
