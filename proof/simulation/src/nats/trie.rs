//! Who listens to which subjects: a tree of tokens.

use std::collections::{BTreeMap, BTreeSet};

/// A listener: whether in the queue group, the server of its client, and its client's connection.
pub(crate) type Listener = (bool, usize, u64);

/// The subscriptions that a server knows, its own clients' and those of the other servers'.
#[derive(Debug, Default)]
pub(crate) struct Trie {
    children: BTreeMap<String, Trie>,
    here: BTreeSet<Listener>,
}

impl Trie {
    /// `pattern` has `*` for any token, and `>` at its end for one and more of them.
    pub(crate) fn add(&mut self, pattern: &str, listener: Listener) {
        let mut at = self;
        for token in pattern.split('.') {
            at = at.children.entry(token.to_owned()).or_default();
        }
        at.here.insert(listener);
    }

    pub(crate) fn remove(&mut self, pattern: &str, listener: Listener) {
        let (token, rest) =
            pattern.split_once('.').map_or((pattern, None), |(token, rest)| (token, Some(rest)));
        let Some(child) = self.children.get_mut(token) else { return };
        match rest {
            Some(rest) => child.remove(rest, listener),
            None => {
                child.here.remove(&listener);
            }
        }
        if child.is_empty() {
            self.children.remove(token);
        }
    }

    /// Forgets listeners.
    pub(crate) fn retain(&mut self, keeps: &impl Fn(&Listener) -> bool) {
        self.here.retain(|listener| keeps(listener));
        self.children.retain(|_, child| {
            child.retain(keeps);
            !child.is_empty()
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.children.is_empty() && self.here.is_empty()
    }

    /// All who listen to a subject.
    pub(crate) fn find(&self, subject: &str) -> BTreeSet<Listener> {
        let mut found = BTreeSet::new();
        self.gather(Some(subject), &mut found);
        found
    }

    fn gather(&self, subject: Option<&str>, found: &mut BTreeSet<Listener>) {
        let Some(subject) = subject else {
            found.extend(&self.here);
            return;
        };
        let (token, rest) =
            subject.split_once('.').map_or((subject, None), |(token, rest)| (token, Some(rest)));
        for child in [token, "*"].into_iter().filter_map(|token| self.children.get(token)) {
            child.gather(rest, found);
        }
        if let Some(all) = self.children.get(">") {
            found.extend(&all.here);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_tokens() {
        let mut trie = Trie::default();
        for (number, pattern) in ["a.b", "a.*", "a.>", "*.b.c", "a.b.c.d"].into_iter().enumerate() {
            trie.add(pattern, (false, 0, number as u64));
        }
        let found = |trie: &Trie, subject: &str| -> Vec<u64> {
            trie.find(subject).into_iter().map(|(_, _, number)| number).collect()
        };
        assert_eq!(found(&trie, "a.b"), [0, 1, 2]);
        assert_eq!(found(&trie, "a.b.c"), [2, 3]);
        assert_eq!(found(&trie, "a.b.c.d"), [2, 4]);
        assert_eq!(found(&trie, "a"), [0; 0]);
        trie.remove("a.b", (false, 0, 0));
        trie.remove("a.*", (true, 0, 1));
        assert_eq!(found(&trie, "a.b"), [1, 2]);
        trie.retain(&|(_, _, number)| *number == 9);
        assert!(trie.is_empty());
    }
}
