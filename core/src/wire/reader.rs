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
        // The low half is the number of segments less one, the high one the words of the first.
        if table as u32 != 0
            || (table >> 32) + 1 != (bytes.len() / WORD) as u64
            || !bytes.len().is_multiple_of(WORD)
        {
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
        let pointer = self.word(at)?;
        let start = self.next;
        self.skip_text(at, pointer)?;
        let count = (pointer >> 35) as usize;
        std::str::from_utf8(self.bytes.get(start..start + count.saturating_sub(1))?).ok()
    }

    /// The texts behind `count` pointers in a row from `at` on; a null pointer is an empty one.
    ///
    /// They lie in a row too, each with a NUL at its end, so that one check of UTF-8 does for all.
    #[inline]
    pub(crate) fn texts(&mut self, at: usize, count: usize) -> Option<Texts<'a>> {
        let pointers = self.bytes.get(at..at.checked_add(count.checked_mul(WORD)?)?)?;
        let start = self.next;
        for (index, pointer) in pointers.as_chunks::<WORD>().0.iter().enumerate() {
            self.skip_text(at + index * WORD, u64::from_le_bytes(*pointer))?;
        }
        let texts = std::str::from_utf8(self.bytes.get(start..self.next)?).ok()?;
        Some(Texts { pointers, texts })
    }

    /// Takes a text whose only NUL is its last byte.
    #[inline]
    fn skip_text(&mut self, at: usize, pointer: u64) -> Option<()> {
        if pointer == 0 {
            return Some(());
        }
        if pointer as u32 & 3 != 1 || (pointer >> 32) & 7 != 2 || self.target(at, pointer) != self.next {
            return None;
        }
        let count = (pointer >> 35) as usize;
        let start = self.take(count.div_ceil(WORD) * WORD)?;
        let (last, front) = self.bytes.get(start..self.next)?.as_chunks::<WORD>().0.split_last()?;
        let nul = first_nul(u64::from_le_bytes(*last));
        let clean = front.iter().all(|word| first_nul(u64::from_le_bytes(*word)) == WORD);
        (clean && nul == (count - 1) % WORD).then_some(())
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
        let start = self.take(words.checked_add(1)?.checked_mul(WORD)?)?;
        let tag = self.word(start)?;
        let count = (tag as u32 >> 2) as usize;
        let data_words = (tag >> 32) as usize & 0xffff;
        let pointer_count = (tag >> 48) as usize;
        if tag & 3 != 0 || count.checked_mul(data_words + pointer_count)? != words {
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

/// The texts of a row of pointers.
pub(crate) struct Texts<'a> {
    pointers: &'a [u8],
    texts: &'a str,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let (pointer, pointers) = self.pointers.split_first_chunk()?;
        self.pointers = pointers;
        let count = (u64::from_le_bytes(*pointer) >> 35) as usize;
        let (padded, texts) = self.texts.split_at_checked(count.div_ceil(WORD) * WORD)?;
        self.texts = texts;
        padded.get(..count.saturating_sub(1))
    }
}

/// Where the first NUL of a word is, in the order of its bytes; 8 for none.
#[inline]
pub(crate) fn first_nul(word: u64) -> usize {
    const LOW: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // A borrow marks bytes behind a NUL falsely, never one before it.
    let marks = word.wrapping_sub(LOW) & !word & HIGH;
    marks.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_nul_is_found_whatever_follows() {
        for place in 0..=8 {
            for behind in [0, 1, 0x7f, 0x80, 0xff] {
                for before in [1, 0x7f, 0x80, 0xff] {
                    let mut word = [behind; 8];
                    word[..place].fill(before);
                    if let Some(nul) = word.get_mut(place) {
                        *nul = 0;
                    }
                    assert_eq!(first_nul(u64::from_le_bytes(word)), place, "{word:x?}");
                }
            }
        }
    }
}
