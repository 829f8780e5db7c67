//! Result codes.

use std::ffi::{CString, c_char};
use std::sync::LazyLock;

use ixt_core::ErrorKind;

/// What a function returns: `IXT_OK`, or one of ixt_status. Numbers are never used again, and
/// later versions may return further ones.
pub type ixt_status_t = i32;

/// Success.
///
/// cbindgen:ignore
pub(crate) const IXT_OK: ixt_status_t = ixt_status::IXT_OK as ixt_status_t;

/// The values of ixt_status_t.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum ixt_status {
    /// Success.
    IXT_OK = 0,

    /* Refusals of bytes and values (specification 20). */
    /// The message, or the segment table before it, ends too early.
    IXT_ERR_TRUNCATED = 1,
    /// Bytes follow the message.
    IXT_ERR_TRAILING_BYTES = 2,
    /// More than 16 segments.
    IXT_ERR_TOO_MANY_SEGMENTS = 3,
    /// The segment table declares more than the payload limit and 20 KiB.
    IXT_ERR_MESSAGE_TOO_LARGE = 4,
    /// The payload of a data frame is larger than the endpoint's limit.
    IXT_ERR_FRAME_TOO_LARGE = 5,
    /// An encoded context is larger than 16 KiB.
    IXT_ERR_CONTEXT_TOO_LARGE = 6,
    /// A pointer leads outside the message or to something of the wrong shape.
    IXT_ERR_BAD_POINTER = 7,
    /// Deeper than 8 levels.
    IXT_ERR_TOO_DEEP = 8,
    /// Reading visited more than twice the words of the message.
    IXT_ERR_TRAVERSAL_LIMIT = 9,
    /// Text that is not UTF-8, holds a NUL, or lacks its final NUL.
    IXT_ERR_BAD_TEXT = 10,
    /// The stream id is all zeros.
    IXT_ERR_NIL_STREAM_ID = 11,
    /// An id of the wrong length.
    IXT_ERR_BAD_ID_LENGTH = 12,
    /// A metadata key stands twice.
    IXT_ERR_DUPLICATE_KEY = 13,
    /// A capability stands twice.
    IXT_ERR_DUPLICATE_CAPABILITY = 14,
    /// A metadata key that is empty, longer than 128 bytes, or not `[a-z0-9_.-]+`.
    IXT_ERR_BAD_METADATA_KEY = 15,
    /// More than 64 metadata entries.
    IXT_ERR_TOO_MANY_METADATA = 16,
    /// A metadata value over 4 KiB, or all entries together over 8 KiB.
    IXT_ERR_METADATA_TOO_LARGE = 17,
    /// More than 64 capabilities.
    IXT_ERR_TOO_MANY_CAPABILITIES = 18,
    /// A capability longer than 256 bytes.
    IXT_ERR_CAPABILITY_TOO_LONG = 19,
    /// A token reference longer than 1 KiB.
    IXT_ERR_TOKEN_TOO_LONG = 20,
    /// A message text or error details longer than 4 KiB.
    IXT_ERR_MESSAGE_TEXT_TOO_LONG = 21,
    /// The bytes decode, but the value encodes to other bytes.
    IXT_ERR_NOT_CANONICAL = 22,
    /// The text form is malformed. This library has no text form and does not return it.
    IXT_ERR_BAD_JSON = 23,
    /// A method that is empty or longer than 256 bytes.
    IXT_ERR_BAD_METHOD = 24,

    /* Local misuse of a stream (specification 23): no frame, no change. */
    /// The stream has not been opened.
    IXT_ERR_NOT_OPEN = 100,
    /// The stream has been opened already.
    IXT_ERR_ALREADY_OPEN = 101,
    /// The interaction kind allows one message in this direction, and it has been sent.
    IXT_ERR_TOO_MANY_MESSAGES = 102,
    /// The interaction kind demands a message before the close.
    IXT_ERR_MISSING_MESSAGE = 103,
    /// This direction, or the whole stream, has ended.
    IXT_ERR_STREAM_ENDED = 104,
    /// A grant of nothing, or for more than was delivered.
    IXT_ERR_INVALID_GRANT = 105,
    /// A grant would take the outstanding credit past 2^31 - 1.
    IXT_ERR_WINDOW_OVERFLOW = 106,
    /// There is no credit for this send.
    IXT_ERR_CREDIT_EXHAUSTED = 107,
    /// Too much waits to be sent on this stream, or on the connection.
    IXT_ERR_QUEUE_FULL = 108,
    /// The peer allows no more streams at once.
    IXT_ERR_TOO_MANY_STREAMS = 109,
    /// The id is that of a stream that lives or has ended lately.
    IXT_ERR_STREAM_ID_IN_USE = 110,
    /// The peer's hello has not come yet.
    IXT_ERR_NOT_ESTABLISHED = 111,
    /// An end of the connection goes away, and no stream can be opened.
    IXT_ERR_GOING_AWAY = 112,

    /* Faults of the call itself. */
    /// An argument that the function cannot take.
    IXT_ERR_INVALID_ARGUMENT = 200,
    /// A NULL where a pointer is required.
    IXT_ERR_NULL_POINTER = 201,
    /// The caller's buffer is smaller than the output. `*written` says what is needed; nothing else
    /// has changed, and the call can be made again.
    IXT_ERR_BUFFER_TOO_SMALL = 202,
    /// The handle was closed before. For languages that close handles; this library does not return it.
    IXT_ERR_CLOSED = 203,
    /// A panic was caught. This is a defect of Ixt. A stream to which it happened takes no further command.
    IXT_ERR_PANIC = 204,
    /// The loaded library is of another ABI version than the caller was built for.
    IXT_ERR_ABI_MISMATCH = 205,
}

/// Number, name, explanation. Made once from the core's list, so that no kind can be missing.
static NAMES: LazyLock<Vec<(ixt_status_t, CString, CString)>> = LazyLock::new(|| {
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let ok = (IXT_OK, text("Ok"), text("success"));
    let kinds = ErrorKind::ALL.iter().map(|kind| (kind.code(), text(kind.name()), text(kind.says())));
    std::iter::once(ok).chain(kinds).collect()
});

/// The name of a status, the same in every language, such as "Truncated"; "Ok" for IXT_OK, and
/// "Unknown" for a number that this version does not know.
///
/// Returns: a NUL-terminated text, never NULL, borrowed until the library is unloaded.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_status_name(status: ixt_status_t) -> *const c_char {
    static_text(status, c"Unknown".as_ptr(), |(_, name, _)| name.as_ptr())
}

/// What a status says in a few words, for people, such as "the message ends too early".
///
/// Returns: a NUL-terminated text, never NULL, borrowed until the library is unloaded.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_status_says(status: ixt_status_t) -> *const c_char {
    static_text(status, c"a status of a later version".as_ptr(), |(_, _, says)| says.as_ptr())
}

fn static_text(
    status: ixt_status_t,
    unknown: *const c_char,
    text: impl Fn(&'static (ixt_status_t, CString, CString)) -> *const c_char,
) -> *const c_char {
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let place = NAMES.binary_search_by_key(&status, |(code, ..)| *code).ok()?;
        NAMES.get(place).map(&text)
    }));
    match found {
        Ok(Some(text)) => text,
        Ok(None) => unknown,
        Err(panic) => {
            crate::guard::discard(panic);
            unknown
        }
    }
}
