#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod error;
mod memory;
mod page;
mod queue;
mod runs;
#[cfg(feature = "sqlite")]
mod sqlite;
mod work;
mod writer;

pub use error::{StoreError, WriterError};
pub use memory::Memory;
pub use queue::Queue;
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, Sqlite};
pub use work::Reply;
pub use writer::Writer;

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
