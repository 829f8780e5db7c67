//! Frames to bytes and back (specification 20).

use super::frame::{Cancel, Close, Credit, Frame, FrameBody, Open, StreamData, StreamError, UnknownFrame};
use super::{
    CancelReason, CloseReason, FrameRef, InteractionKind, StreamErrorCode, StreamFrame, StreamId, data,
};
use crate::wire::generated::ipc_streaming_capnp::stream_frame;
use crate::wire::{
    BODY, Buffer, Error, ErrorKind, General, Limits, MAX_CONTEXT, MAX_TEXT, Reader, Result, Split, WORD,
    bytes_to_words, check_table, list_of_bytes, root_of, split, table_of,
};

/// Words of data and pointers in the schema's struct today.
const DATA_WORDS: usize = 5;
const POINTERS: usize = 2;
/// Table, root pointer, data and pointers: the largest head of a frame.
const MAX_HEAD: usize = (2 + DATA_WORDS + POINTERS) * WORD;

/// What a frame needs on the wire, worked out once before anything is written.
struct Plan<'a> {
    /// The struct's data words; trailing zeros are not written.
    data: [u64; DATA_WORDS],
    /// What its two pointers lead to.
    content: [Content<'a>; POINTERS],
}

/// Bytes, and whether a NUL ends them.
#[derive(Clone, Copy)]
struct Content<'a> {
    bytes: &'a [u8],
    nul: usize,
}

impl<'a> Content<'a> {
    const NONE: Self = Self { bytes: &[], nul: 0 };

    fn data(bytes: &'a [u8]) -> Self {
        Self { bytes, nul: 0 }
    }

    fn text(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), nul: 1 }
    }

    /// Bytes in the list; an empty one is a null pointer and has none.
    fn count(&self) -> usize {
        if self.bytes.is_empty() { 0 } else { self.bytes.len() + self.nul }
    }
}

impl<'a> Plan<'a> {
    /// The plan of a known frame.
    #[inline]
    fn of(frame: &FrameRef<'a>) -> Option<Self> {
        let (high, low) = frame.stream_id.words();
        let tag = u64::from(frame.body.tag());
        let none = Content::NONE;
        let (word2, word3, word4, content) = match frame.body {
            FrameBody::Open(open) => (
                u64::from(open.interaction.raw()) | u64::from(open.initial_credit) << 32,
                tag,
                0,
                [Content::data(open.context), none],
            ),
            FrameBody::Data(data) => (data.sequence, tag, 0, [Content::data(data.payload), none]),
            FrameBody::Error(error) => (
                u64::from(error.code.raw()),
                tag,
                error.sequence,
                [Content::text(error.message), Content::data(error.details)],
            ),
            FrameBody::Close(close) => {
                (u64::from(close.reason.raw()), tag, close.final_sequence, [none, none])
            }
            FrameBody::Cancel(cancel) => {
                (u64::from(cancel.reason.raw()), tag, 0, [Content::text(cancel.message), none])
            }
            FrameBody::Credit(credit) => (u64::from(credit.frames), tag, 0, [none, none]),
            FrameBody::Unknown(_) => return None,
        };
        Some(Self { data: [high, low, word2, word3, word4], content })
    }

    /// Data words and pointers that canonical form keeps.
    #[inline]
    fn sections(&self) -> (usize, usize) {
        let data = self.data.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        let pointers = self.content.iter().rposition(|c| c.count() != 0).map_or(0, |last| last + 1);
        (data, pointers)
    }

    /// Words in the segment.
    #[inline]
    fn words(&self) -> usize {
        let (data, pointers) = self.sections();
        1 + data + pointers + self.content.iter().map(|c| bytes_to_words(c.count())).sum::<usize>()
    }

