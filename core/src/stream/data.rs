//! Data frames with a payload: nearly all that travels, and always of one shape, so they have a path of
//! their own both ways. Every other frame, and every other shape of this one, goes the general ways.

use super::{StreamData, StreamId};
use crate::Limits;
use crate::wire::{Buffer, Result, WORD, bytes_to_words, list_of_bytes, root_of, table_of};

/// Table, root pointer, four words of data and a pointer; the payload follows.
const HEAD: usize = 7;
const ROOT: u64 = root_of(4, 1);
/// The word with the union's tag.
const TAG: u64 = 1;

/// Whether a payload is neither empty, which has another shape, nor too large.
#[inline]
pub(crate) fn fits(payload: &[u8], limits: Limits) -> bool {
    !payload.is_empty() && payload.len() <= limits.max_payload()
}

/// The bytes of a data frame with this payload, which is not empty.
#[inline]
pub(super) const fn length(payload: &[u8]) -> usize {
    (HEAD + bytes_to_words(payload.len())) * WORD
}

/// Writes a data frame whose payload [`fits`].
#[inline]
pub(crate) fn write(id: StreamId, sequence: u64, payload: &[u8], out: &mut impl Buffer) -> Result<()> {
    let (high, low) = id.words();
    let count = payload.len();
    let words = [table(count), ROOT, high, low, sequence, TAG, list_of_bytes(0, count)];
    let mut head = [0; HEAD * WORD];
    for (bytes, word) in head.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    let padding = bytes_to_words(count) * WORD - count;
    out.reserve(head.len() + count + padding)?;
    out.put(&head);
    out.put(payload);
    if padding != 0 {
        out.put([0; WORD].get(..padding).unwrap_or(&[]));
    }
    Ok(())
}

/// What stands before the payload of a data frame that [`write()`] may have written.
struct Head {
    id: StreamId,
    sequence: u64,
    /// Bytes of payload.
    count: usize,
}

/// Takes the head off; `None` where the frame is of another shape or to be refused.
#[inline]
fn take_head(bytes: &[u8], limits: Limits) -> Option<(Head, &[u8])> {
    let (head, content) = bytes.split_first_chunk::<{ HEAD * WORD }>()?;
    let mut words = [0; HEAD];
    for (word, bytes) in words.iter_mut().zip(head.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let [first, root, high, low, sequence, tag, pointer] = words;
    let count = (pointer >> 35) as usize;
    if first != table(count) || root != ROOT || tag != TAG || pointer != list_of_bytes(0, count) {
        return None;
    }
    // As `fits`.
    if count == 0 || count > limits.max_payload() {
        return None;
    }
    let id = StreamId::from_words(high, low).ok()?;
    Some((Head { id, sequence, count }, content))
}

/// A data frame and the bytes after its payload.
pub(crate) type Read<'a> = ((StreamId, StreamData<&'a [u8]>), &'a [u8]);

/// Reads a data frame that [`write()`] may have written, and what stands in its padding. `None` where it
/// is of another shape or to be refused.
#[inline]
pub(super) fn read(bytes: &[u8], limits: Limits) -> Option<Read<'_>> {
    let (Head { id, sequence, count }, content) = take_head(bytes, limits)?;
    let (payload, padding) = content.split_at_checked(count)?;
    if content.len() != bytes_to_words(count) * WORD {
        return None;
    }
    Some(((id, StreamData { sequence, payload }), padding))
}

/// The same at the front of `bytes`, and what follows the frame.
#[inline]
pub(crate) fn read_first(bytes: &[u8], limits: Limits) -> Option<Read<'_>> {
    let (Head { id, sequence, count }, content) = take_head(bytes, limits)?;
    let (content, rest) = content.split_at_checked(bytes_to_words(count) * WORD)?;
    Some(((id, StreamData { sequence, payload: content.get(..count)? }), rest))
}

