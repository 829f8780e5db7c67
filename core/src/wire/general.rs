//! The general reader: the `capnp` crate, with our limits and our names for its refusals.

use capnp::ErrorKind as Capnp;
use capnp::message::ReaderOptions;
use capnp::serialize::NoAllocSliceSegments;
use capnp::traits::{FromPointerReader, IntoInternalStructReader};

use super::pointer::WORD;
use super::{Error, ErrorKind, MAX_NESTING, Result};

/// A message under the general reader.
///
/// What it reads borrows from the reader; [`General::bytes`] and [`General::text`] lead back to the
/// caller's bytes, so that nothing is copied.
pub(crate) struct General<'a> {
    bytes: &'a [u8],
    message: capnp::message::Reader<NoAllocSliceSegments<'a>>,
}

impl<'a> General<'a> {
    /// Over one whole message whose table has been checked.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        let options = ReaderOptions {
            // The root pointer counts too, hence the table's words stay in the sum.
            traversal_limit_in_words: Some(2 * (bytes.len() / WORD)),
            nesting_limit: MAX_NESTING,
        };
        let mut rest = bytes;
        let message = capnp::serialize::read_message_from_flat_slice_no_alloc(&mut rest, options)
            .map_err(|error| refusal(&error))?;
        Ok(Self { bytes, message })
    }

    /// The root struct.
    pub(crate) fn root<'s, T: FromPointerReader<'s>>(&'s self) -> Result<T> {
        self.message.get_root().map_err(|error| refusal(&error).in_field("root").at(WORD))
    }

    /// Data that the reader gave, in the caller's bytes.
    pub(crate) fn bytes(&self, found: &[u8]) -> Result<&'a [u8]> {
        if found.is_empty() {
            return Ok(&[]);
        }
        self.offset(found)
            .and_then(|start| self.bytes.get(start..start + found.len()))
            .ok_or(Error::new(ErrorKind::BadPointer))
    }

    /// Text that the reader gave, in the caller's bytes, checked.
    pub(crate) fn text(&self, found: capnp::text::Reader<'_>) -> Result<&'a str> {
        let bytes = self.bytes(found.as_bytes())?;
        let bad = || {
            let error = Error::new(ErrorKind::BadText);
            self.offset(bytes).map_or(error.clone(), |offset| error.at(offset))
        };
        if bytes.contains(&0) {
            return Err(bad());
        }
        std::str::from_utf8(bytes).map_err(|_| bad())
    }

    /// Where the pointer `index` of a struct stands in the caller's bytes, for an error's place.
    pub(crate) fn pointer<'s>(
        &self,
        structure: impl IntoInternalStructReader<'s>,
        index: usize,
    ) -> Option<usize> {
        let pointers = capnp::raw::get_list_bytes(capnp::raw::get_struct_pointer_section(structure));
        self.offset(pointers.as_chunks::<WORD>().0.get(index)?)
    }

    /// The bytes that it reads.
    pub(crate) fn message(&self) -> &'a [u8] {
        self.bytes
    }

    fn offset(&self, part: &[u8]) -> Option<usize> {
        let start = (part.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        (start + part.len() <= self.bytes.len()).then_some(start)
    }
}

/// What a refusal of the `capnp` crate is called here.
pub(crate) fn refusal(error: &capnp::Error) -> Error {
    Error::new(match error.kind {
        Capnp::MessageContainsTextThatIsNotNULTerminated
        | Capnp::TextBlobMissingNULTerminator
        | Capnp::TextContainsNonUtf8Data(_) => ErrorKind::BadText,
        Capnp::MessageIsTooDeeplyNested
        | Capnp::MessageIsTooDeeplyNestedOrContainsCycles
        | Capnp::NestingLimitExceeded => ErrorKind::TooDeep,
        Capnp::ReadLimitExceeded => ErrorKind::TraversalLimit,
        Capnp::MessageEndsPrematurely(..) | Capnp::PrematureEndOfFile | Capnp::EmptySlice => {
            ErrorKind::Truncated
        }
        _ => ErrorKind::BadPointer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What today's schemas cannot reach, or the check of the table forestalls, has its name too.
    #[test]
    fn every_refusal_of_the_crate_has_a_kind() {
        for (theirs, ours) in [
            (Capnp::TextBlobMissingNULTerminator, ErrorKind::BadText),
            (Capnp::NestingLimitExceeded, ErrorKind::TooDeep),
            (Capnp::MessageIsTooDeeplyNested, ErrorKind::TooDeep),
            (Capnp::ReadLimitExceeded, ErrorKind::TraversalLimit),
            (Capnp::PrematureEndOfFile, ErrorKind::Truncated),
            (Capnp::MessageEndsPrematurely(1, 2), ErrorKind::Truncated),
            (Capnp::MessageContainsOutOfBoundsPointer, ErrorKind::BadPointer),
        ] {
            assert_eq!(refusal(&capnp::Error::from_kind(theirs)).kind(), ours, "{theirs:?}");
        }
    }
}
