//! What goes wrong with stores.

use std::io;
use std::path::PathBuf;

/// Why a store does not work, and where. The display form says both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file, or another store of this one. It has not been touched.
    #[error("InUse: {} is open elsewhere", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A later release has written it. It has not been touched.
    #[error("Newer: {} has schema {found}, and this release knows {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The last one that is known here.
        known: i64,
    },
    /// The file is something else. It has not been touched.
    #[error("Foreign: {} is no store of a runtime", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// What was read makes no sense: somebody else has written it.
    #[error("Damaged: {}: {place}: {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which column.
        place: &'static str,
        /// What is there, or why it is none of what it is to be.
        found: String,
    },
    /// The file cannot be made or opened.
    #[error("Io: {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite cannot go on: the disk is full or broken, mostly.
    #[cfg(feature = "sqlite")]
    #[error("Sqlite: {}, {doing}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Of a store of somebody else's.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// The thread of a [`Writer`](crate::Writer) has ended: its store has failed, and
/// [`Reply::Failed`](crate::Reply::Failed) has said why, or it has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer has stopped: its store failed")]
pub struct WriterError;
