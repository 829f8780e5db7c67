//! What ids and tokens of an engine are made of.

use std::iter::repeat_with;

use uuid::Uuid;

/// 256 bits from the operating system's randomness.
pub(super) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    // A random UUID has its version and its variant between.
    let random = repeat_with(Uuid::new_v4).flat_map(|id| {
        let [a, b, c, d, e, f, _, _, _, g, h, i, j, k, l, m] = id.into_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m]
    });
    seed.iter_mut().zip(random).for_each(|(to, byte)| *to = byte);
    seed
}
