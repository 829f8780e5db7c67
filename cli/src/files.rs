//! Files that options name, and errors that say which one is meant.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// What went wrong, and with what.
pub(crate) fn about(what: impl Display, error: impl Display) -> io::Error {
    io::Error::other(format!("{what}: {error}"))
}

/// The bytes of a file.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| about(file.display(), error))
}
