//! Places in the caller's memory.

use ixt_core::ErrorKind;

/// A piece of the input that the caller gave: `input + offset`, `length` bytes. Where a piece is empty
/// or not there, both are 0.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ixt_span_t {
    /// Bytes from the beginning of the input.
    pub offset: u32,
    /// Bytes.
    pub length: u32,
}

/// Bytes or text of the caller's, by pointer. Text is UTF-8 and needs no NUL at its end. `data` may be
/// NULL where `length` is 0. Borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_slice_t {
    /// The first byte.
    pub data: *const u8,
    /// Bytes.
    pub length: usize,
}

/// Largest input of which spans are given; of longer ones only so much is looked at.
pub(crate) const MAX_INPUT: usize = u32::MAX as usize;

impl ixt_span_t {
    /// The place of `part` in `input`, of which it is a part.
    #[inline]
    pub(crate) fn of(part: &[u8], input: &[u8]) -> Self {
        if part.is_empty() {
            return Self::default();
        }
        let offset = (part.as_ptr() as usize).wrapping_sub(input.as_ptr() as usize);
        debug_assert!(offset.checked_add(part.len()).is_some_and(|end| end <= input.len()));
        Self { offset: offset as u32, length: part.len() as u32 }
    }

    /// The bytes at this place.
    #[inline]
    pub(crate) fn get(self, input: &[u8]) -> Result<&[u8], ErrorKind> {
        if self.length == 0 {
            return Ok(&[]);
        }
        let (from, length) = (self.offset as usize, self.length as usize);
        input.get(from..).and_then(|rest| rest.get(..length)).ok_or(ErrorKind::InvalidArgument)
    }

    /// The text at this place, where it begins and ends with a character.
    #[inline]
    pub(crate) fn get_text(self, input: &str) -> Option<&str> {
        let from = self.offset as usize;
        input.get(from..from.checked_add(self.length as usize)?)
    }
}