    #[inline]
    fn write(&self, out: &mut impl Buffer) -> Result<()> {
        let (data, pointers) = self.sections();
        let words = self.words();
        out.reserve(BODY + words * WORD)?;

        let mut head = [0; MAX_HEAD];
        let mut slots = head.chunks_exact_mut(WORD);
        let mut put = |word: u64| {
            if let Some(slot) = slots.next() {
                slot.copy_from_slice(&word.to_le_bytes());
            }
        };
        put(table_of(words));
        put(root_of(data, pointers));
        self.data.iter().take(data).for_each(|word| put(*word));
        // Content follows the pointers in their order, so each one's offset is what lies between.
        let mut between = 0;
        for (index, content) in self.content.iter().take(pointers).enumerate() {
            let count = content.count();
            put(if count == 0 { 0 } else { list_of_bytes(pointers - 1 - index + between, count) });
            between += bytes_to_words(count);
        }
        out.put(head.get(..(2 + data + pointers) * WORD).unwrap_or(&head));

        for content in &self.content {
            out.put(content.bytes);
            let padding = bytes_to_words(content.count()) * WORD - content.bytes.len();
            out.put([0; WORD].get(..padding).unwrap_or(&[]));
        }
        Ok(())
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>> Frame<B, T> {
    /// The canonical bytes of the frame, under the default limits.
    ///
    /// # Errors
    /// `FrameTooLarge`, `ContextTooLarge`, `MessageTextTooLong`, or `BadText` where a message holds a
    /// NUL; the place is the field.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.encode_into(&mut out, Limits::DEFAULT)?;
        Ok(out)
    }

    /// Appends the canonical bytes of the frame to `out`; on an error `out` is as it was.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), with the payload limit of `limits`.
    #[inline]
    pub fn encode_into(&self, out: &mut Vec<u8>, limits: Limits) -> Result<()> {
        self.write(out, limits)
    }

    /// Writes the canonical bytes to the front of `out` and gives how many they are.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), and `BufferTooSmall` when `out` is shorter than
    /// [`encoded_len`](Self::encoded_len); then nothing is written.
    #[inline]
    pub fn encode_to_slice(&self, mut out: &mut [u8], limits: Limits) -> Result<usize> {
        let room = out.len();
        self.write(&mut out, limits)?;
        Ok(room - out.len())
    }

    /// The number of bytes that the frame encodes to.
    #[must_use]
    #[inline]
    pub fn encoded_len(&self) -> usize {
        match &self.body {
            FrameBody::Data(data) if !data.payload.as_ref().is_empty() => data::length(data.payload.as_ref()),
            _ => self.encoded_len_other(),
        }
    }

    #[inline(never)]
    fn encoded_len_other(&self) -> usize {
        let frame = self.as_ref();
        match Plan::of(&frame) {
            Some(plan) => BODY + plan.words() * WORD,
            None => frame.unknown_message().len(),
        }
    }

    #[inline]
    fn write(&self, out: &mut impl Buffer, limits: Limits) -> Result<()> {
        match &self.body {
            FrameBody::Data(StreamData { sequence, payload }) if data::fits(payload.as_ref(), limits) => {
                data::write(self.stream_id, *sequence, payload.as_ref(), out)
            }
            _ => self.write_other(out, limits),
        }
    }

    /// Apart, so that what nearly every frame needs is small enough to stand where it is called.
    #[inline(never)]
    fn write_other(&self, out: &mut impl Buffer, limits: Limits) -> Result<()> {
        self.as_ref().write_any(out, limits)
    }
}

impl<'a> FrameRef<'a> {
    /// Writes a data frame with a payload to the front of `out`, and gives how many bytes they are. `None`,
    /// and nothing is written, where the payload is empty or past the limit, or there is too little room:
    /// [`encode_to_slice`](Self::encode_to_slice) then decides.
    ///
    /// It is for who makes frames of another form, and need not make one of seven kinds for these.
    #[inline]
    #[must_use]
    pub fn encode_data(
        stream_id: StreamId,
        data: StreamData<&[u8]>,
        mut out: &mut [u8],
        limits: Limits,
    ) -> Option<usize> {
        let length = data::length(data.payload);
        if !data::fits(data.payload, limits) || out.len() < length {
            return None;
        }
        data::write(stream_id, data.sequence, data.payload, &mut out).ok()?;
        Some(length)
    }

    fn write_any(&self, out: &mut impl Buffer, limits: Limits) -> Result<()> {
        self.check(limits)?;
        if let Some(plan) = Plan::of(self) {
            return plan.write(out);
        }
        let message = self.unknown_message();
        out.reserve(message.len())?;
        out.put(message);
        Ok(())
    }

    /// Decodes one whole frame under the default limits; nothing is copied.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        Self::decode_within(bytes, Limits::DEFAULT)
    }

    /// Decodes one whole frame under these limits; nothing is copied.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    #[inline]
    pub fn decode_within(bytes: &'a [u8], limits: Limits) -> Result<Self> {
        match data::read(bytes, limits) {
            Some(((stream_id, data), _)) => Ok(Frame { stream_id, body: FrameBody::Data(data) }),
            None => Self::decode_other(bytes, limits),
        }
    }

