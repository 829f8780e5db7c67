//! Streamed results, put together (ARCP §8.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Code, Refusal};
use crate::message::{Chunk, Encoding};

/// A result of which parts have come.
#[derive(Debug)]
pub(super) struct Assembler {
    result_id: String,
    /// The first part that came was not its first: who follows from the middle on cannot put it together.
    is_late: bool,
    next: u64,
    bytes: Vec<u8>,
    done: bool,
}

/// The bytes of a part.
pub(super) fn decode(chunk: &Chunk<'_>) -> Result<Vec<u8>, Refusal> {
    match chunk.encoding {
        Encoding::Utf8 => Ok(chunk.data.as_bytes().to_vec()),
        Encoding::Base64 => STANDARD
            .decode(chunk.data.as_bytes())
            .map_err(|_| Refusal::invalid("result_chunk.data: not base64")),
    }
}

impl Assembler {
    /// For a result of which this part is the first that comes.
    pub(super) fn new(first: &Chunk<'_>) -> Self {
        Self {
            result_id: first.result_id.clone().into_owned(),
            is_late: first.chunk_seq > 0,
            next: first.chunk_seq,
            bytes: Vec::new(),
            done: false,
        }
    }

    /// Adds a part.
    ///
    /// # Errors
    /// Where it is of another result, not the one that is due, or too large with those before it.
    pub(super) fn add(&mut self, chunk: &Chunk<'_>, bytes: &[u8], most: usize) -> Result<(), Refusal> {
        if *chunk.result_id != *self.result_id || self.done {
            return Err(Refusal::invalid("result_chunk.result_id: a part of another result"));
        }
        if chunk.chunk_seq != self.next {
            return Err(Refusal::invalid(format!(
                "result_chunk.chunk_seq: {} is due, and not {}",
                self.next, chunk.chunk_seq
            )));
        }
        if self.bytes.len().saturating_add(bytes.len()) > most {
            return Err(Refusal::new(
                Code::InternalError,
                "the streamed result is larger than the client allows",
            ));
        }
        self.next += 1;
        self.done = !chunk.more;
        if !self.is_late {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// All of it; `None` where its beginning was never told here.
    ///
    /// # Errors
    /// Where its last part has not come, or the result's end names another one or another size.
    pub(super) fn whole(self, result_id: &str, size: Option<u64>) -> Result<Option<Vec<u8>>, Refusal> {
        if !self.done || self.result_id != result_id {
            return Err(Refusal::invalid("the streamed result is not whole"));
        }
        if self.is_late {
            return Ok(None);
        }
        if size.is_some_and(|size| size != self.bytes.len() as u64) {
            return Err(Refusal::invalid("the streamed result has another size than its end says"));
        }
        Ok(Some(self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(sequence: u64, data: &str, encoding: Encoding, more: bool) -> Chunk<'_> {
        Chunk { result_id: "r".into(), chunk_seq: sequence, data: data.into(), encoding, more }
    }

    #[test]
    fn parts_of_both_encodings_come_together() {
        let mut all = Assembler::new(&chunk(0, "", Encoding::Utf8, true));
        for part in [
            chunk(0, "hé", Encoding::Utf8, true),
            chunk(1, "AP8=", Encoding::Base64, true),
            chunk(2, "", Encoding::Utf8, false),
        ] {
            all.add(&part, &decode(&part).unwrap(), 100).unwrap();
        }
        assert_eq!(all.whole("r", Some(5)).unwrap().unwrap(), [b'h', 0xc3, 0xa9, 0, 255]);
    }

    #[test]
    fn from_the_middle_on_nothing_is_put_together_and_nothing_is_wrong() {
        let (second, third) = (chunk(1, "b", Encoding::Utf8, true), chunk(2, "c", Encoding::Utf8, false));
        let mut all = Assembler::new(&second);
        all.add(&second, b"b", 0).unwrap_err();
        all.add(&second, b"b", 100).unwrap();
        all.add(&third, b"c", 100).unwrap();
        assert_eq!(all.whole("r", Some(3)).unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let first = chunk(0, "12345", Encoding::Utf8, true);
        let mut all = Assembler::new(&first);
        assert!(all.add(&first, b"12345", 4).is_err());
        all.add(&first, b"12345", 5).unwrap();
        assert!(all.add(&first, b"12345", 100).is_err(), "again");
        assert!(all.add(&chunk(2, "", Encoding::Utf8, true), b"", 100).is_err(), "one is missing");
        assert!(
            all.add(&Chunk { result_id: "other".into(), ..chunk(1, "", Encoding::Utf8, true) }, b"", 100)
                .is_err()
        );
        assert!(Assembler::new(&first).whole("r", None).is_err(), "not whole");
        all.add(&chunk(1, "", Encoding::Utf8, false), b"", 100).unwrap();
        assert!(all.whole("r", Some(6)).is_err(), "another size");
        assert!(decode(&chunk(0, "AP8", Encoding::Base64, true)).is_err());
    }
}
