//! The table of the kinds of errors.

/// The core's kinds: name, number, and what it says in a few words. A language holds its own list against it.
#[uniffi::export]
#[must_use]
pub fn error_kinds() -> Vec<KindOfError> {
    let row = |kind: &ixt_core::ErrorKind| KindOfError {
        name: kind.name().to_owned(),
        code: kind.code(),
        says: kind.says().to_owned(),
    };
    ixt_core::ErrorKind::ALL.iter().map(row).collect()
}

/// One row of [`error_kinds`].
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct KindOfError {
    /// The name that every language uses.
    pub name: String,
    /// The number, which never changes.
    pub code: i32,
    /// What the kind says, for people.
    pub says: String,
}
