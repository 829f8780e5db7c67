//! The thread on which a store works.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use ixt_arcp::runtime::{Batch, Load};

use crate::work::Work;
use crate::{Reply, Store, WriterError};

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
    let mut work = Work::default();
    while let Ok(first) = asked.recv() {
        for ask in std::iter::once(first).chain(asked.try_iter()) {
            match ask {
                Ask::Write(batch) => work.write(batch),
                Ask::Load(load) => work.load(load),
            }
        }
        if !work.run(&mut store, &mut on_reply) {
            return;
        }
    }
}
