//! Where it went wrong, for people.

use std::ffi::c_char;

use ixt_core::Error;

use crate::status::ixt_status_t;

/// Room for a field's name, with its NUL.
pub const IXT_ERROR_FIELD: usize = 64;
/// Room for a message, with its NUL.
pub const IXT_ERROR_MESSAGE: usize = 160;

/// What went wrong and where, in memory of the caller's. Functions that take one as `error` fill it
/// when they fail and leave it alone when they succeed; where none is wanted, `error` is NULL.
///
/// It holds names of fields and numbers, and never bytes of the input.
#[repr(C)]
pub struct ixt_error_t {
    /// The byte of the input at which it went wrong; SIZE_MAX where that is not known.
    pub offset: usize,
    /// As returned by the function.
    pub status: ixt_status_t,
    /// The field, by its name in the schema, such as "metadata[3].key"; empty where none applies.
    /// NUL-terminated.
    pub field: [c_char; 64],
    /// For people. NUL-terminated.
    pub message: [c_char; 160],
}

impl ixt_error_t {
    #[cold]
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            offset: error.offset().unwrap_or(usize::MAX),
            status: error.kind().code(),
            field: chars(error.field()),
            message: chars(&error.to_string()),
        }
    }
}

/// A text cut to fit, at the end of a character, with its NUL.
fn chars<const N: usize>(text: &str) -> [c_char; N] {
    let mut room = [0; N];
    let end = (0..N).rev().find(|end| text.is_char_boundary(*end) || *end >= text.len()).unwrap_or(0);
    let text = text.get(..end.min(text.len())).unwrap_or("");
    for (slot, byte) in room.iter_mut().zip(text.bytes()) {
        *slot = byte as c_char;
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chars: &[c_char]) -> String {
        chars.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte as u8)).collect()
    }

    #[test]
    fn texts_are_cut_and_terminated() {
        assert_eq!(read(&chars::<4>("ab")), "ab");
        assert_eq!(read(&chars::<4>("abc")), "abc");
        assert_eq!(read(&chars::<4>("abcd")), "abc");
        assert_eq!(chars::<4>("abä"), chars::<4>("ab"));
    }

    #[test]
    fn the_longest_field_of_the_core_fits() {
        assert!("actor.subject.operator.actor.capabilities[63]".len() < IXT_ERROR_FIELD);
        let longest = ixt_core::ErrorKind::ALL.iter().map(|kind| kind.name().len() + kind.says().len()).max();
        assert!(longest.unwrap_or(0) + 32 + 40 < IXT_ERROR_MESSAGE);
    }
}
