//! Bytes of the transport to whole frames.

use std::ops::Range;

use crate::wire::{Result, Split, split};

/// Keeps the beginning of a frame whose end has not come yet. Frames that are whole in what was read are not
/// copied.
#[derive(Debug, Default)]
pub(super) struct Framer {
    held: Vec<u8>,
    /// What is held was given as a whole frame and makes room for the next one.
    given: bool,
}

/// Where a whole frame stands.
#[derive(Debug, Clone)]
pub(super) enum Whole {
    /// In what was read.
    Read(Range<usize>),
    /// In what is held.
    Held,
}

/// What a buffer keeps when it is empty.
const KEPT: usize = 64 << 10;

impl Framer {
    /// Takes the next whole frame from `read` at `*at`, which moves on; `None` when what is left is the
    /// beginning of a frame, or nothing.
    ///
    /// # Errors
    /// `TooManySegments`, `MessageTooLarge`: the byte stream cannot be split any more.
    pub(super) fn next(&mut self, read: &[u8], at: &mut usize, max_message: usize) -> Result<Option<Whole>> {
        if std::mem::take(&mut self.given) {
            self.held.clear();
            self.held.shrink_to(KEPT);
        }
        let rest = read.get(*at..).unwrap_or_default();
        if self.held.is_empty() {
            return Ok(match split(rest, max_message)? {
                Split::Message(length) => {
                    let whole = Whole::Read(*at..*at + length);
                    *at += length;
                    Some(whole)
                }
                Split::Incomplete(_) => {
                    self.held.extend_from_slice(rest);
                    *at = read.len();
                    None
                }
            });
        }
        loop {
            match split(&self.held, max_message)? {
                Split::Message(_) => {
                    self.given = true;
                    return Ok(Some(Whole::Held));
                }
                Split::Incomplete(need) => {
                    let rest = read.get(*at..).unwrap_or_default();
                    let missing = need.saturating_sub(self.held.len());
                    let take = rest.get(..missing).unwrap_or(rest);
                    self.held.extend_from_slice(take);
                    *at += take.len();
                    if take.len() < missing {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether the next frame begins in what is read next.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The bytes of a frame that [`next`](Self::next) gave.
    pub(super) fn bytes<'a>(&'a self, read: &'a [u8], whole: &Whole) -> &'a [u8] {
        match whole {
            Whole::Read(range) => read.get(range.clone()).unwrap_or_default(),
            Whole::Held => &self.held,
        }
    }

    /// Whether a frame has begun and not ended.
    pub(super) fn is_torn(&self) -> bool {
        !self.held.is_empty() && !self.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{StreamFrame, StreamId};

    fn frames() -> Vec<Vec<u8>> {
        let id = StreamId::new([1; 16]).unwrap();
        [0, 1, 7, 8, 300, 5000]
            .map(|length| StreamFrame::data(id, length as u64, vec![length as u8; length]).encode().unwrap())
            .to_vec()
    }

    #[test]
    fn however_the_bytes_are_cut_the_frames_are_the_same() {
        let frames = frames();
        let all = frames.concat();
        for size in [1, 2, 3, 7, 8, 9, 64, 1000, all.len()] {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for read in all.chunks(size) {
                let mut at = 0;
                while let Some(whole) = framer.next(read, &mut at, 6000).unwrap() {
                    found.push(framer.bytes(read, &whole).to_vec());
                }
                assert_eq!(at, read.len());
            }
            assert_eq!(found, frames, "reads of {size}");
            assert!(!framer.is_torn());
        }
    }

    #[test]
    fn a_beginning_is_torn_and_too_much_is_refused() {
        let frames = frames();
        let mut framer = Framer::default();
        assert!(framer.next(&frames[4][..100], &mut 0, 6000).unwrap().is_none());
        assert!(framer.is_torn());
        assert!(framer.next(&frames[4][100..], &mut 0, 300).is_err());
        assert!(Framer::default().next(&frames[5], &mut 0, 5000).is_err());
    }
}