    /// Reads one whole data frame with a payload, as encoding writes it: nearly all that travels. `None` for
    /// anything else, sound or not: [`decode_within`](Self::decode_within) then decides.
    ///
    /// It is for who passes frames on to another form, and need not look at seven kinds of them for these.
    #[inline]
    #[must_use]
    pub fn decode_data(bytes: &'a [u8], limits: Limits) -> Option<(StreamId, StreamData<&'a [u8]>)> {
        data::read(bytes, limits).map(|(found, _)| found)
    }

    #[inline(never)]
    fn decode_other(bytes: &'a [u8], limits: Limits) -> Result<Self> {
        let frame = match decode_written_shape(bytes) {
            Some(frame) if bytes.len() <= limits.max_message() => frame,
            _ => decode_any_shape(bytes, limits)?,
        };
        frame.check(limits)?;
        Ok(frame)
    }

    /// Decodes a frame and refuses, as `NotCanonical`, bytes that its value does not encode to.
    ///
    /// # Errors
    /// A refusal of specification 20.
    pub fn decode_canonical(bytes: &'a [u8], limits: Limits) -> Result<Self> {
        if let Some(((stream_id, data), padding)) = data::read(bytes, limits)
            && padding.iter().all(|byte| *byte == 0)
        {
            return Ok(Frame { stream_id, body: FrameBody::Data(data) });
        }
        let frame = Self::decode_within(bytes, limits)?;
        let mut again = Vec::with_capacity(bytes.len());
        frame.encode_into(&mut again, limits)?;
        if again == bytes { Ok(frame) } else { Err(Error::new(ErrorKind::NotCanonical)) }
    }

    /// The limits and rules that hold for a value, on encode and on decode.
    #[inline]
    fn check(&self, limits: Limits) -> Result<()> {
        let refuse = |kind, field: &'static str| Err(Error::new(kind).in_field(field));
        match self.body {
            FrameBody::Data(data) if data.payload.len() > limits.max_payload() => {
                refuse(ErrorKind::FrameTooLarge, "data.payload")
            }
            FrameBody::Open(open) if open.context.len() > MAX_CONTEXT => {
                refuse(ErrorKind::ContextTooLarge, "open.context")
            }
            FrameBody::Error(error) => {
                check_message(error.message, "error.message")?;
                check_details(error.details, "error.details")
            }
            FrameBody::Cancel(cancel) => check_message(cancel.message, "cancel.message"),
            _ => Ok(()),
        }
    }

    fn unknown_message(&self) -> &'a [u8] {
        match self.body {
            FrameBody::Unknown(unknown) => unknown.message,
            _ => &[],
        }
    }
}

impl StreamFrame {
    /// Decodes one whole frame under the default limits into one that owns its bytes.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        FrameRef::decode(bytes).map(Frame::into_owned)
    }
}

/// The rules for a message to people: at most 4 KiB, no NUL.
pub(crate) fn check_message(message: &str, field: &'static str) -> Result<()> {
    if message.len() > MAX_TEXT {
        return Err(Error::new(ErrorKind::MessageTextTooLong).in_field(field));
    }
    if message.as_bytes().contains(&0) {
        return Err(Error::new(ErrorKind::BadText).in_field(field));
    }
    Ok(())
}

/// The rule for an error's details: at most 4 KiB.
pub(crate) fn check_details(details: &[u8], field: &'static str) -> Result<()> {
    if details.len() > MAX_TEXT {
        return Err(Error::new(ErrorKind::MessageTextTooLong).in_field(field));
    }
    Ok(())
}

