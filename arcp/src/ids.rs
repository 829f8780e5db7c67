//! Ids and tokens.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::id::Ulid;

/// Makes what nobody else can guess, out of a seed that nobody else knows.
#[derive(Debug)]
pub(crate) struct Ids {
    random: ChaCha20Rng,
    last: u128,
}

impl Ids {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { random: ChaCha20Rng::from_seed(seed), last: 0 }
    }

    /// Random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// A fresh id: those of one millisecond ascend.
    pub(crate) fn ulid(&mut self, now_us: u64) -> Ulid {
        let millis = now_us / 1000;
        if self.last == 0 || Ulid::from_u128(self.last).millis() < millis {
            let mut random: [u8; 10] = self.bytes();
            // Room to count up.
            random[0] &= 0x7f;
            self.last = Ulid::new(millis, random).to_u128();
        } else {
            self.last += 1;
        }
        Ulid::from_u128(self.last)
    }
}
