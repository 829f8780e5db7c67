//! From the fuzzer's bytes to messages.

/// The first byte says what becomes of the rest: with its lowest bit set, the rest is the only segment of
/// a message and gets the table that fits; else it is taken as it is.
pub fn message(data: &[u8]) -> Option<(u8, Vec<u8>)> {
    let (first, rest) = data.split_first()?;
    let bytes = if first & 1 == 1 { framed(rest) } else { rest.to_vec() };
    Some((first >> 1, bytes))
}

/// A message of one segment, cut to whole words.
pub fn framed(segment: &[u8]) -> Vec<u8> {
    let words = segment.len() / 8;
    let mut bytes = vec![0; 4];
    bytes.extend((words as u32).to_le_bytes());
    bytes.extend_from_slice(&segment[..words * 8]);
    bytes
}

/// The same segment behind a table of two, the second of them empty: what the fast path never takes.
pub fn in_two_segments(message: &[u8]) -> Option<Vec<u8>> {
    let (table, segment) = message.split_first_chunk::<8>()?;
    let (count, words) = table.split_at(4);
    if count != [0; 4] {
        return None;
    }
    let mut two = vec![1, 0, 0, 0];
    two.extend_from_slice(words);
    two.extend_from_slice(&[0; 8]);
    two.extend_from_slice(segment);
    Some(two)
}

/// Does it with the same bytes at another distance from a word's boundary.
pub fn shifted<T>(bytes: &[u8], by: usize, check: impl FnOnce(&[u8]) -> T) -> T {
    let mut room = vec![0; by % 8];
    room.extend_from_slice(bytes);
    check(&room[by % 8..])
}
