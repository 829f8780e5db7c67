//! Opening the file: whose it is, what it is, and how it is written.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Doing, Durability, Failed, StoreError};

/// The version of `schema.sql`.
const SCHEMA: i64 = 1;
/// The statements of `write.rs` and `read.rs`, and room for more.
const STATEMENTS: usize = 64;
/// Pages that the log may have before it is moved into the file, 16 MiB: by then most were written more than once. SQLite's
/// own 1,000 make it wait for the disk more often.
const LOG_PAGES: i64 = 4096;
/// Bytes that the log beside the file keeps after a burst.
const LOG_BYTES: i64 = 64 << 20;

pub(super) fn open(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    make(path).map_err(|source| StoreError::Io { path: path.into(), source })?;
    prepare(path, durability).map_err(|refused| match refused {
        Refused::Failed(Failed(_, error)) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            StoreError::InUse { path: path.into() }
        }
        Refused::Failed(Failed(_, error)) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            StoreError::Foreign { path: path.into() }
        }
        Refused::Failed(failed) => failed.at(path),
        Refused::Foreign => StoreError::Foreign { path: path.into() },
        Refused::Newer(found) => StoreError::Newer { path: path.into(), found, known: SCHEMA },
    })
}

/// Makes the file where there is none, its owner's alone, so that it never was anybody else's.
///
/// An existing one is not opened here: closing it again would take the lock from a store of this process that has it
/// (POSIX drops all locks of a process on a file when it closes any handle of it).
fn make(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            file.sync_all()?;
            // The name is to survive a power cut too.
            #[cfg(unix)]
            fs::File::open(
                path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")),
            )?
            .sync_all()?;
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

enum Refused {
    Failed(Failed),
    Foreign,
    Newer(i64),
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

fn prepare(path: &Path, durability: Durability) -> Result<Connection, Refused> {
    // One thread at a time has it, so SQLite needs no locks of its own. Paths are paths, and no URIs.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).doing("opening")?;
    connection.busy_timeout(Duration::ZERO).doing("opening")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The lock that the first transaction takes is kept until the end. It comes before everything else: what is not
    // ours alone is not touched.
    pragma(&connection, "locking_mode", &"EXCLUSIVE")?;
    connection.execute_batch("BEGIN EXCLUSIVE").doing("locking")?;
    let is_new = match tables(&connection).doing("looking at its tables")? {
        (0, _) => true,
        (_, false) => return Err(Refused::Foreign),
        (_, true) => false,
    };
    if !is_new {
        let found: Option<i64> = connection
            .query_row("SELECT max(schema) FROM meta", [], |row| row.get(0))
            .map_err(|_| Refused::Foreign)?;
        match found {
            None => return Err(Refused::Foreign),
            Some(found) if found > SCHEMA => return Err(Refused::Newer(found)),
            Some(_) => {}
        }
    }
    connection.execute_batch("COMMIT").doing("locking")?;
    #[cfg(unix)]
    tighten(path).map_err(|error| {
        let what = rusqlite::Error::ToSqlConversionFailure(Box::new(error));
        Refused::Failed(Failed("making it its owner's alone", what))
    })?;
    // Writers append to a log, and wait for the disk once a transaction.
    pragma(&connection, "journal_mode", &"WAL")?;
    pragma(&connection, "journal_size_limit", &LOG_BYTES)?;
    pragma(&connection, "wal_autocheckpoint", &LOG_PAGES)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    pragma(&connection, "synchronous", &synchronous)?;
    // On macOS a disk is asked thus to write what it has in its own memory; elsewhere it says nothing.
    pragma(&connection, "fullfsync", &(durability == Durability::Full))?;
    // What is forgotten is overwritten: inputs and results are not kept for longer than they are needed.
    pragma(&connection, "secure_delete", &"FAST")?;
    pragma(&connection, "trusted_schema", &false)?;
    if is_new {
        let schema = concat!("BEGIN;", include_str!("schema.sql"), "COMMIT;");
        connection.execute_batch(schema).doing("making its tables")?;
    }
    Ok(connection)
}

/// How many tables there are, and whether one of them is that which says the version.
fn tables(connection: &Connection) -> rusqlite::Result<(i64, bool)> {
    let sql = "SELECT count(*), total(name = 'meta') > 0 FROM sqlite_schema";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn pragma(connection: &Connection, name: &str, value: &dyn rusqlite::ToSql) -> Result<(), Failed> {
    // Some answer and some do not.
    connection
        .pragma_update_and_check(None, name, value, |_| Ok(()))
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            error => Err(error),
        })
        .doing("setting it up")
}

/// One that was there may be readable to others.
#[cfg(unix)]
fn tighten(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(permissions.mode() & 0o600);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_file_never_was_anybody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        super::make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
