//! Cap'n Proto's words: pointers and the segment table (encoding specification).

/// Bytes in a word.
pub(crate) const WORD: usize = 8;

/// Words that hold this many bytes.
pub(crate) const fn bytes_to_words(bytes: usize) -> usize {
    bytes.div_ceil(WORD)
}

/// The segment table of a message with one segment of `words`.
pub(crate) const fn table_of(words: usize) -> u64 {
    (words as u64) << 32
}

/// A struct pointer whose target begins `offset` words behind it.
pub(crate) const fn struct_at(offset: usize, data: usize, pointers: usize) -> u64 {
    ((offset as u64) << 2) | ((data as u64) << 32) | ((pointers as u64) << 48)
}

/// The root pointer of a canonical message: its struct follows at once.
pub(crate) const fn root_of(data: usize, pointers: usize) -> u64 {
    struct_at(0, data, pointers)
}

/// A pointer to a list of `count` bytes (Text with its NUL, or Data).
pub(crate) const fn list_of_bytes(offset: usize, count: usize) -> u64 {
    list_at(offset, 2, count)
}

/// A pointer to a list of `count` pointers.
pub(crate) const fn list_of_pointers(offset: usize, count: usize) -> u64 {
    list_at(offset, 6, count)
}

/// A pointer to a list of structs of `words` words in all, not counting its tag.
pub(crate) const fn list_of_structs(offset: usize, words: usize) -> u64 {
    list_at(offset, 7, words)
}

/// The tag before a list of structs: how many, and how large each is.
pub(crate) const fn tag_of(count: usize, data: usize, pointers: usize) -> u64 {
    struct_at(count, data, pointers)
}

const fn list_at(offset: usize, size: u64, count: usize) -> u64 {
    1 | ((offset as u64) << 2) | (size << 32) | ((count as u64) << 35)
}
