//! Hashes of values.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

/// A hash with the process's own keys: stream ids are the peer's to choose.
pub(crate) fn hash_of(value: impl Hash) -> u64 {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    KEYS.get_or_init(RandomState::new).hash_one(value)
}
