//! The messages of the calls: what the one with a number must be, every byte of it.

use crate::ledger::CallId;

/// How large the messages of a call are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) smallest: u64,
    pub(crate) largest: u64,
}

/// Bytes of a message that say which it is.
pub(crate) const HEADER: usize = 24;

/// Writes the message with this number in this direction of the call.
pub(crate) fn write(out: &mut Vec<u8>, call: CallId, side: usize, sequence: u64, sizes: Sizes) {
    out.clear();
    for number in [call as u64, side as u64, sequence] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.resize(length(call, side, sequence, sizes), filling(call, sequence));
}

/// Whether this is the whole message with this number.
pub(crate) fn is(payload: &[u8], call: CallId, side: usize, sequence: u64, sizes: Sizes) -> bool {
    let Some((header, rest)) = payload.split_at_checked(HEADER) else { return false };
    let numbers = [call as u64, side as u64, sequence];
    let said = header.chunks_exact(8).zip(numbers).all(|(bytes, number)| bytes == number.to_le_bytes());
    let filling = filling(call, sequence);
    said && payload.len() == length(call, side, sequence, sizes) && rest.iter().all(|byte| *byte == filling)
}

/// The call that a message says that it is of.
pub(crate) fn call_of(payload: &[u8]) -> Option<CallId> {
    let bytes = payload.get(..8)?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(bytes)).ok()
}

fn filling(call: CallId, sequence: u64) -> u8 {
    (call as u64).wrapping_mul(31).wrapping_add(sequence.wrapping_mul(7)) as u8
}

/// Drawn from the numbers, so that nobody has to keep it.
fn length(call: CallId, side: usize, sequence: u64, sizes: Sizes) -> usize {
    let mut mixed = (call as u64) << 32 ^ (side as u64) << 24 ^ sequence;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    HEADER + (sizes.smallest + mixed % (sizes.largest - sizes.smallest + 1)) as usize
}