/// The segment table before a payload of `count` bytes.
#[inline]
const fn table(count: usize) -> u64 {
    table_of(HEAD - 1 + bytes_to_words(count))
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, FrameRef};
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn what_stands_in_the_padding_is_read_over_but_not_canonical() {
        let id = StreamId::new([9; 16]).unwrap();
        for count in 1..=17 {
            let payload = vec![7; count];
            let mut bytes = Frame::<_, &str>::data(id, 3, payload.as_slice()).encode().unwrap();
            assert!(read(&bytes, Limits::DEFAULT).is_some());
            assert!(FrameRef::decode_canonical(&bytes, Limits::DEFAULT).is_ok());
            *bytes.last_mut().unwrap() ^= 1;
            let refused = FrameRef::decode_canonical(&bytes, Limits::DEFAULT).map_err(|e| e.kind());
            assert_eq!(refused.err(), (count % WORD != 0).then_some(ErrorKind::NotCanonical));
            assert!(FrameRef::decode(&bytes).is_ok());
        }
    }

    /// What the two short ways take they do as the general ones; the rest they leave.
    #[test]
    fn the_short_ways_are_the_general_ones() {
        let id = StreamId::new([9; 16]).unwrap();
        for count in 0..=17 {
            let payload = vec![7; count];
            let frame: FrameRef<'_> = Frame::data(id, 3, payload.as_slice());
            let bytes = frame.encode().unwrap();
            let data = StreamData { sequence: 3, payload: payload.as_slice() };
            let limits = Limits::with_max_payload(16);
            let within = (1..=16).contains(&count);
            assert_eq!(FrameRef::decode_data(&bytes, limits), within.then_some((id, data)));

            let mut out = [0xaa; 100];
            for room in 0..=out.len() {
                let written = FrameRef::encode_data(id, data, &mut out[..room], limits);
                assert_eq!(written, (within && room >= bytes.len()).then_some(bytes.len()), "{count} {room}");
                if written.is_some() {
                    assert_eq!(out[..bytes.len()], bytes);
                } else {
                    assert!(out[..room].iter().all(|byte| *byte == 0xaa), "{count} {room}");
                }
                out.fill(0xaa);
            }
        }
        let close: FrameRef<'_> = Frame::close(id, crate::stream::CloseReason::Completed, 1);
        assert_eq!(FrameRef::decode_data(&close.encode().unwrap(), Limits::DEFAULT), None);
    }

    #[test]
    fn a_batch_gives_data_until_something_else_comes() {
        let id = StreamId::new([9; 16]).unwrap();
        let data = |sequence| Frame::<_, &str>::data(id, sequence, [7; 9]).encode().unwrap();
        let credit = Frame::<&[u8], &str>::credit(id, 1).encode().unwrap();
        let bytes = [data(0), data(1), credit.clone(), data(2)].concat();
        let mut batch = crate::stream::frames(&bytes, Limits::DEFAULT);
        let mut sequence = || batch.next_data().map(|(_, data)| data.sequence);
        assert_eq!([sequence(), sequence(), sequence(), sequence()], [Some(0), Some(1), None, None]);
        assert_eq!(batch.consumed(), 2 * data(0).len());
        let (offset, frame) = batch.next().unwrap().unwrap();
        assert_eq!((offset, frame), (2 * data(0).len(), FrameRef::credit(id, 1)));
        assert_eq!(batch.next().unwrap().unwrap().0, 2 * data(0).len() + credit.len());
        assert!(batch.next_data().is_none() && batch.next().is_none());
        assert_eq!(batch.consumed(), bytes.len());

        // One that is not whole stays, and after a refusal there is nothing more.
        let cut = crate::stream::frames(&bytes[..data(0).len() - 1], Limits::DEFAULT).next_data();
        assert!(cut.is_none());
        let bytes = [data(0), vec![0xff; 8], data(1)].concat();
        let mut batch = crate::stream::frames(&bytes, Limits::DEFAULT);
        assert!(batch.next_data().is_some() && batch.next_data().is_none());
        assert!(batch.next().unwrap().is_err());
        assert!(batch.next_data().is_none() && batch.next().is_none());
    }

    #[test]
    fn every_other_shape_goes_the_other_way() {
        let id = StreamId::new([9; 16]).unwrap();
        let bytes = Frame::<_, &str>::data(id, 3, [7; 24]).encode().unwrap();
        for place in (0..HEAD * WORD).filter(|place| !(16..40).contains(place)) {
            let mut other = bytes.clone();
            other[place] ^= 1 << (place % 8);
            assert!(read(&other, Limits::DEFAULT).is_none(), "{place}");
        }
        assert!(read(&bytes[..bytes.len() - WORD], Limits::DEFAULT).is_none());
        assert!(read(&bytes, Limits::with_max_payload(23)).is_none());
        let empty = Frame::<_, &str>::data(id, 3, [0; 0]).encode().unwrap();
        assert!(read(&empty, Limits::DEFAULT).is_none());
        assert!(FrameRef::decode(&empty).is_ok());
    }
}
