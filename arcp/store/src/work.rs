//! What a thread does for a store, and what it says of it.

use ixt_arcp::runtime::{Batch, Load, LoadedEvent, Lsn};

use crate::{Store, StoreError};

/// What a store has done. Who did not heed one would wait for ever, so this is exhaustive.
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

/// What waits for a store.
#[derive(Debug, Default)]
pub(crate) struct Work {
    batches: Vec<Batch>,
    loads: Vec<Load>,
}

impl Work {
    /// Behind the batches that came before.
    pub(crate) fn write(&mut self, batch: Batch) {
        self.batches.push(batch);
    }

    /// Behind all batches.
    pub(crate) fn load(&mut self, load: Load) {
        self.loads.push(load);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.loads.is_empty()
    }

    /// Does all of it, all batches at once, and keeps its memory. False where the store has failed: it is not to be
    /// used any more then, and what was not done is dropped.
    pub(crate) fn run(&mut self, store: &mut impl Store, mut on_reply: impl FnMut(Reply)) -> bool {
        let done = self.try_run(store, &mut on_reply);
        self.batches.clear();
        self.loads.clear();
        done.map_err(|error| on_reply(Reply::Failed(error))).is_ok()
    }

    fn try_run(
        &mut self,
        store: &mut impl Store,
        on_reply: &mut impl FnMut(Reply),
    ) -> Result<(), StoreError> {
        if let Some(last) = self.batches.last().map(|batch| batch.lsn) {
            store.write(&self.batches)?;
            on_reply(Reply::Stored(last));
        }
        for load in self.loads.drain(..) {
            let events = store.load(&load)?;
            on_reply(Reply::Loaded(load, events));
        }
        Ok(())
    }
}
