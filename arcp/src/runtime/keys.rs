//! Idempotency keys and what they stand for (ARCP §7.2).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::record::StoredKey;

/// Keys, by whose they are and by age.
#[derive(Debug, Default)]
pub(super) struct Keys {
    by_name: HashMap<(Arc<str>, String), (u64, StoredKey)>,
    /// In the order in which they came.
    by_age: BTreeMap<u64, (Arc<str>, String)>,
    next: u64,
}

impl Keys {
    pub(super) fn get(&self, principal: &Arc<str>, key: &str) -> Option<&StoredKey> {
        self.by_name.get(&(Arc::clone(principal), key.to_owned())).map(|(_, found)| found)
    }

    pub(super) fn get_mut(&mut self, principal: &Arc<str>, key: &str) -> Option<&mut StoredKey> {
        self.by_name.get_mut(&(Arc::clone(principal), key.to_owned())).map(|(_, found)| found)
    }

    pub(super) fn add(&mut self, key: StoredKey) {
        let name = (Arc::clone(&key.principal), key.key.clone());
        self.by_age.insert(self.next, name.clone());
        if let Some((age, _)) = self.by_name.insert(name, (self.next, key)) {
            self.by_age.remove(&age);
        }
        self.next += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// When the oldest came.
    pub(super) fn oldest_us(&self) -> Option<u64> {
        let name = self.by_age.first_key_value()?.1;
        self.by_name.get(name).map(|(_, key)| key.created_us)
    }

    /// Takes the oldest away.
    pub(super) fn pop(&mut self) -> Option<StoredKey> {
        let (_, name) = self.by_age.pop_first()?;
        self.by_name.remove(&name).map(|(_, key)| key)
    }
}
