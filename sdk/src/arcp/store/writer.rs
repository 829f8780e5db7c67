//! The thread on which a store works.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use ixt_arcp::runtime::{Batch, Load, LoadedEvent, Lsn};

use super::{Store, StoreError, WriterError};

/// What a [`Writer`] has done. Who did not heed one would wait for ever, so this is exhaustive.
#[derive(Debug)]
pub enum Reply {
    /// All up to this place is stored: for [`Runtime::stored`](ixt_arcp::Runtime::stored).
    Stored(Lsn),
    /// What was asked for: for [`Runtime::loaded`](ixt_arcp::Runtime::loaded).
    Loaded(Load, Vec<LoadedEvent>),
    /// The store has failed, and nothing more comes. What was reported is stored; of the rest nobody was told, so the
    /// runtime is to be ended, and begins again with what the store has. It is not tried again here: after a
    /// failed write nobody knows what a disk has kept.
    Failed(StoreError),
}

enum Ask {
    Write(Batch),
    Load(Load),
}

/// A thread of its own for a store: takes batches and loads, and writes all batches that wait at once. While it writes,
/// others gather: the busier a runtime, the fewer transactions an event takes.
///
/// The queue has no bound here: the engine lets agents wait while too much is not stored
/// ([`max_unstored`](ixt_arcp::runtime::Settings::max_unstored)). Any thread may use it.
///
/// Dropped, it still does what it was asked and then closes its store, and nobody waits for that; [`close`](Self::close)
/// does.
#[derive(Debug)]
pub struct Writer {
    asks: Sender<Ask>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread. `on_reply` is called on it, and holds it up while it runs.
    ///
    /// # Errors
    /// Where there can be no further thread.
    pub fn spawn(store: impl Store, on_reply: Box<dyn FnMut(Reply) + Send>) -> io::Result<Self> {
        let (asks, asked) = channel();
        let thread =
            thread::Builder::new().name("arcp-store".into()).spawn(move || work(store, on_reply, asked))?;
        Ok(Self { asks, thread })
    }

    /// Stores a batch, behind those that came before: [`Reply::Stored`] follows, one for all that were written at once.
    ///
    /// # Errors
    /// Once the store has failed.
    pub fn write(&self, batch: Batch) -> Result<(), WriterError> {
        self.asks.send(Ask::Write(batch)).map_err(|_| WriterError)
    }

    /// Reads events again, behind all batches that came before: [`Reply::Loaded`] follows.
    ///
    /// # Errors
    /// Once the store has failed.
    pub fn load(&self, load: Load) -> Result<(), WriterError> {
        self.asks.send(Ask::Load(load)).map_err(|_| WriterError)
    }

    /// Waits until all that was asked is done, and the store is closed: then its file can be opened again. Blocking.
    ///
    /// # Errors
    /// Where the thread has panicked. A store that failed has said so in [`Reply::Failed`].
    pub fn close(self) -> Result<(), WriterError> {
        drop(self.asks);
        self.thread.join().map_err(|_| WriterError)
    }
}

/// Until nobody asks any more, or the store has failed.
///
/// What is dropped first is what asks come by: who has seen the replies end cannot ask any more.
fn work(mut store: impl Store, mut on_reply: Box<dyn FnMut(Reply) + Send>, asked: Receiver<Ask>) {
    let mut batches = Vec::new();
    let mut loads = Vec::new();
    while let Ok(first) = asked.recv() {
        for ask in std::iter::once(first).chain(asked.try_iter()) {
            match ask {
                Ask::Write(batch) => batches.push(batch),
                Ask::Load(load) => loads.push(load),
            }
        }
        if let Some(last) = batches.last().map(|batch| batch.lsn) {
            match store.write(&batches) {
                Ok(()) => on_reply(Reply::Stored(last)),
                Err(error) => return on_reply(Reply::Failed(error)),
            }
            batches.clear();
        }
        for load in loads.drain(..) {
            match store.load(&load) {
                Ok(events) => on_reply(Reply::Loaded(load, events)),
                Err(error) => return on_reply(Reply::Failed(error)),
            }
        }
    }
}
