//! Accounts against a naive model: whatever is delegated, spent and ended, in whatever order, nothing is lost and
//! nothing is made.

use std::collections::BTreeMap;

use ixt_arcp::{AccountId, Accounts, Amount, Amounts, Currency, SpendError};
use proptest::prelude::*;

const CURRENCIES: [&str; 2] = ["USD", "EUR"];

/// The tree of jobs, each with whole units, kept as a person would keep it on paper.
#[derive(Debug, Clone, Default)]
struct Model {
    jobs: Vec<Job>,
}

#[derive(Debug, Clone)]
struct Job {
    parent: Option<usize>,
    running: bool,
    /// Nobody below it runs either, and what was left has been given back.
    settled: bool,
    /// `None` for a job that spends from its parent's.
    purse: Option<BTreeMap<usize, i128>>,
}

impl Model {
    fn owner(&self, mut job: usize) -> usize {
        while self.jobs[job].purse.is_none() {
            job = self.jobs[job].parent.unwrap();
        }
        job
    }

    fn root(&self, mut job: usize) -> usize {
        while let Some(parent) = self.jobs[job].parent {
            job = parent;
        }
        job
    }

    fn purse(&mut self, job: usize) -> &mut BTreeMap<usize, i128> {
        let owner = self.owner(job);
        self.jobs[owner].purse.as_mut().unwrap()
    }

    fn add(&mut self, parent: Option<usize>, purse: Option<BTreeMap<usize, i128>>) {
        // A job that delegates from an account that it shares delegates from that account.
        let parent = parent.map(|parent| self.owner(parent));
        self.jobs.push(Job { parent, running: true, settled: false, purse });
    }

    fn settle(&mut self) {
        loop {
            let ready = (0..self.jobs.len()).find(|&job| {
                let Job { running, settled, .. } = self.jobs[job];
                let mut children = self.jobs.iter().filter(|child| child.parent == Some(job));
                !running && !settled && children.all(|child| child.settled)
            });
            let Some(job) = ready else { return };
            self.jobs[job].settled = true;
            let rest = self.jobs[job].purse.clone();
            if let (Some(parent), Some(rest)) = (self.jobs[job].parent, rest) {
                for (currency, left) in rest {
                    *self.purse(parent).get_mut(&currency).unwrap() += left;
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open(Vec<(usize, u8)>),
    Reserve(usize, Vec<(usize, u8)>),
    Share(usize),
    Spend(usize, usize, u8),
    Close(usize),
}

fn amounts(entries: &[(usize, u8)]) -> Amounts {
    Amounts::parse(
        entries
            .iter()
            .map(|&(currency, units)| format!("{}:0.{units:018}", CURRENCIES[currency]))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str),
    )
    .unwrap()
}

fn sums(entries: &[(usize, u8)]) -> BTreeMap<usize, i128> {
    let mut sums = BTreeMap::new();
    for &(currency, units) in entries {
        *sums.entry(currency).or_insert(0) += i128::from(units);
    }
    sums
}

fn currency(at: usize) -> Currency {
    Currency::parse(CURRENCIES[at]).unwrap()
}

/// Both, after the same steps.
#[derive(Default, Clone)]
struct Pair {
    model: Model,
    accounts: Accounts,
    ids: Vec<AccountId>,
    /// By root and currency: what it began with, and what was spent below it.
    began: BTreeMap<(usize, usize), i128>,
    spent: BTreeMap<(usize, usize), i128>,
}

impl Pair {
    fn take(&mut self, step: &Step) {
        let jobs = self.ids.len();
        match step {
            Step::Open(entries) => {
                self.ids.push(self.accounts.open(amounts(entries)));
                for (currency, sum) in sums(entries) {
                    self.began.insert((jobs, currency), sum);
                }
                self.model.add(None, Some(sums(entries)));
            }
            Step::Reserve(job, entries) if jobs > 0 => {
                let job = job % jobs;
                let running = self.model.jobs[job].running;
                let wanted = sums(entries);
                let purse = self.model.purse(job);
                let allowed =
                    running && wanted.iter().all(|(at, sum)| purse.get(at).is_some_and(|left| sum <= left));
                let reserved = self.accounts.reserve(self.ids[job], &amounts(entries));
                assert_eq!(reserved.is_ok(), allowed, "{step:?}");
                if let Ok(id) = reserved {
                    for (at, sum) in &wanted {
                        *purse.get_mut(at).unwrap() -= sum;
                    }
                    self.ids.push(id);
                    self.model.add(Some(job), Some(wanted));
                }
            }
            Step::Share(job) if jobs > 0 => {
                let job = job % jobs;
                let shared = self.accounts.share(self.ids[job]);
                assert_eq!(shared.is_ok(), self.model.jobs[job].running);
                if let Ok(id) = shared {
                    self.ids.push(id);
                    self.model.add(Some(job), None);
                }
            }
            Step::Spend(job, at, units) if jobs > 0 => {
                let job = job % jobs;
                let cost = Amount::from_units(i128::from(*units)).unwrap();
                let left = self.accounts.spend(self.ids[job], currency(*at), cost);
                if !self.model.jobs[job].running {
                    assert_eq!(left, Err(SpendError::Closed));
                    return;
                }
                let expected = self.model.purse(job).get_mut(at).map(|left| {
                    *left -= i128::from(*units);
                    *left
                });
                assert_eq!(left.unwrap().map(Amount::units), expected);
                if expected.is_some() {
                    *self.spent.entry((self.model.root(job), *at)).or_insert(0) += i128::from(*units);
                }
            }
            Step::Close(job) if jobs > 0 => {
                let job = job % jobs;
                self.accounts.close(self.ids[job]);
                self.model.jobs[job].running = false;
                self.model.settle();
            }
            _ => {}
        }
    }

    fn check(&self) {
        let unsettled = self.model.jobs.iter().filter(|job| !job.settled).count();
        assert_eq!(self.accounts.len(), unsettled);
        for (job, id) in self.ids.iter().enumerate() {
            let owner = &self.model.jobs[self.model.owner(job)];
            let purse = owner.purse.as_ref().unwrap();
            let running = self.model.jobs[job].running;
            for at in 0..CURRENCIES.len() {
                let expected = purse.get(&at).copied().filter(|_| running);
                assert_eq!(self.accounts.remaining(*id, currency(at)).map(Amount::units), expected);
            }
            let exhausted = running && purse.values().any(|&left| left <= 0);
            assert_eq!(self.accounts.exhausted(*id).is_some(), exhausted);
        }
        for (&(root, at), began) in &self.began {
            if self.model.jobs[root].settled {
                continue;
            }
            let left: i128 = (0..self.model.jobs.len())
                .filter(|&job| self.model.root(job) == root && !self.model.jobs[job].settled)
                .filter_map(|job| self.model.jobs[job].purse.as_ref()?.get(&at))
                .sum();
            let spent = self.spent.get(&(root, at)).copied().unwrap_or(0);
            assert_eq!(left + spent, *began, "of root {root} in {}", CURRENCIES[at]);
        }
    }
}

fn entries() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..CURRENCIES.len(), 0..60_u8), 0..3)
}