/// The fast path: preorder, one segment, no word beyond the schema's.
#[inline]
fn decode_written_shape(bytes: &[u8]) -> Option<FrameRef<'_>> {
    let (mut reader, root) = Reader::root(bytes)?;
    if root.data_words > DATA_WORDS || root.pointer_count > POINTERS {
        return None;
    }
    let [high, low, word2, word3, word4] = root.data::<DATA_WORDS>(&reader);
    let stream_id = StreamId::from_words(high, low).ok()?;
    let body = match word3 as u16 {
        0 => FrameBody::Open(Open {
            interaction: InteractionKind::from_raw(word2 as u16),
            initial_credit: (word2 >> 32) as u32,
            context: match root.pointer(0) {
                Some(at) => reader.data(at)?,
                None => &[],
            },
        }),
        1 => FrameBody::Data(StreamData {
            sequence: word2,
            payload: match root.pointer(0) {
                Some(at) => reader.data(at)?,
                None => &[],
            },
        }),
        2 => FrameBody::Error(StreamError {
            code: StreamErrorCode::from_raw(word2 as u16),
            sequence: word4,
            message: match root.pointer(0) {
                Some(at) => reader.text(at)?,
                None => "",
            },
            details: match root.pointer(1) {
                Some(at) => reader.data(at)?,
                None => &[],
            },
        }),
        3 => FrameBody::Close(Close { reason: CloseReason::from_raw(word2 as u16), final_sequence: word4 }),
        4 => FrameBody::Cancel(Cancel {
            reason: CancelReason::from_raw(word2 as u16),
            message: match root.pointer(0) {
                Some(at) => reader.text(at)?,
                None => "",
            },
        }),
        5 => FrameBody::Credit(Credit { frames: word2 as u32 }),
        _ => return None,
    };
    reader.at_end().then_some(Frame { stream_id, body })
}

/// The general path: all that the schema allows.
#[cold]
fn decode_any_shape(bytes: &[u8], limits: Limits) -> Result<FrameRef<'_>> {
    check_table(bytes, limits.max_message())?;
    let general = General::new(bytes)?;
    let root: stream_frame::Reader<'_> = general.root()?;
    let stream_id = StreamId::from_words(root.get_stream_id_high(), root.get_stream_id_low())?;

    // Where a pointer is refused, the place is the field and the pointer's own offset.
    let place = |error: Error, field: &'static str, index: usize| {
        let error = error.in_field(field);
        general.pointer(root, index).map_or(error.clone(), |offset| error.at(offset))
    };
    let refused = |error: &capnp::Error, field, index| place(crate::wire::refusal(error), field, index);
    let data = |found: capnp::Result<&[u8]>, field, index| {
        found
            .map_err(|error| refused(&error, field, index))
            .and_then(|found| general.bytes(found).map_err(|error| place(error, field, index)))
    };
    let text = |found: capnp::Result<capnp::text::Reader<'_>>, field, index| {
        found
            .map_err(|error| refused(&error, field, index))
            .and_then(|found| general.text(found).map_err(|error| place(error, field, index)))
    };

    use stream_frame::Which;
    let body = match root.which() {
        Ok(Which::Open(open)) => FrameBody::Open(Open {
            interaction: InteractionKind::from_raw(raw(open.get_interaction())),
            initial_credit: open.get_initial_credit(),
            context: data(open.get_context(), "open.context", 0)?,
        }),
        Ok(Which::Data(frame)) => FrameBody::Data(StreamData {
            sequence: frame.get_sequence(),
            payload: data(frame.get_payload(), "data.payload", 0)?,
        }),
        Ok(Which::Error(error)) => FrameBody::Error(StreamError {
            code: StreamErrorCode::from_raw(raw(error.get_code())),
            sequence: error.get_sequence(),
            message: text(error.get_message(), "error.message", 0)?,
            details: data(error.get_details(), "error.details", 1)?,
        }),
        Ok(Which::Close(close)) => FrameBody::Close(Close {
            reason: CloseReason::from_raw(raw(close.get_reason())),
            final_sequence: close.get_final_sequence(),
        }),
        Ok(Which::Cancel(cancel)) => FrameBody::Cancel(Cancel {
            reason: CancelReason::from_raw(raw(cancel.get_reason())),
            message: text(cancel.get_message(), "cancel.message", 0)?,
        }),
        Ok(Which::Credit(credit)) => FrameBody::Credit(Credit { frames: credit.get_frames() }),
        Err(capnp::NotInSchema(tag)) => FrameBody::Unknown(UnknownFrame { tag, message: bytes }),
    };
    Ok(Frame { stream_id, body })
}

/// The number of an enumerant, known or not.
fn raw<E: Into<u16>>(found: std::result::Result<E, capnp::NotInSchema>) -> u16 {
    found.map_or_else(|capnp::NotInSchema(raw)| raw, Into::into)
}

