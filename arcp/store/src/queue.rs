//! A store on a thread of the caller's.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ixt_arcp::runtime::{Batch, Load, Snapshot};

use crate::work::Work;
use crate::{Reply, Store, StoreError};

/// What a [`Writer`](crate::Writer) does, on a thread that the caller brings, such as one of another language:
/// [`run`](Self::run) waits for work and does all that waits at once, and [`replies`](Self::replies) gives what came
/// of it.
///
/// The queues have no bound here: the engine lets agents wait while too much is not stored
/// ([`max_unstored`](ixt_arcp::runtime::Settings::max_unstored)). Any thread may use it, and none but that which runs
/// it waits for the store, [`snapshot`](Self::snapshot) apart.
///
/// ```
/// use ixt_arcp::runtime::Batch;
/// use ixt_arcp_store::{Memory, Queue, Reply};
///
/// let queue = Queue::new(Memory::default());
/// std::thread::scope(|threads| {
///     let runs = threads.spawn(|| while queue.run() {});
///     queue.put([Batch { records: Vec::new(), lsn: 1 }], []);
///     queue.close();
///     runs.join()
/// })
/// .ok();
/// assert!(matches!(queue.replies()[..], [Reply::Stored(1)]));
/// ```
pub struct Queue {
    shared: Mutex<Shared>,
    /// There is work, or it is over.
    more: Condvar,
    /// Who runs it: one at a time, so that batches keep their order.
    turn: Mutex<()>,
    /// Gone once it is closed or has failed.
    store: Mutex<Option<Box<dyn Store>>>,
}

#[derive(Debug, Default)]
struct Shared {
    work: Work,
    replies: Vec<Reply>,
    /// Nothing more is taken.
    over: bool,
}

impl Queue {
    /// A queue before this store.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self {
            shared: Mutex::default(),
            more: Condvar::new(),
            turn: Mutex::default(),
            store: Mutex::new(Some(Box::new(store))),
        }
    }

    /// Adds work, behind all that came before; loads are done behind all batches. False, and nothing is taken, once it
    /// is closed or the store has failed.
    pub fn put(
        &self,
        batches: impl IntoIterator<Item = Batch>,
        loads: impl IntoIterator<Item = Load>,
    ) -> bool {
        let mut shared = lock(&self.shared);
        if shared.over {
            return false;
        }
        batches.into_iter().for_each(|batch| shared.work.write(batch));
        loads.into_iter().for_each(|load| shared.work.load(load));
        if !shared.work.is_empty() {
            self.more.notify_one();
        }
        true
    }

    /// Waits for work and does all of it; blocking. True when it has, and there are replies; false when it is closed and
    /// all is done, or has failed and has said so: the store is closed then, and its file can be opened again.
    #[must_use = "false is the end"]
    pub fn run(&self) -> bool {
        let _turn = lock(&self.turn);
        let mut work = {
            let mut shared = lock(&self.shared);
            while shared.work.is_empty() && !shared.over {
                shared = self.more.wait(shared).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::take(&mut shared.work)
        };
        let mut store = lock(&self.store);
        let Some(open) = store.as_mut().filter(|_| !work.is_empty()) else {
            *store = None;
            return false;
        };
        if !work.run(open, |reply| lock(&self.shared).replies.push(reply)) {
            *store = None;
            lock(&self.shared).over = true;
        }
        true
    }

    /// Takes what came of the work so far, in order.
    pub fn replies(&self) -> Vec<Reply> {
        std::mem::take(&mut lock(&self.shared).replies)
    }

    /// All that is stored, for a runtime that begins again. Blocking, and behind what is being done.
    ///
    /// # Errors
    /// As [`Store::snapshot`]; where the store is closed.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut store = lock(&self.store);
        store.as_mut().ok_or_else(|| StoreError::Other("the store is closed".into()))?.snapshot()
    }

    /// Takes nothing more. What waits is still done by [`run`](Self::run), whose last call closes the store.
    pub fn close(&self) {
        lock(&self.shared).over = true;
        self.more.notify_all();
    }
}

/// Whatever a panic left: the state is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("shared", &self.shared).finish_non_exhaustive()
    }
}