fn step() -> impl Strategy<Value = Step> {
    let job = 0..32_usize;
    prop_oneof![
        1 => entries().prop_map(Step::Open),
        3 => (job.clone(), entries()).prop_map(|(job, entries)| Step::Reserve(job, entries)),
        2 => job.clone().prop_map(Step::Share),
        4 => (job.clone(), 0..CURRENCIES.len(), 0..40_u8).prop_map(|(job, at, units)| Step::Spend(job, at, units)),
        2 => job.prop_map(Step::Close),
    ]
}

proptest! {
    /// ARCP §9.4, §9.6.
    #[test]
    fn nothing_is_lost_and_nothing_is_made(
        first in entries(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut pair = Pair::default();
        pair.take(&Step::Open(first));
        for step in &steps {
            pair.take(step);
            pair.check();
        }
    }
}

/// Every sequence of five steps out of twelve, of one job with 3 units and those below it.
/// ARCP §9.6.
#[test]
fn every_short_sequence() {
    let steps: Vec<Step> = (0..3)
        .flat_map(|job| {
            [Step::Reserve(job, vec![(0, 2)]), Step::Share(job), Step::Spend(job, 0, 1), Step::Close(job)]
        })
        .collect();
    let mut start = Pair::default();
    start.take(&Step::Open(vec![(0, 3)]));
    let mut paths = 0;
    explore(&start, &steps, 5, &mut paths);
    assert_eq!(paths, steps.len().pow(5));
}

fn explore(pair: &Pair, steps: &[Step], depth: usize, paths: &mut usize) {
    if depth == 0 {
        *paths += 1;
        return;
    }
    for step in steps {
        let mut next = pair.clone();
        next.take(step);
        next.check();
        explore(&next, steps, depth - 1, paths);
    }
}