/// The frames of a byte stream, one after the other: `(offset, frame)`.
///
/// Ends at the end of `bytes`, or before a frame that is not whole: [`FrameBatch::consumed`] then says
/// how far it came. After an error it ends, for the stream cannot be split any more.
pub fn frames(bytes: &[u8], limits: Limits) -> FrameBatch<'_> {
    FrameBatch { bytes, limits, consumed: 0, failed: false }
}

/// See [`frames`].
#[derive(Debug, Clone)]
pub struct FrameBatch<'a> {
    bytes: &'a [u8],
    limits: Limits,
    consumed: usize,
    failed: bool,
}

impl<'a> FrameBatch<'a> {
    /// Bytes of the frames given so far.
    #[must_use]
    #[inline]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Gives the next frame if it is what [`FrameRef::decode_data`] reads; else it stays the next one.
    #[inline]
    pub fn next_data(&mut self) -> Option<(StreamId, StreamData<&'a [u8]>)> {
        // Where the batch has failed it stands before what was refused, which is no such frame.
        let (found, rest) = data::read_first(self.bytes.get(self.consumed..)?, self.limits)?;
        self.consumed = self.bytes.len() - rest.len();
        Some(found)
    }

    #[inline(never)]
    fn next_other(&mut self) -> Option<Result<FrameRef<'a>>> {
        let rest = self.bytes.get(self.consumed..)?;
        if self.failed || rest.is_empty() {
            return None;
        }
        let frame = match split(rest, self.limits.max_message()) {
            Ok(Split::Incomplete(_)) => return None,
            Ok(Split::Message(length)) => {
                FrameRef::decode_within(rest.get(..length)?, self.limits).inspect(|_| self.consumed += length)
            }
            Err(error) => Err(error),
        };
        self.failed = frame.is_err();
        Some(frame)
    }
}

impl<'a> Iterator for FrameBatch<'a> {
    type Item = Result<(usize, FrameRef<'a>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let start = self.consumed;
        let frame = match self.next_data() {
            Some((stream_id, data)) => Ok(Frame { stream_id, body: FrameBody::Data(data) }),
            None => self.next_other()?,
        };
        Some(frame.map(|frame| (start, frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it everything still decodes, by the general reader, and takes much longer.
    #[test]
    fn what_we_write_is_read_the_fast_way() {
        let id = StreamId::new([9; 16]).unwrap();
        for frame in [
            StreamFrame::open(id, InteractionKind::Unary, 0, vec![]),
            StreamFrame::open(id, InteractionKind::BidiStream, u32::MAX, vec![1; 9]),
            StreamFrame::data(id, 0, vec![]),
            StreamFrame::data(id, u64::MAX, vec![2; 8]),
            StreamFrame::error(id, StreamErrorCode::Unknown, 0, String::new(), vec![]),
            StreamFrame::error(id, StreamErrorCode::Internal, 7, "seven b".into(), vec![3]),
            StreamFrame::error(id, StreamErrorCode::Internal, 7, "eight by".into(), vec![]),
            StreamFrame::error(id, StreamErrorCode::Internal, 0, String::new(), vec![3; 17]),
            StreamFrame::close(id, CloseReason::Completed, 5),
            StreamFrame::cancel(id, CancelReason::Shutdown, "ä".into()),
            StreamFrame::credit(id, 1),
        ] {
            let bytes = frame.encode().unwrap();
            assert_eq!(decode_written_shape(&bytes), Some(frame.as_ref()));
        }
    }

    /// What it does not take, and what it must not: the general reader says what is wrong.
    #[test]
    fn another_table_is_read_the_general_way() {
        let id = StreamId::new([9; 16]).unwrap();
        let bytes = StreamFrame::cancel(id, CancelReason::Shutdown, "so long".into()).encode().unwrap();
        for (place, by) in [(0, 1), (3, 1), (4, 1), (4, 255), (7, 1)] {
            let mut other = bytes.clone();
            other[place] = other[place].wrapping_add(by);
            assert_eq!(decode_written_shape(&other), None, "{place}");
        }
        for length in 0..bytes.len() {
            assert_eq!(decode_written_shape(&bytes[..length]), None, "{length}");
        }
        // A word that nothing leads to, with and without a table that counts it.
        let mut longer = bytes.clone();
        longer.extend([0; WORD]);
        assert_eq!(decode_written_shape(&longer), None);
        longer[4] += 1;
        assert_eq!(decode_written_shape(&longer), None);
        assert!(FrameRef::decode(&longer).is_ok());
    }
}
