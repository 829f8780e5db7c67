//! The fast reader: one pass over a message in preorder, the shape that we write.
//!
//! It demands that every object begins just where the one before it ended, so that overlap, cycles and
//! amplification cannot occur and no limit need be counted. `None` means "not that shape": the general
//! reader then decides. It never refuses by itself.

use super::pointer::WORD;

/// A cursor over a message of one segment.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    next: usize,
}

/// A struct's sections.
#[derive(Clone, Copy)]
pub(crate) struct Structure {
    /// Where its data begins.
    pub(crate) data: usize,
    /// Words of data.
    pub(crate) data_words: usize,
    /// Where its pointers begin.
    pub(crate) pointers: usize,
    /// Number of pointers.
    pub(crate) pointer_count: usize,
}

impl<'a> Reader<'a> {
    /// Over a message whose table says one segment and just its length; gives its root struct too.
    #[inline]
    pub(crate) fn root(bytes: &'a [u8]) -> Option<(Self, Structure)> {
        let table = u64::from_le_bytes(*bytes.first_chunk()?);
        // The low half is the number of segments less one.
        if table as u32 != 0 || (table >> 32) as usize * WORD + WORD != bytes.len() {
            return None;
        }
        let mut reader = Self { bytes, next: 2 * WORD };
        let root = reader.structure(WORD)?;
        Some((reader, root?))
    }

    /// The word at a byte offset.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> Option<u64> {
        self.bytes.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
    }

    /// Whether everything up to the end has been read, as in what we write.
    #[inline]
    pub(crate) fn at_end(&self) -> bool {
        self.next == self.bytes.len()
    }

    /// The struct behind the pointer at `at`; `Some(None)` for a null pointer.
    #[inline]
    pub(crate) fn structure(&mut self, at: usize) -> Option<Option<Structure>> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some(None);
        }
        if pointer & 3 != 0 || self.target(at, pointer) != self.next {
            return None;
        }
        let data_words = (pointer >> 32) as usize & 0xffff;
        let pointer_count = (pointer >> 48) as usize;
        let data = self.take((data_words + pointer_count) * WORD)?;
        Some(Some(Structure { data, data_words, pointers: data + data_words * WORD, pointer_count }))
    }

    /// The bytes behind the pointer at `at`; empty for a null pointer.
    #[inline]
    pub(crate) fn data(&mut self, at: usize) -> Option<&'a [u8]> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some(&[]);
        }
        // A list (1) of bytes (2) that begins at the cursor.
        if pointer & 3 != 1 || (pointer >> 32) & 7 != 2 || self.target(at, pointer) != self.next {
            return None;
        }
        let count = (pointer >> 35) as usize;
        let start = self.take(count.div_ceil(WORD) * WORD)?;
        self.bytes.get(start..start + count)
    }

    /// The text behind the pointer at `at`; empty for a null pointer.
    #[inline]
    pub(crate) fn text(&mut self, at: usize) -> Option<&'a str> {
        if self.word(at)? == 0 {
            return Some("");
        }
        check_text(self.data(at)?)
    }

    /// The list of pointers behind the pointer at `at`: where it begins, and how many.
    #[inline]
    pub(crate) fn pointers(&mut self, at: usize) -> Option<(usize, usize)> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some((0, 0));
        }
        if pointer & 3 != 1 || (pointer >> 32) & 7 != 6 || self.target(at, pointer) != self.next {
            return None;
        }
        let count = (pointer >> 35) as usize;
        Some((self.take(count * WORD)?, count))
    }

    /// The list of structs behind the pointer at `at`: the first one's sections, and how many.
    #[inline]
    pub(crate) fn structures(&mut self, at: usize) -> Option<Option<(Structure, usize)>> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some(None);
        }
        if pointer & 3 != 1 || (pointer >> 32) & 7 != 7 || self.target(at, pointer) != self.next {
            return None;
        }
        let words = (pointer >> 35) as usize;
        let start = self.take((words + 1) * WORD)?;
        let tag = self.word(start)?;
        let count = (tag as u32 >> 2) as usize;
        let data_words = (tag >> 32) as usize & 0xffff;
        let pointer_count = (tag >> 48) as usize;
        if tag & 3 != 0 || count * (data_words + pointer_count) != words {
            return None;
        }
        let data = start + WORD;
        let first = Structure { data, data_words, pointers: data + data_words * WORD, pointer_count };
        Some(Some((first, count)))
    }

    #[inline]
    fn target(&self, at: usize, pointer: u64) -> usize {
        // Offsets are signed; a negative one wraps and so never equals the cursor.
        let offset = (pointer as u32 as i32 >> 2) as isize;
        at.wrapping_add(WORD).wrapping_add_signed(offset * WORD as isize)
    }

    #[inline]
    fn take(&mut self, bytes: usize) -> Option<usize> {
        let start = self.next;
        let end = start.checked_add(bytes)?;
        if end > self.bytes.len() {
            return None;
        }
        self.next = end;
        Some(start)
    }
}

impl Structure {
    /// A word of data; 0 where the struct is shorter, as in an older schema.
    #[inline]
    pub(crate) fn word(&self, reader: &Reader<'_>, index: usize) -> u64 {
        if index < self.data_words { reader.word(self.data + index * WORD).unwrap_or(0) } else { 0 }
    }

    /// Where pointer `index` is, if the struct has it.
    #[inline]
    pub(crate) fn pointer(&self, index: usize) -> Option<usize> {
        (index < self.pointer_count).then(|| self.pointers + index * WORD)
    }
}

/// Text of a message as it must be: a final NUL, no other, valid UTF-8.
#[inline]
fn check_text(bytes: &[u8]) -> Option<&str> {
    let (nul, text) = bytes.split_last()?;
    if *nul != 0 || text.contains(&0) {
        return None;
    }
    std::str::from_utf8(text).ok()
}
