//! The thread of a store.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use ixt_arcp::runtime::{Batch, JobKey, Load, LoadedEvent, SessionKey, Snapshot};
use ixt_arcp_store::{Memory, Reply, Store, StoreError, Writer, WriterError};

use super::file::{event, job};

/// A store that says when it writes, and writes when it is told to.
pub(crate) struct Slow {
    pub(crate) store: Memory,
    pub(crate) writes: Sender<usize>,
    pub(crate) goes: Receiver<bool>,
}

impl Store for Slow {
    fn write(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        self.writes.send(batches.len()).unwrap();
        if !self.goes.recv().unwrap() {
            return Err(StoreError::Other("the disk is full".into()));
        }
        self.store.write(batches)
    }

    fn load(&mut self, load: &Load) -> Result<Vec<LoadedEvent>, StoreError> {
        self.store.load(load)
    }

    fn snapshot(&mut self) -> Result<Snapshot, StoreError> {
        self.store.snapshot()
    }
}

fn slow() -> (Writer, Receiver<usize>, Sender<bool>, Receiver<Reply>) {
    let (writes, written) = mpsc::channel();
    let (go, goes) = mpsc::channel();
    let (replies, replied) = mpsc::channel();
    let store = Slow { store: Memory::default(), writes, goes };
    let writer = Writer::spawn(store, Box::new(move |reply| drop(replies.send(reply)))).unwrap();
    (writer, written, go, replied)
}

pub(crate) fn batch(lsn: u64) -> Batch {
    Batch { records: vec![if lsn == 1 { job(1) } else { event(1, lsn - 1, "{}") }], lsn }
}

pub(crate) const SOON: Duration = Duration::from_secs(10);

#[test]
fn what_waits_is_written_at_once_and_loads_see_it() {
    let (writer, written, go, replied) = slow();
    writer.write(batch(1)).unwrap();
    assert_eq!(written.recv_timeout(SOON).unwrap(), 1);
    for lsn in 2..=9 {
        writer.write(batch(lsn)).unwrap();
    }
    let load = Load { session: SessionKey::from_raw(1), job: JobKey::from_raw(1), from: 1, count: 100 };
    writer.load(load).unwrap();
    assert!(replied.try_recv().is_err(), "nothing is reported before it is written");
    go.send(true).unwrap();
    assert!(matches!(replied.recv_timeout(SOON).unwrap(), Reply::Stored(1)));
    assert_eq!(written.recv_timeout(SOON).unwrap(), 8, "all that waited");
    go.send(true).unwrap();
    assert!(matches!(replied.recv_timeout(SOON).unwrap(), Reply::Stored(9)));
    let Reply::Loaded(of, events) = replied.recv_timeout(SOON).unwrap() else { panic!("no load") };
    assert_eq!((of, events.len()), (load, 8));
    writer.close().unwrap();
}

#[test]
fn a_store_that_fails_is_the_end() {
    let (writer, written, go, replied) = slow();
    writer.write(batch(1)).unwrap();
    written.recv_timeout(SOON).unwrap();
    go.send(false).unwrap();
    let Reply::Failed(error) = replied.recv_timeout(SOON).unwrap() else { panic!("it was stored") };
    assert_eq!(error.to_string(), "the disk is full");
    // The thread ends soon, and takes nothing more then.
    assert!(matches!(replied.recv_timeout(SOON), Err(mpsc::RecvTimeoutError::Disconnected)));
    assert_eq!(writer.write(batch(2)), Err(WriterError));
    writer.close().unwrap();
}

#[test]
fn closing_waits_for_all_that_was_asked() {
    let (writer, _written, go, replied) = slow();
    for lsn in 1..=100 {
        writer.write(batch(lsn)).unwrap();
        go.send(true).unwrap();
    }
    writer.close().unwrap();
    let stored: Vec<_> = replied.iter().collect();
    assert!(matches!(stored.last(), Some(Reply::Stored(100))), "{stored:?}");
}
