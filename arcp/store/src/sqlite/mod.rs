//! A store in a file, by SQLite.

mod open;
mod read;
mod statement;
mod told;
mod write;

use std::path::{Path, PathBuf};

use ixt_arcp::runtime::{Batch, Load, LoadedEvent, Snapshot};
use rusqlite::{Connection, TransactionBehavior};

use super::{Store, StoreError};

/// What survives what.
///
/// With either one nothing that was reported is lost when the process ends, however it ends, `kill -9` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing that was reported is lost when the power fails either, as far as the disk tells the truth: each
    /// transaction waits for it.
    #[default]
    Full,
    /// When the power fails, or the operating system does, the last transactions may be lost. The file stays whole. A
    /// client could have been told what is gone then: an event whose number another one gets, a job that nobody
    /// knows. Faster, as transactions wait for no disk.
    Normal,
}

/// A store in a file, by SQLite: what was stored is there again after a crash.
///
/// The file is its owner's alone to read and write (mode 0600), as are those that SQLite puts beside it (`-wal`) while
/// it is open. One store at a time has it, and another one is refused by name. What is forgotten makes room within the
/// file, which does not become smaller.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    connection: Connection,
}

impl Sqlite {
    /// Opens the file, or makes it where there is none. Blocking, as all of it is.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Newer`] and [`StoreError::Foreign`], and the file has not been touched then;
    /// [`StoreError::Io`] and [`StoreError::Sqlite`] where it cannot be opened.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Ok(Self { path: path.into(), connection: open::open(path, durability)? })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What was being done when SQLite could not go on.
struct Failed(&'static str, rusqlite::Error);

impl Failed {
    fn at(self, path: &Path) -> StoreError {
        StoreError::Sqlite { path: path.into(), doing: self.0, source: self.1 }
    }
}

/// Says what was being done.
trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, Failed>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, what: &'static str) -> Result<T, Failed> {
        self.map_err(|error| Failed(what, error))
    }
}

impl Store for Sqlite {
    fn write(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let mut write = || {
            // The lock is there since the file was opened, so nothing waits and nothing is refused.
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing("beginning a transaction")?;
            let mut told = told::Told::default();
            for record in batches.iter().flat_map(|batch| &batch.records) {
                write::record(&transaction, &mut told, record)?;
            }
            told.finish(&transaction)?;
            transaction.commit().doing("committing")
        };
        write().map_err(|failed| failed.at(&self.path))
    }

    fn load(&mut self, load: &Load) -> Result<Vec<LoadedEvent>, StoreError> {
        read::load(&self.connection, load).map_err(|unread| unread.at("loading events", &self.path))
    }

    fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        read::snapshot(&mut self.connection).map_err(|unread| unread.at("reading all", &self.path))
    }
}
