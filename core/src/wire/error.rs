//! One error type with one list of kinds for the whole of Ixt.
//!
//! Callers match the kind, people read the message. Each kind has a number that never changes and is
//! never used again; every language's names are held against this list by a test.

use std::borrow::Cow;
use std::fmt;

/// The result of everything in Ixt that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $says:literal;)+) => {
        /// What went wrong. New kinds may be added; numbers are never used again.
        ///
        /// 1–99 are refusals of bytes, values and text (specification 20), 100–199 local misuse of a
        /// stream (specification 23), 200–299 faults of a crossing between languages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl ErrorKind {
            /// Every kind, by ascending number.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$name),+];

            /// The name that every language and the text form use, such as `"Truncated"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$name => stringify!($name)),+ }
            }

            /// What the kind says in a few words, for people.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(ErrorKind::$name => $says),+ }
            }
        }
    };
}

kinds! {
    /// The message, or the segment table before it, ends too early.
    Truncated = 1, "the message ends too early";
    /// Bytes follow the message.
    TrailingBytes = 2, "bytes follow the message";
    /// More than 16 segments.
    TooManySegments = 3, "the message has too many segments";
    /// The segment table declares more than the payload limit and 20 KiB.
    MessageTooLarge = 4, "the message is larger than the limit";
    /// The payload of a data frame is larger than the endpoint's limit (1 MiB by default).
    FrameTooLarge = 5, "the payload is larger than the limit";
    /// An encoded context is larger than 16 KiB.
    ContextTooLarge = 6, "the context is larger than 16 KiB";
    /// A pointer leads outside the message or to something of the wrong shape.
    BadPointer = 7, "a pointer is malformed";
    /// Deeper than 8 levels.
    TooDeep = 8, "the message nests too deeply";
    /// Reading visited more than twice the words of the message.
    TraversalLimit = 9, "the message visits the same words too often";
    /// Text that is not UTF-8, holds a NUL, or lacks its final NUL.
    BadText = 10, "text is not valid";
    /// The stream id is all zeros.
    NilStreamId = 11, "the stream id is nil";
    /// An id of the wrong length.
    BadIdLength = 12, "an id has the wrong length";
    /// A metadata key stands twice.
    DuplicateKey = 13, "a metadata key stands twice";
    /// A capability stands twice.
    DuplicateCapability = 14, "a capability stands twice";
    /// A metadata key that is empty, longer than 128 bytes, or not `[a-z0-9_.-]+`.
    BadMetadataKey = 15, "a metadata key is malformed";
    /// More than 64 metadata entries.
    TooManyMetadata = 16, "there are more than 64 metadata entries";
    /// A metadata value over 4 KiB, or all entries together over 8 KiB.
    MetadataTooLarge = 17, "the metadata is too large";
    /// More than 64 capabilities.
    TooManyCapabilities = 18, "there are more than 64 capabilities";
    /// A capability longer than 256 bytes.
    CapabilityTooLong = 19, "a capability is longer than 256 bytes";
    /// A token reference longer than 1 KiB.
    TokenTooLong = 20, "the token reference is longer than 1 KiB";
    /// A message text or error details longer than 4 KiB.
    MessageTextTooLong = 21, "a message text is longer than 4 KiB";
    /// The bytes decode, but the value encodes to other bytes.
    NotCanonical = 22, "the message is not canonical";
    /// The text form is malformed.
    BadJson = 23, "the text form is malformed";
    /// A method that is empty or longer than 256 bytes.
    BadMethod = 24, "the method is empty or longer than 256 bytes";

    /// The stream has not been opened.
    NotOpen = 100, "the stream is not open";
    /// The stream has been opened already.
    AlreadyOpen = 101, "the stream is already open";
    /// The interaction kind allows one message in this direction, and it has been sent.
    TooManyMessages = 102, "the interaction kind allows one message in this direction";
    /// The interaction kind demands a message before the close.
    MissingMessage = 103, "the interaction kind demands a message before the close";
    /// This direction, or the whole stream, has ended.
    StreamEnded = 104, "the stream has ended";
    /// A grant of nothing, or for more than was delivered.
    InvalidGrant = 105, "the grant is not valid";
    /// A grant would take the outstanding credit past 2^31 − 1.
    WindowOverflow = 106, "the credit would pass 2^31 - 1";
    /// There is no credit for this send.
    CreditExhausted = 107, "there is no credit";
    /// Too much waits to be sent on this stream or this connection.
    QueueFull = 108, "too much waits to be sent";
    /// The peer allows no more streams at once.
    TooManyStreams = 109, "the peer allows no more streams";
    /// A stream of this connection has this id, or had it lately.
    StreamIdInUse = 110, "the stream id is in use, or was lately";
    /// The peer's hello has not come yet.
    NotEstablished = 111, "the connection is not established";
    /// An end of the connection goes away: no stream can be opened.
    GoingAway = 112, "the connection is going away";

    /// An argument that the function cannot take.
    InvalidArgument = 200, "an argument is not valid";
    /// A NULL where a pointer is required.
    NullPointer = 201, "a required pointer is NULL";
    /// The caller's buffer is smaller than the output.
    BufferTooSmall = 202, "the buffer is too small";
    /// The handle was closed before.
    Closed = 203, "the handle is closed";
    /// A panic was caught at the language border. This is a defect of Ixt.
    Panic = 204, "the library panicked";
    /// The loaded library is of another ABI version than the caller was built for.
    AbiMismatch = 205, "the library has another ABI version";
}

impl ErrorKind {
    /// The number of the kind, the same in every language; never 0, which is "no error".
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind, with the offending place.
///
/// The message never holds bytes of the input beyond a field's name and numbers, so it cannot leak a
/// token or a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    field: Cow<'static, str>,
    offset: Option<usize>,
}

impl Error {
    /// An error of this kind, with no place yet.
    #[must_use]
    pub const fn new(kind: ErrorKind) -> Self {
        Self { kind, field: Cow::Borrowed(""), offset: None }
    }

    /// The same error, told to be in `field`, unless an inner place is known already.
    #[must_use]
    pub fn in_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        if self.field.is_empty() {
            self.field = field.into();
        }
        self
    }

    /// The same error, its field told to be one of `field`'s.
    #[must_use]
    pub(crate) fn within(mut self, field: &'static str) -> Self {
        self.field = match self.field.is_empty() {
            true => Cow::Borrowed(field),
            false => Cow::Owned(format!("{field}.{}", self.field)),
        };
        self
    }

    /// The same error, told to be at this byte of the message, unless that is known already.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The field in which it went wrong, by its name in the schema; empty where none applies.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The byte of the input at which it went wrong, where decoding can tell.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.kind.says())?;
        if !self.field.is_empty() {
            write!(f, " ({})", self.field)?;
        }
        match self.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_so_none_is_used_twice() {
        assert!(ErrorKind::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(ErrorKind::from_code(0), None);
    }

    #[test]
    fn the_message_names_kind_field_and_offset() {
        let error = Error::new(ErrorKind::BadText).in_field("cancel.message").at(56).at(9);
        assert_eq!(error.to_string(), "BadText: text is not valid (cancel.message) at byte 56");
        assert_eq!(error.offset(), Some(56));
    }
}
