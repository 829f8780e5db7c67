//! A store on a thread of the caller's.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ixt_arcp::runtime::{JobKey, Load, SessionKey};
use ixt_arcp_store::{Durability, Memory, Queue, Reply, Sqlite, StoreError};

use super::writer::{SOON, Slow, batch};

fn load(from: u64) -> Load {
    Load { session: SessionKey::from_raw(1), job: JobKey::from_raw(1), from, count: 100 }
}

fn slow() -> (Queue, mpsc::Receiver<usize>, mpsc::Sender<bool>) {
    let (writes, written) = mpsc::channel();
    let (go, goes) = mpsc::channel();
    (Queue::new(Slow { store: Memory::default(), writes, goes }), written, go)
}

#[test]
fn what_waits_is_written_at_once_and_loads_see_it() {
    let (queue, written, go) = slow();
    go.send(true).unwrap();
    go.send(true).unwrap();
    assert!(queue.put((1..=3).map(batch), [load(1)]));
    assert!(queue.put((4..=5).map(batch), [load(4)]));
    assert!(queue.put([], []), "nothing is work too little to run for");
    assert!(queue.replies().is_empty(), "nothing is reported before it is written");
    assert!(queue.run());
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [5]);
    let replies = queue.replies();
    let [Reply::Stored(5), Reply::Loaded(first, all), Reply::Loaded(second, rest)] = &replies[..] else {
        panic!("{replies:?}")
    };
    assert_eq!((*first, all.len(), *second, rest.len()), (load(1), 4, load(4), 1));
    assert!(queue.replies().is_empty(), "a reply is given once");

    queue.put([], [load(2)]);
    assert!(queue.run());
    assert!(written.try_iter().next().is_none(), "loads alone write nothing");
    assert!(matches!(&queue.replies()[..], [Reply::Loaded(_, events)] if events.len() == 3));
    assert_eq!(queue.snapshot().unwrap().jobs[0].last, 4);
}

#[test]
fn who_runs_it_waits_for_work_and_for_the_end() {
    let (queue, written, go) = slow();
    thread::scope(|threads| {
        let (told, tells) = mpsc::channel();
        threads.spawn({
            let queue = &queue;
            move || {
                while queue.run() {
                    told.send(true).unwrap();
                }
                told.send(false).unwrap();
            }
        });
        assert_eq!(tells.recv_timeout(Duration::from_millis(50)), Err(mpsc::RecvTimeoutError::Timeout));
        queue.put([batch(1)], []);
        assert_eq!(written.recv_timeout(SOON), Ok(1));
        // While it writes, others gather, and nobody waits for it.
        queue.put([batch(2)], []);
        queue.put([batch(3)], []);
        assert!(queue.replies().is_empty());
        queue.close();
        assert!(!queue.put([batch(4)], []), "nothing more is taken");
        go.send(true).unwrap();
        go.send(true).unwrap();
        assert_eq!(written.recv_timeout(SOON), Ok(2), "what waited is still written");
        let ends: Vec<_> = (0..3).map(|_| tells.recv_timeout(SOON).unwrap()).collect();
        assert_eq!(ends, [true, true, false]);
    });
    assert!(matches!(queue.replies()[..], [Reply::Stored(1), Reply::Stored(3)]));
    assert!(!queue.run(), "over is over");
    assert!(matches!(queue.snapshot(), Err(StoreError::Other(_))));
}

#[test]
fn a_failed_write_is_told_once_and_nothing_is_taken_after_it() {
    let (queue, written, go) = slow();
    go.send(false).unwrap();
    queue.put([batch(1)], [load(1)]);
    assert!(queue.run(), "there is something to be told");
    let replies = queue.replies();
    assert!(
        matches!(&replies[..], [Reply::Failed(error)] if error.to_string() == "the disk is full"),
        "one, and no load behind it: {replies:?}"
    );
    assert!(matches!(queue.snapshot(), Err(StoreError::Other(_))), "nor read");
    assert!(!queue.put([batch(2)], []));
    assert!(!queue.run());
    assert!(queue.replies().is_empty());
    assert_eq!(written.try_iter().count(), 1, "it is not tried again");
}

#[test]
fn what_came_while_it_failed_is_dropped() {
    let (queue, written, go) = slow();
    thread::scope(|threads| {
        queue.put([batch(1)], []);
        let runs = threads.spawn(|| queue.run());
        written.recv_timeout(SOON).unwrap();
        assert!(queue.put([batch(2)], []), "nobody knows yet");
        go.send(false).unwrap();
        assert!(runs.join().unwrap());
    });
    assert!(!queue.run());
    assert!(matches!(queue.replies()[..], [Reply::Failed(_)]));
    assert_eq!(written.try_iter().count(), 0);
}

#[test]
fn the_file_is_free_once_all_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let open = || Sqlite::open(&path, Durability::Normal);
    let queue = Queue::new(open().unwrap());
    queue.put((1..=3).map(batch), []);
    queue.close();
    assert!(matches!(open(), Err(StoreError::InUse { .. })));
    assert!(queue.run() && !queue.run());
    let again = Queue::new(open().unwrap());
    assert_eq!(again.snapshot().unwrap().jobs[0].last, 2);
}

#[test]
fn batches_of_one_thread_keep_their_order_whoever_runs_it() {
    let queue = Queue::new(Memory::default());
    thread::scope(|threads| {
        let runs: Vec<_> = (0..4).map(|_| threads.spawn(|| while queue.run() {})).collect();
        for lsn in 1..=2000 {
            assert!(queue.put([batch(lsn)], []));
        }
        queue.close();
        runs.into_iter().for_each(|runs| runs.join().unwrap());
    });
    let replies = queue.replies();
    let stored: Vec<_> = replies
        .iter()
        .map(|reply| match reply {
            Reply::Stored(lsn) => *lsn,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(stored.is_sorted() && stored.last() == Some(&2000), "{stored:?}");
}

#[test]
fn of_several_that_run_it_one_has_its_turn_and_what_comes_then_gathers() {
    let (queue, written, go) = slow();
    thread::scope(|threads| {
        (0..4).for_each(|_| drop(threads.spawn(|| while queue.run() {})));
        queue.put([batch(1)], []);
        written.recv_timeout(SOON).unwrap();
        for lsn in 2..=4 {
            queue.put([batch(lsn)], []);
            // Time for another one to take it, which it may not.
            thread::sleep(Duration::from_millis(20));
        }
        queue.close();
        (0..4).for_each(|_| go.send(true).unwrap());
    });
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [3]);
    assert!(matches!(queue.replies()[..], [Reply::Stored(1), Reply::Stored(4)]));
}
