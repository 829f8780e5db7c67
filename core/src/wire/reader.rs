//! The fast reader: one pass over a message in preorder, the shape that we write.
//!
//! It demands that every object begins just where the one before it ended, so that overlap, cycles and
//! amplification cannot occur and no limit need be counted. `None` means "not that shape": the general
//! reader then decides. It never refuses by itself.

use super::pointer::{
    WORD, bytes_to_words, list_of_bytes, list_of_pointers, list_of_structs, struct_at, tag_of,
};

/// A cursor over a message of one segment. All places are words from the front of the message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    words: &'a [[u8; WORD]],
    next: usize,
}

/// A struct's sections.
#[derive(Clone, Copy)]
pub(crate) struct Structure {
    /// Where its data begins.
    data: usize,
    /// Words of data.
    pub(crate) data_words: usize,
    /// Where its pointers begin.
    pointers: usize,
    /// Number of pointers.
    pub(crate) pointer_count: usize,
}

impl<'a> Reader<'a> {
    /// Over a message whose table says one segment and just its length; gives its root struct too.
    #[inline]
    pub(crate) fn root(bytes: &'a [u8]) -> Option<(Self, Structure)> {
        let (words, rest) = bytes.as_chunks();
        let mut reader = Self { words, next: 2 };
        // The low half is the number of segments less one, the high one the words of the first.
        let table = reader.word(0)?;
        if !rest.is_empty() || table as u32 != 0 || (table >> 32) + 1 != words.len() as u64 {
            return None;
        }
        let root = reader.structure(1)?;
        Some((reader, root?))
    }

    #[inline]
    fn word(&self, at: usize) -> Option<u64> {
        self.words.get(at).map(|word| u64::from_le_bytes(*word))
    }

    /// Whether everything up to the end has been read, as in what we write.
    #[inline]
    pub(crate) fn at_end(&self) -> bool {
        self.next == self.words.len()
    }

    /// How many words have been read.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.next
    }

    /// The struct behind the pointer at `at`; `Some(None)` for a null pointer.
    #[inline]
    pub(crate) fn structure(&mut self, at: usize) -> Option<Option<Structure>> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some(None);
        }
        let data_words = (pointer >> 32) as usize & 0xffff;
        let pointer_count = (pointer >> 48) as usize;
        if pointer != struct_at(self.offset(at), data_words, pointer_count) {
            return None;
        }
        let data = self.next;
        self.take(data_words + pointer_count)?;
        Some(Some(Structure { data, data_words, pointers: data + data_words, pointer_count }))
    }

    /// The bytes behind the pointer at `at`; empty for a null pointer.
    #[inline]
    pub(crate) fn data(&mut self, at: usize) -> Option<&'a [u8]> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some(&[]);
        }
        let count = (pointer >> 35) as usize;
        if pointer != list_of_bytes(self.offset(at), count) {
            return None;
        }
        self.take(bytes_to_words(count))?.as_flattened().get(..count)
    }

    /// The text behind the pointer at `at`; empty for a null pointer.
    #[inline]
    pub(crate) fn text(&mut self, at: usize) -> Option<&'a str> {
        let start = self.next;
        let pointer = self.word(at)?;
        self.skip_text(at, pointer)?;
        let text = self.words.get(start..self.next)?.as_flattened();
        std::str::from_utf8(text.get(..((pointer >> 35) as usize).saturating_sub(1))?).ok()
    }

    /// The texts behind `count` pointers in a row from `at` on; a null pointer is an empty one.
    ///
    /// They lie in a row too, each with a NUL at its end, so that one check of UTF-8 does for all.
    #[inline]
    pub(crate) fn texts(&mut self, at: usize, count: usize) -> Option<Texts<'a>> {
        let pointers = self.words.get(at..at.checked_add(count)?)?;
        let start = self.next;
        for (at, pointer) in (at..).zip(pointers) {
            self.skip_text(at, u64::from_le_bytes(*pointer))?;
        }
        let texts = std::str::from_utf8(self.words.get(start..self.next)?.as_flattened()).ok()?;
        Some(Texts { pointers, texts })
    }

    /// Takes a text whose only NUL is its last byte.
    #[inline]
    fn skip_text(&mut self, at: usize, pointer: u64) -> Option<()> {
        if pointer == 0 {
            return Some(());
        }
        let count = (pointer >> 35) as usize;
        if pointer != list_of_bytes(self.offset(at), count) {
            return None;
        }
        let (last, front) = self.take(bytes_to_words(count))?.split_last()?;
        let last = u64::from_le_bytes(*last);
        let clean = front.iter().all(|word| first_nul(u64::from_le_bytes(*word)) == WORD);
        (clean && first_nul(last) == (count - 1) % WORD).then_some(())
    }

    /// The list of pointers behind the pointer at `at`: where it begins, and how many.
    #[inline]
    pub(crate) fn pointers(&mut self, at: usize) -> Option<(usize, usize)> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some((0, 0));
        }
        let count = (pointer >> 35) as usize;
        if pointer != list_of_pointers(self.offset(at), count) {
            return None;
        }
        let start = self.next;
        self.take(count)?;
        Some((start, count))
    }

    /// The list of structs without data behind the pointer at `at`: where the first one's pointers begin,
    /// how many pointers each has, and how many structs. Their pointers lie in a row.
    #[inline]
    pub(crate) fn structures(&mut self, at: usize) -> Option<Option<(usize, usize, usize)>> {
        let pointer = self.word(at)?;
        if pointer == 0 {
            return Some(None);
        }
        let words = (pointer >> 35) as usize;
        if pointer != list_of_structs(self.offset(at), words) {
            return None;
        }
        let start = self.next;
        self.take(words + 1)?;
        let tag = self.word(start)?;
        let count = (tag as u32 >> 2) as usize;
        let pointers = (tag >> 48) as usize;
        if tag != tag_of(count, 0, pointers) || count.checked_mul(pointers)? != words {
            return None;
        }
        Some(Some((start + 1, pointers, count)))
    }

    /// What a pointer at `at` to the cursor holds as its offset. The object that the pointer is in has
    /// been taken, so it lies before the cursor.
    #[inline]
    fn offset(&self, at: usize) -> usize {
        self.next.wrapping_sub(at + 1)
    }

    #[inline]
    fn take(&mut self, count: usize) -> Option<&'a [[u8; WORD]]> {
        let end = self.next.checked_add(count)?;
        let taken = self.words.get(self.next..end)?;
        self.next = end;
        Some(taken)
    }
}

impl Structure {
    /// The first `N` words of data; zeros where the struct is shorter, as in an older schema.
    #[inline]
    pub(crate) fn data<const N: usize>(&self, reader: &Reader<'_>) -> [u64; N] {
        let mut data = [0; N];
        let found = reader.words.get(self.data..self.data + self.data_words).unwrap_or(&[]);
        for (word, found) in data.iter_mut().zip(found) {
            *word = u64::from_le_bytes(*found);
        }
        data
    }

    /// Where pointer `index` is, if the struct has it.
    #[inline]
    pub(crate) fn pointer(&self, index: usize) -> Option<usize> {
        (index < self.pointer_count).then_some(self.pointers + index)
    }
}

/// The texts of a row of pointers.
pub(crate) struct Texts<'a> {
    pointers: &'a [[u8; WORD]],
    texts: &'a str,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let (pointer, pointers) = self.pointers.split_first()?;
        self.pointers = pointers;
        let count = (u64::from_le_bytes(*pointer) >> 35) as usize;
        let (padded, texts) = self.texts.split_at_checked(bytes_to_words(count) * WORD)?;
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
