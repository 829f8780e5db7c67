//! Budgets of jobs and of those to whom they delegate (§9.6, §9.4).

use foldhash::HashMap;

use crate::{Amount, Amounts, Code, Currency, Refusal};

/// The accounts of all jobs that run.
///
/// A job that a client submitted has an account of its own ([`Accounts::open`]). A job to which another delegates
/// either gets a part of that one's budget ([`Accounts::reserve`]), which the other can then not spend, or, when its
/// lease names no budget, spends from the same account ([`Accounts::share`]): otherwise delegating without a budget
/// would be a way around one. When a job ends ([`Accounts::close`]) what is left of its part goes back, and what it
/// overdrew is taken: costs are told after they arose (§9.6), so a counter can fall below zero.
///
/// What holds after every call, for every job that a client submitted and each currency: what is left in its account
/// and in those below it, and what was spent from all of them, add up to its budget, exactly.
///
/// Nothing here waits or locks; memory is that of the jobs that run.
///
/// ```
/// use ixt_arcp::{Accounts, Amount, Amounts, Currency};
///
/// let usd = Currency::parse("USD")?;
/// let mut accounts = Accounts::default();
/// let job = accounts.open(Amounts::parse(["USD:5.00"])?);
/// accounts.spend(job, usd, Amount::parse("3.00")?)?;
/// assert!(accounts.reserve(job, &Amounts::parse(["USD:2.01"])?).is_err());
/// let child = accounts.reserve(job, &Amounts::parse(["USD:2.00"])?)?;
/// assert_eq!(accounts.exhausted(job), Some(usd), "all of it is spent or reserved");
/// accounts.spend(child, usd, Amount::parse("0.50")?)?;
/// assert_eq!(accounts.unspent(child).get(usd), Some(Amount::parse("1.50")?), "of all that the job had");
/// accounts.close(child);
/// assert_eq!(accounts.remaining(job, usd), Some(Amount::parse("1.50")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    accounts: HashMap<AccountId, Account>,
    last: u64,
}

/// An account, as [`Accounts`] names it. Never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

#[derive(Debug, Clone)]
struct Account {
    /// Whether its job runs.
    open: bool,
    /// Accounts that reserve from this one or share it. It lives as long as they do.
    children: usize,
    parent: Option<AccountId>,
    purse: Purse,
}

#[derive(Debug, Clone)]
enum Purse {
    /// Its counters; with what was spent here and below, where a client submitted the job.
    Own { counters: Vec<Counter>, root: AccountId },
    /// Those of another account, which has counters itself.
    Shared(AccountId),
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    currency: Currency,
    /// What there was at first.
    opened: Amount,
    remaining: Amount,
    /// Kept at the root alone. It is in range, so what is left anywhere below, however many accounts come together
    /// again, is in range too.
    spent: Amount,
}

/// A cost that is not taken. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SpendError {
    /// Below zero (§9.6).
    #[error("a negative cost is refused")]
    Negative,
    /// With it more than 10^18 were spent for one submitted job.
    #[error("costs of more than 10^18 are refused")]
    TooLarge,
    /// The account is closed.
    #[error("the job has ended")]
    Closed,
}

