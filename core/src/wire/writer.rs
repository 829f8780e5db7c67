//! The canonical writer: words and bytes straight into memory of exactly the right size.

use super::pointer::{
    WORD, bytes_to_words, list_of_bytes, list_of_pointers, list_of_structs, struct_at, tag_of,
};
use super::{Error, ErrorKind, Result};

/// Where an encoder appends: a `Vec<u8>`, or a caller's slice.
pub(crate) trait Buffer {
    /// Makes room for `bytes` more; refuses when there is none.
    fn reserve(&mut self, bytes: usize) -> Result<()>;
    /// Appends bytes; never more than was reserved.
    fn put(&mut self, bytes: &[u8]);
}

impl Buffer for Vec<u8> {
    #[inline]
    fn reserve(&mut self, bytes: usize) -> Result<()> {
        Vec::reserve(self, bytes);
        Ok(())
    }
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What is left of a caller's slice.
impl Buffer for &mut [u8] {
    #[inline]
    fn reserve(&mut self, bytes: usize) -> Result<()> {
        if self.len() < bytes { Err(Error::new(ErrorKind::BufferTooSmall)) } else { Ok(()) }
    }
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if let Some((head, rest)) = std::mem::take(self).split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            *self = rest;
        }
    }
}

/// Zeroed words that are filled in preorder, as canonical form demands: every object is taken from
/// the front of what is free, and its pointer is set at once.
///
/// Places are words from the front of the message. The caller has computed the exact size.
pub(crate) struct Words<'a> {
    words: &'a mut [[u8; WORD]],
    free: usize,
}

impl<'a> Words<'a> {
    /// Over zeroed bytes, whole words of them; the first object is taken at `free`.
    #[inline]
    pub(crate) fn new(bytes: &'a mut [u8], free: usize) -> Self {
        Self { words: bytes.as_chunks_mut().0, free }
    }

    /// Sets a word.
    #[inline]
    pub(crate) fn set(&mut self, at: usize, word: u64) {
        if let Some(place) = self.words.get_mut(at) {
            *place = word.to_le_bytes();
        }
    }

    /// Takes a struct, sets the pointer at `pointer` to it and gives where it begins.
    #[inline]
    pub(crate) fn structure(&mut self, pointer: usize, data: usize, pointers: usize) -> usize {
        self.set(pointer, struct_at(self.offset(pointer), data, pointers));
        self.take(data + pointers)
    }

    /// Takes a list of pointers and gives where it begins.
    #[inline]
    pub(crate) fn pointers(&mut self, pointer: usize, count: usize) -> usize {
        self.set(pointer, list_of_pointers(self.offset(pointer), count));
        self.take(count)
    }

    /// Takes a list of structs without data and gives where the first begins.
    #[inline]
    pub(crate) fn structures(&mut self, pointer: usize, count: usize, pointers: usize) -> usize {
        self.set(pointer, list_of_structs(self.offset(pointer), count * pointers));
        let tag = self.take(1 + count * pointers);
        self.set(tag, tag_of(count, 0, pointers));
        tag + 1
    }

    /// Takes and fills Data; empty Data stays a null pointer.
    #[inline]
    pub(crate) fn data(&mut self, pointer: usize, data: &[u8]) {
        if !data.is_empty() {
            self.fill(pointer, data, data.len());
        }
    }

    /// Takes and fills Text with its NUL; empty Text stays a null pointer.
    #[inline]
    pub(crate) fn text(&mut self, pointer: usize, text: &str) {
        if !text.is_empty() {
            self.fill(pointer, text.as_bytes(), text.len() + 1);
        }
    }

    /// Takes a struct with all that it leads to, from the canonical message of which it is the root. Its pointers
    /// are relative, so the words are the same here; an empty struct stays a null pointer.
    pub(crate) fn embed(&mut self, pointer: usize, message: &[u8]) {
        let Some(([_, root], content)) = message.as_chunks::<WORD>().0.split_first_chunk() else { return };
        if content.is_empty() {
            return;
        }
        let root = u64::from_le_bytes(*root);
        let (data, pointers) = ((root >> 32) as usize & 0xffff, (root >> 48) as usize);
        self.set(pointer, struct_at(self.offset(pointer), data, pointers));
        let at = self.take(content.len());
        if let Some(room) = self.words.get_mut(at..self.free) {
            room.copy_from_slice(content);
        }
    }

    #[inline]
    fn fill(&mut self, pointer: usize, content: &[u8], count: usize) {
        self.set(pointer, list_of_bytes(self.offset(pointer), count));
        let at = self.take(bytes_to_words(count));
        if let Some(room) = self.words.get_mut(at..self.free)
            && let Some(place) = room.as_flattened_mut().get_mut(..content.len())
        {
            place.copy_from_slice(content);
        }
    }

    /// What a pointer here to the next object holds as its offset.
    #[inline]
    fn offset(&self, pointer: usize) -> usize {
        self.free - pointer - 1
    }

    #[inline]
    fn take(&mut self, words: usize) -> usize {
        let at = self.free;
        self.free += words;
        at
    }
}
