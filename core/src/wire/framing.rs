//! The segment table: where a message ends, decided before anything of it is read.

use super::pointer::WORD;
use super::{Error, ErrorKind, MAX_SEGMENTS, Result};

/// Where the body of a message with one segment begins.
pub(crate) const BODY: usize = WORD;

/// What the beginning of a byte stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// A whole message of this many bytes.
    Message(usize),
    /// The beginning of a message; this many bytes are needed in all before more can be said.
    Incomplete(usize),
}

/// Finds the end of the first message in `bytes`, a byte stream of messages back to back.
///
/// Reads the segment table alone.
///
/// # Errors
/// `TooManySegments`, `MessageTooLarge` (its table declares more than `max_message` bytes).
pub fn split(bytes: &[u8], max_message: usize) -> Result<Split> {
    let Some(count) = u32_at(bytes, 0) else {
        return Ok(Split::Incomplete(WORD));
    };
    if count as usize >= MAX_SEGMENTS {
        return Err(Error::new(ErrorKind::TooManySegments).at(0));
    }
    let segments = count as usize + 1;
    let table = (segments / 2 + 1) * WORD;
    if bytes.len() < table {
        return Ok(Split::Incomplete(table));
    }
    let mut total = table;
    for segment in 0..segments {
        let at = 4 + 4 * segment;
        let words = u32_at(bytes, at).unwrap_or(0) as usize;
        total = words.saturating_mul(WORD).saturating_add(total);
        if total > max_message {
            return Err(Error::new(ErrorKind::MessageTooLarge).at(at));
        }
    }
    Ok(if total <= bytes.len() { Split::Message(total) } else { Split::Incomplete(total) })
}

/// Checks that `bytes` are one whole message by its table, no more and no less.
pub(crate) fn check_table(bytes: &[u8], max_message: usize) -> Result<()> {
    match split(bytes, max_message)? {
        Split::Message(length) if length == bytes.len() => Ok(()),
        Split::Message(length) => Err(Error::new(ErrorKind::TrailingBytes).at(length)),
        Split::Incomplete(_) => Err(Error::new(ErrorKind::Truncated).at(bytes.len())),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_split_by_the_table_alone() {
        assert_eq!(split(&[], 100), Ok(Split::Incomplete(8)));
        let one = [0, 0, 0, 0, 2, 0, 0, 0];
        assert_eq!(split(&one, 100), Ok(Split::Incomplete(24)));
        let mut whole = one.to_vec();
        whole.extend([0; 20]);
        assert_eq!(split(&whole, 100), Ok(Split::Message(24)));
        assert_eq!(split(&whole, 24), Ok(Split::Message(24)));
        assert_eq!(split(&whole, 23).map_err(|e| e.kind()), Err(ErrorKind::MessageTooLarge));
    }

    #[test]
    fn huge_tables_do_not_overflow() {
        let mut table = vec![15, 0, 0, 0];
        table.extend([0xff; 68]);
        assert_eq!(split(&table, 100).map_err(|e| e.kind()), Err(ErrorKind::MessageTooLarge));
        table[0] = 16;
        assert_eq!(split(&table, 100).map_err(|e| e.kind()), Err(ErrorKind::TooManySegments));
    }
}
