//! Statements, and numbers in them.

use rusqlite::{Connection, Params};

/// A number without a sign as SQLite keeps it.
pub(super) const fn sql(number: u64) -> i64 {
    number.cast_signed()
}

/// Runs a statement that is prepared once, and gives how many rows it has changed.
pub(super) fn run(connection: &Connection, statement: &str, params: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(params)
}
