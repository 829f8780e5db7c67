//! One error with the core's kinds.

use std::fmt;

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, IxtError>;

macro_rules! kinds {
    ($($name:ident,)+) => {
        /// What went wrong; `docs/errors.md` says what each kind means. A kind of a later core is `Other`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
        #[allow(missing_docs, reason = "each is the core's kind of the same name")]
        pub enum ErrorKind {
            $($name,)+
            Other,
        }

        impl From<ixt_core::ErrorKind> for ErrorKind {
            fn from(kind: ixt_core::ErrorKind) -> Self {
                match kind {
                    $(ixt_core::ErrorKind::$name => Self::$name,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

kinds! {
    Truncated, TrailingBytes, TooManySegments, MessageTooLarge, FrameTooLarge, ContextTooLarge, BadPointer,
    TooDeep, TraversalLimit, BadText, NilStreamId, BadIdLength, DuplicateKey, DuplicateCapability,
    BadMetadataKey, TooManyMetadata, MetadataTooLarge, TooManyCapabilities, CapabilityTooLong, TokenTooLong,
    MessageTextTooLong, NotCanonical, BadJson, BadMethod,
    NotOpen, AlreadyOpen, TooManyMessages, MissingMessage, StreamEnded, InvalidGrant, WindowOverflow,
    CreditExhausted, QueueFull, TooManyStreams, StreamIdInUse, NotEstablished, GoingAway,
    InvalidArgument, NullPointer, BufferTooSmall, Closed, Panic, AbiMismatch,
}

/// A refusal or a misuse. Callers match `kind`, people read the rest.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Error)]
pub enum IxtError {
    /// The one case: the kind says what it is.
    Refused {
        /// What went wrong.
        kind: ErrorKind,
        /// The kind's number, the same in every language and for ever.
        code: i32,
        /// The field in which it went wrong, by its name in the schema; empty where none applies.
        field: String,
        /// The byte of the input at which it went wrong, where decoding can tell.
        offset: Option<u64>,
    },
}

impl From<ixt_core::Error> for IxtError {
    fn from(error: ixt_core::Error) -> Self {
        Self::Refused {
            kind: error.kind().into(),
            code: error.kind().code(),
            field: error.field().to_owned(),
            offset: error.offset().map(|offset| offset as u64),
        }
    }
}

impl From<ixt_core::ErrorKind> for IxtError {
    fn from(kind: ixt_core::ErrorKind) -> Self {
        ixt_core::Error::new(kind).into()
    }
}

impl fmt::Display for IxtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Refused { kind, field, offset, .. } = self;
        write!(f, "{kind:?}")?;
        if !field.is_empty() {
            write!(f, " ({field})")?;
        }
        offset.map_or(Ok(()), |offset| write!(f, " at byte {offset}"))
    }
}

impl std::error::Error for IxtError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_core_has_a_row_of_the_same_name() {
        for kind in ixt_core::ErrorKind::ALL {
            assert_eq!(format!("{:?}", ErrorKind::from(*kind)), kind.name());
        }
    }

    #[test]
    fn the_place_is_told() {
        let error = ixt_core::Error::new(ixt_core::ErrorKind::BadText).in_field("cancel.message").at(56);
        assert_eq!(IxtError::from(error).to_string(), "BadText (cancel.message) at byte 56");
    }
}
