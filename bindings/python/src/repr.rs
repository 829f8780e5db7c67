//! What `repr` shows: bounded, and of bytes only how many they are.

/// Most characters of a text that are shown.
const SHOWN: usize = 64;

/// Bytes by their number; they are large, and a context holds a token reference.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    format!("<{} bytes>", bytes.len())
}

/// A text, cut short where it is long.
pub(crate) fn of_text(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn of_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
