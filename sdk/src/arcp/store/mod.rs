//! Where a runtime keeps what must survive it: sessions, jobs and their events, idempotency keys, credentials.
//!
//! The engine says what is to be stored and what is to be read again, and tells a client nothing before it is stored. A
//! [`Store`] does both, on a thread of its own that [`Writer`] runs; a runtime that begins again is handed
//! [`Store::snapshot`]:
//!
//! ```
//! use ixt::arcp::engine::runtime::{Batch, Settings};
//! use ixt::arcp::engine::{Inventory, Runtime};
//! use ixt::arcp::store::{Memory, Reply, Store, Writer};
//! # use std::sync::mpsc;
//!
//! let mut store = Memory::default();
//! let mut settings = Settings::default();
//! settings.store = true;
//! let snapshot = store.snapshot()?;
//! let mut runtime =
//!     Runtime::restored(settings, Inventory::default(), Default::default(), snapshot, [7; 32], 1_000_000);
//!
//! let (replies, replied) = mpsc::channel();
//! let writer = Writer::spawn(store, Box::new(move |reply| drop(replies.send(reply))))?;
//! while let Some(batch) = runtime.poll_store() {
//!     writer.write(batch)?;
//! }
//! while let Some(load) = runtime.poll_load() {
//!     writer.load(load)?;
//! }
//! # writer.write(Batch { records: Vec::new(), lsn: 1 })?;
//! match replied.recv()? {
//!     Reply::Stored(lsn) => runtime.stored(lsn),
//!     Reply::Loaded(load, events) => runtime.loaded(load, events),
//!     Reply::Failed(error) => return Err(error.into()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No secret is stored: of resume tokens their hashes are, and of credentials their names.

mod error;
mod memory;
mod page;
mod runs;
#[cfg(feature = "arcp-sqlite")]
mod sqlite;
mod writer;

pub use error::{StoreError, WriterError};
pub use memory::Memory;
#[cfg(feature = "arcp-sqlite")]
pub use sqlite::{Durability, Sqlite};
pub use writer::{Reply, Writer};

use ixt_arcp::runtime::{Batch, Load, LoadedEvent, Snapshot};

/// What a runtime's records are kept in. Blocking; called from one thread at a time.
pub trait Store: Send + 'static {
    /// Stores the records of all these batches, in their order: all of them or, where it fails, none. When it returns, they
    /// survive the end of the process, however it ends, as far as the store survives it at all.
    ///
    /// # Errors
    /// Whatever is wrong with the store; records are never wrong.
    fn write(&mut self, batches: &[Batch]) -> Result<(), StoreError>;

    /// The events that are asked for, from the first one on and without a gap: at most `count`, and no more than 1 MiB
    /// of payloads, but one at least. None where the first one is not kept.
    ///
    /// # Errors
    /// Whatever is wrong with the store.
    fn load(&mut self, load: &Load) -> Result<Vec<LoadedEvent>, StoreError>;

    /// All that is stored, for a runtime that begins again; the same store, the same snapshot.
    ///
    /// # Errors
    /// Whatever is wrong with the store.
    fn snapshot(&mut self) -> Result<Snapshot, StoreError>;
}

impl Store for Box<dyn Store> {
    fn write(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        (**self).write(batches)
    }

    fn load(&mut self, load: &Load) -> Result<Vec<LoadedEvent>, StoreError> {
        (**self).load(load)
    }

    fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        (**self).snapshot()
    }
}
