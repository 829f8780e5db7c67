//! `kill -9`: whatever was reported as stored is there, and the file opens.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ixt_arcp::runtime::{Batch, JobKey, Load, SessionKey};
use ixt_arcp_store::{Durability, Reply, Sqlite, Store, Writer};

use super::file::{event, job};

/// Where the process that is killed writes.
const FILE: &str = "IXT_KILLED_STORE";
const JOB: u64 = 1;
/// Events of a batch, which are there all or none.
const EVENTS: u64 = 3;

/// What the event with this number says.
fn payload(number: u64) -> String {
    format!("{{\"number\":{number},\"pad\":\"{}\"}}", "x".repeat(usize::try_from(number % 700).unwrap()))
}

/// Writes, and says what is stored, until somebody kills it. It is a test only so that there is a process to run.
#[test]
#[ignore = "the other test runs it, and kills it"]
fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let mut store = Sqlite::open(path, Durability::Full).unwrap();
    let last = store.snapshot().unwrap().jobs.first().map(|job| job.last);
    let (waits, goes) = mpsc::sync_channel(64);
    let on_reply = move |reply| {
        let Reply::Stored(lsn) = reply else { panic!("{reply:?}") };
        let mut out = std::io::stdout().lock();
        // Whole or not at all: what has no end of its line was not reported.
        out.write_all(format!("stored {lsn}\n").as_bytes()).unwrap();
        out.flush().unwrap();
        while goes.try_recv().is_ok_and(|sent| sent < lsn) {}
    };
    let writer = Writer::spawn(store, Box::new(on_reply)).unwrap();
    if last.is_none() {
        writer.write(Batch { records: vec![job(JOB)], lsn: 0 }).unwrap();
    }
    // The place in the store is the event's number.
    for first in (last.unwrap_or(0) + 1..).step_by(usize::try_from(EVENTS).unwrap()) {
        let lsn = first + EVENTS - 1;
        let records = (first..=lsn).map(|number| event(JOB, number, payload(number))).collect();
        writer.write(Batch { records, lsn }).unwrap();
        waits.send(lsn).unwrap();
    }
}

/// Runs the process for so long, kills it, and gives what it reported as stored last.
fn run_and_kill(path: &Path, lives: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (first, began) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut last, mut line) = (None, String::new());
        while stdout.read_line(&mut line).unwrap() > 0 {
            // The harness says things of its own before it on the line.
            if let Some((_, lsn)) = line.split_once("stored ")
                && let Some(lsn) = lsn.strip_suffix('\n')
            {
                last = Some(lsn.parse::<u64>().unwrap());
                let _ = first.send(());
            }
            line.clear();
        }
        last
    });
    began.recv_timeout(Duration::from_secs(60)).expect("it writes");
    std::thread::sleep(lives);
    // On Unix that is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap().unwrap()
}

#[test]
fn what_was_reported_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    // SplitMix64: the moments are the same in every run.
    let mut seed: u64 = 0x5EED;
    let mut reported = 0;
    for round in 0..20 {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let lives = Duration::from_micros((mixed ^ (mixed >> 27)) % 40_000);
        let before = reported;
        reported = run_and_kill(&path, lives);
        assert!(reported >= before, "round {round}: it went back from {before} to {reported}");

        let mut store = Sqlite::open(&path, Durability::Full)
            .unwrap_or_else(|error| panic!("round {round}, after {lives:?}: {error}"));
        let snapshot = store.snapshot().unwrap();
        let last = snapshot.jobs[0].last;
        assert!(last >= reported, "round {round}, after {lives:?}: {reported} was reported, {last} is there");
        assert_eq!(last % EVENTS, 0, "round {round}: half of a batch");
        let mut from = 1;
        while from <= last {
            let load =
                Load { session: SessionKey::from_raw(1), job: JobKey::from_raw(JOB), from, count: u64::MAX };
            let events = store.load(&load).unwrap();
            assert!(!events.is_empty(), "round {round}: {from} of {last} is missing");
            for found in events {
                assert_eq!(*found.payload, payload(from), "round {round}");
                from += 1;
            }
        }
        assert_eq!(from, last + 1);
        drop(store);
        let connection = rusqlite::Connection::open(&path).unwrap();
        let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok", "round {round}");
    }
    assert!(reported > 0);
}