impl From<SpendError> for Refusal {
    fn from(error: SpendError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl Accounts {
    /// The account of a job that a client submitted, with the budget of its lease; an empty one bounds nothing.
    pub fn open(&mut self, budget: Amounts) -> AccountId {
        let id = self.next();
        let counters = counters_of(&budget);
        self.insert(id, None, Purse::Own { counters, root: id })
    }

    /// The account of a job to which that of `parent` delegates a budget: the amounts are taken from the parent's.
    ///
    /// # Errors
    /// `LEASE_SUBSET_VIOLATION`, and nothing has changed, when an amount is above what is left (§9.4), or is of a
    /// currency that the parent's budget does not name: what its lease does not cover it cannot pass on.
    /// `INTERNAL_ERROR` when the parent's account is closed.
    pub fn reserve(&mut self, parent: AccountId, amounts: &Amounts) -> Result<AccountId, Refusal> {
        let violation = |message| Refusal::new(Code::LeaseSubsetViolation, message);
        let id = AccountId(self.last + 1);
        let (owner, root, held) = self.purse(parent).ok_or_else(closed)?;
        for (currency, amount) in amounts.iter() {
            let Some(counter) = held.iter().find(|counter| counter.currency == currency) else {
                return Err(violation(format!("the delegating job has no budget in {currency}")));
            };
            if amount > counter.remaining {
                let left = counter.remaining;
                return Err(violation(format!(
                    "a budget of {amount} {currency} is above the {left} that are left to the delegating job"
                )));
            }
        }
        for (currency, amount) in amounts.iter() {
            if let Some(counter) = held.iter_mut().find(|counter| counter.currency == currency) {
                // At most what is left, so it stays in range.
                counter.remaining = counter.remaining.checked_sub(amount).unwrap_or(counter.remaining);
            }
        }
        self.last = id.0;
        let counters = counters_of(amounts);
        Ok(self.insert(id, Some(owner), Purse::Own { counters, root }))
    }

    /// The account of a job to which that of `parent` delegates without a budget: whatever it spends, it spends from
    /// the parent's.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when the parent's account is closed.
    pub fn share(&mut self, parent: AccountId) -> Result<AccountId, Refusal> {
        let (owner, ..) = self.purse(parent).ok_or_else(closed)?;
        let id = self.next();
        Ok(self.insert(id, Some(owner), Purse::Shared(owner)))
    }

    /// Takes a cost from the account and says what is left, which may be below zero. `None` when no budget bounds the
    /// currency, so that the cost is no matter.
    ///
    /// # Errors
    /// [`SpendError`]; nothing has changed then.
    pub fn spend(
        &mut self,
        account: AccountId,
        currency: Currency,
        cost: Amount,
    ) -> Result<Option<Amount>, SpendError> {
        if cost < Amount::ZERO {
            return Err(SpendError::Negative);
        }
        let (_, root, counters) = self.purse(account).ok_or(SpendError::Closed)?;
        let of_currency = |counter: &&mut Counter| counter.currency == currency;
        let Some(at) = counters.iter_mut().find(of_currency) else {
            return Ok(None);
        };
        let remaining = at.remaining.checked_sub(cost).ok_or(SpendError::TooLarge)?;
        // The root has every currency that an account below it has.
        let Some(Account { purse: Purse::Own { counters, .. }, .. }) = self.accounts.get_mut(&root) else {
            return Err(SpendError::Closed);
        };
        if let Some(total) = counters.iter_mut().find(of_currency) {
            total.spent = total.spent.checked_add(cost).ok_or(SpendError::TooLarge)?;
        }
        if let Some((_, _, counters)) = self.purse(account)
            && let Some(counter) = counters.iter_mut().find(of_currency)
        {
            counter.remaining = remaining;
        }
        Ok(Some(remaining))
    }

    /// A currency of which nothing is left, if there is one: then no operation through the lease is allowed, of
    /// whatever currency it would cost (§9.6). `None` also for an account that is closed.
    #[must_use]
    pub fn exhausted(&self, account: AccountId) -> Option<Currency> {
        let mut counters = self.counters(account).iter();
        counters.find(|counter| counter.remaining.is_exhausted()).map(|counter| counter.currency)
    }

    /// What is left of a currency; `None` when no budget bounds it or the account is closed.
    #[must_use]
    pub fn remaining(&self, account: AccountId, currency: Currency) -> Option<Amount> {
        let counter = self.counters(account).iter().find(|counter| counter.currency == currency)?;
        Some(counter.remaining)
    }

    /// What is left of each currency; empty when nothing is bounded or the account is closed.
    #[must_use]
    pub fn budget(&self, account: AccountId) -> Amounts {
        let mut amounts = Amounts::default();
        for counter in self.counters(account) {
            // One counter a currency, so there is no sum to be out of range.
            let _ = amounts.add(counter.currency, counter.remaining);
        }
        amounts
    }

    /// What the job that a client submitted and all jobs below it have not spent, reserved or not: of an account below,
    /// what its root has. This outlives a runtime, as jobs that were delegated do not.
    #[must_use]
    pub fn unspent(&self, account: AccountId) -> Amounts {
        let mut amounts = Amounts::default();
        let owner = match self.accounts.get(&account).map(|account| &account.purse) {
            Some(Purse::Shared(owner)) => *owner,
            _ => account,
        };
        let Some(Purse::Own { root, .. }) = self.accounts.get(&owner).map(|owner| &owner.purse) else {
            return amounts;
        };
        for counter in self.counters(*root) {
            let left = counter.opened.checked_sub(counter.spent).unwrap_or(Amount::ZERO);
            // One counter a currency, so there is no sum to be out of range.
            let _ = amounts.add(counter.currency, left);
        }
        amounts
    }

    /// Ends the account: what is left of a part goes back to where it came from. When jobs to which it delegated
    /// still run, that happens as the last of them ends, with what they give back. Closing it again does nothing.
    pub fn close(&mut self, account: AccountId) {
        let Some(closing) = self.accounts.get_mut(&account) else { return };
        closing.open = false;
        let mut next = Some(account);
        while let Some(id) = next {
            let over = |account: &Account| !account.open && account.children == 0;
            let Some(ended) =
                self.accounts.get(&id).is_some_and(over).then(|| self.accounts.remove(&id)).flatten()
            else {
                return;
            };
            next = ended.parent;
            let Some(parent) = next.and_then(|parent| self.accounts.get_mut(&parent)) else { return };
            parent.children = parent.children.saturating_sub(1);
            if let (Purse::Own { counters: rest, .. }, Purse::Own { counters, .. }) =
                (ended.purse, &mut parent.purse)
            {
                for part in rest {
                    if let Some(counter) =
                        counters.iter_mut().find(|counter| counter.currency == part.currency)
                    {
                        // In range, as what was spent below the root is.
                        counter.remaining =
                            counter.remaining.checked_add(part.remaining).unwrap_or(counter.remaining);
                    }
                }
            }
        }
    }

    /// How many accounts there are, those included that wait for the jobs to which theirs delegated.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn next(&mut self) -> AccountId {
        self.last += 1;
        AccountId(self.last)
    }

    fn insert(&mut self, id: AccountId, parent: Option<AccountId>, purse: Purse) -> AccountId {
        if let Some(parent) = parent.and_then(|parent| self.accounts.get_mut(&parent)) {
            parent.children += 1;
        }
        self.accounts.insert(id, Account { open: true, children: 0, parent, purse });
        id
    }

    /// From where an open account spends: which one, below which root, and its counters.
    fn purse(&mut self, account: AccountId) -> Option<(AccountId, AccountId, &mut Vec<Counter>)> {
        let owner = self.owner(account)?;
        match self.accounts.get_mut(&owner) {
            Some(Account { purse: Purse::Own { counters, root }, .. }) => Some((owner, *root, counters)),
            _ => None,
        }
    }

    fn counters(&self, account: AccountId) -> &[Counter] {
        let owner = self.owner(account).and_then(|owner| self.accounts.get(&owner));
        match owner {
            Some(Account { purse: Purse::Own { counters, .. }, .. }) => counters,
            _ => &[],
        }
    }

    fn owner(&self, account: AccountId) -> Option<AccountId> {
        match self.accounts.get(&account) {
            Some(Account { open: true, purse: Purse::Own { .. }, .. }) => Some(account),
            Some(Account { open: true, purse: Purse::Shared(owner), .. }) => Some(*owner),
            _ => None,
        }
    }
}

fn counters_of(amounts: &Amounts) -> Vec<Counter> {
    let counter =
        |(currency, remaining)| Counter { currency, opened: remaining, remaining, spent: Amount::ZERO };
    amounts.iter().map(counter).collect()
}

fn closed() -> Refusal {
    Refusal::new(Code::InternalError, "the delegating job has ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(texts: &[&str]) -> Amounts {
        Amounts::parse(texts.iter().copied()).unwrap()
    }

    fn usd() -> Currency {
        Currency::parse("USD").unwrap()
    }

    fn eur() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn shown(accounts: &Accounts, account: AccountId) -> String {
        serde_json::to_string(&accounts.budget(account)).unwrap()
    }

    #[test]
    fn the_drafts_example() {
        let mut accounts = Accounts::default();
        let job = accounts.open(amounts(&["USD:1.00"]));
        assert_eq!(accounts.spend(job, usd(), amount("0.42")), Ok(Some(amount("0.58"))));
        assert_eq!(accounts.exhausted(job), None);
        assert_eq!(accounts.spend(job, usd(), amount("0.70")).unwrap().unwrap().to_string(), "-0.12");
        assert_eq!(accounts.exhausted(job), Some(usd()));
        assert_eq!(accounts.spend(job, eur(), amount("7")), Ok(None), "no budget in that");
    }

    #[test]
    fn nothing_is_exhausted_that_is_not_bounded() {
        let mut accounts = Accounts::default();
        let unbounded = accounts.open(Amounts::default());
        assert_eq!(accounts.spend(unbounded, usd(), Amount::MAX), Ok(None));
        assert_eq!(accounts.exhausted(unbounded), None);
        let nothing = accounts.open(amounts(&["USD:5", "EUR:0"]));
        assert_eq!(accounts.exhausted(nothing), Some(eur()), "all counters count");
    }

    #[test]
    fn a_part_is_at_most_what_is_left() {
        let mut accounts = Accounts::default();
        let job = accounts.open(amounts(&["USD:5.00"]));
        accounts.spend(job, usd(), amount("3")).unwrap();
        for (texts, says) in [
            (["USD:2.000000000000000001"], "above the 2 that are left"),
            (["EUR:0"], "no budget in EUR"),
            (["usd:1"], "no budget in usd"),
        ] {
            let refusal = accounts.reserve(job, &amounts(&texts)).unwrap_err();
            assert_eq!(refusal.code, Code::LeaseSubsetViolation);
            assert!(refusal.message.contains(says), "{refusal}");
        }
        assert_eq!((shown(&accounts, job).as_str(), accounts.len()), (r#"{"USD":2}"#, 1));
        let child = accounts.reserve(job, &amounts(&["USD:2"])).unwrap();
        assert_eq!(shown(&accounts, job), r#"{"USD":0}"#);
        assert!(accounts.reserve(job, &amounts(&["USD:0.01"])).is_err());
        accounts.spend(child, usd(), amount("2.5")).unwrap();
        accounts.close(child);
        assert_eq!(shown(&accounts, job), r#"{"USD":-0.5}"#, "what was overdrawn is taken too");
        assert!(accounts.reserve(job, &amounts(&["USD:0"])).is_err(), "0 is above -0.5");
    }

    #[test]
    fn one_refused_currency_refuses_all() {
        let mut accounts = Accounts::default();
        let job = accounts.open(amounts(&["USD:5", "EUR:1"]));
        assert!(accounts.reserve(job, &amounts(&["USD:1", "EUR:2"])).is_err());
        assert_eq!(shown(&accounts, job), r#"{"USD":5,"EUR":1}"#);
    }

    #[test]
    fn without_a_budget_the_parents_is_spent() {
        let mut accounts = Accounts::default();
        let job = accounts.open(amounts(&["USD:1"]));
        let child = accounts.share(job).unwrap();
        let grandchild = accounts.share(child).unwrap();
        accounts.spend(grandchild, usd(), amount("1")).unwrap();
        for account in [job, child, grandchild] {
            assert_eq!(accounts.exhausted(account), Some(usd()));
        }
        accounts.close(child);
        assert_eq!(accounts.spend(child, usd(), amount("1")), Err(SpendError::Closed));
        assert_eq!(accounts.share(child).unwrap_err().code, Code::InternalError);
        accounts.close(child);
        accounts.close(grandchild);
        assert_eq!((accounts.exhausted(job), accounts.len()), (Some(usd()), 1));
        accounts.close(job);
        assert!(accounts.is_empty());
    }

    #[test]
    fn who_ends_before_its_children_waits_for_them() {
        let mut accounts = Accounts::default();
        let job = accounts.open(amounts(&["USD:10"]));
        let child = accounts.reserve(job, &amounts(&["USD:4"])).unwrap();
        let sharer = accounts.share(child).unwrap();
        let grandchild = accounts.reserve(sharer, &amounts(&["USD:1"])).unwrap();
        accounts.close(sharer);
        accounts.close(child);
        accounts.close(child);
        assert_eq!(shown(&accounts, job), r#"{"USD":6}"#);
        assert_eq!((shown(&accounts, child).as_str(), accounts.exhausted(child)), ("{}", None));
        accounts.spend(grandchild, usd(), amount("0.25")).unwrap();
        accounts.close(grandchild);
        assert_eq!(shown(&accounts, job), r#"{"USD":9.75}"#);
        assert_eq!(accounts.len(), 1);
    }

    #[test]
    fn costs_that_nobody_has_are_refused() {
        let mut accounts = Accounts::default();
        let job = accounts.open(amounts(&["USD:1000000000000000000"]));
        assert_eq!(accounts.spend(job, usd(), Amount::from_units(-1).unwrap()), Err(SpendError::Negative));
        let children: Vec<_> =
            (0..3).map(|_| accounts.reserve(job, &amounts(&["USD:300000000000000000"])).unwrap()).collect();
        let half = amount("500000000000000000");
        assert!(accounts.spend(children[0], usd(), half).is_ok());
        assert!(accounts.spend(children[1], usd(), half).is_ok());
        let one = Amount::from_units(1).unwrap();
        assert_eq!(
            accounts.spend(children[2], usd(), one),
            Err(SpendError::TooLarge),
            "of one submitted job"
        );
        for child in children {
            accounts.close(child);
        }
        assert_eq!(shown(&accounts, job), r#"{"USD":0}"#);
    }
}
