//! The file: whose it is, what is refused, and how much is read at once.

use std::path::Path;
use std::sync::Arc;

use ixt_arcp::runtime::{Batch, Class, JobKey, Load, Record, Run, SessionKey, Snapshot};
use ixt_arcp_store::{Durability, Memory, Sqlite, Store, StoreError};

pub(crate) fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Durability::Full).unwrap()
}

pub(crate) fn event(job: u64, number: u64, payload: impl Into<Arc<str>>) -> Record {
    Record::Event { job: JobKey::from_raw(job), number, class: Class::Event, payload: payload.into() }
}

pub(crate) fn job(key: u64) -> Record {
    Record::Job(Box::new(ixt_arcp::runtime::StoredJob {
        key: JobKey::from_raw(key),
        id: format!("job_{key}").into(),
        session: SessionKey::from_raw(1),
        principal: "a".into(),
        agent: "echo".into(),
        input: "null".into(),
        lease: "{}".into(),
        expires_us: None,
        runs_until_us: None,
        parent: None,
        traceparent: String::new(),
        created_us: 1,
        attempt: 1,
    }))
}

fn one(records: Vec<Record>) -> [Batch; 1] {
    [Batch { lsn: records.len() as u64, records }]
}

#[test]
fn a_second_store_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut first = open(&path);
    // Twice: the first refusal must not have given the lock away.
    for _ in 0..2 {
        let refused = Sqlite::open(&path, Durability::Full).unwrap_err();
        assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
        assert_eq!(refused.to_string(), format!("InUse: {} is open elsewhere", path.display()));
    }
    first.write(&one(vec![job(1), event(1, 1, "{}")])).unwrap();
    assert!(Sqlite::open(&path, Durability::Full).is_err(), "after a write too");
    drop(first);
    assert_eq!(open(&path).snapshot().unwrap().jobs.len(), 1);
}

/// What the other process opens.
const OTHERS: &str = "IXT_OTHERS_STORE";

/// Opens the file of another process. It is a test only so that there is a process to run.
#[test]
#[ignore = "the other test runs it"]
fn opens_what_another_process_has() {
    let Some(path) = std::env::var_os(OTHERS) else { return };
    match Sqlite::open(path, Durability::Full) {
        Ok(_) => println!("it was opened"),
        Err(refused) => println!("refused: {refused}"),
    }
}

#[test]
fn another_process_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let ask = || {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["file::opens_what_another_process_has", "--exact", "--ignored", "--nocapture"])
            .env(OTHERS, &path)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mut store = open(&path);
    assert!(ask().contains("refused: InUse: "));
    // Nor does it get the file after a refusal here, which must not have touched what holds the lock.
    assert!(Sqlite::open(&path, Durability::Full).is_err());
    assert!(ask().contains("refused: InUse: "));
    store.write(&one(vec![job(1), event(1, 1, "{}")])).unwrap();
    assert!(ask().contains("refused: InUse: "));
    drop(store);
    assert!(ask().contains("it was opened"));
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(
        &text,
        "no database, but long enough for the head of one, which has 100 bytes: ".repeat(9),
    )
    .unwrap();
    let others = folder.path().join("others");
    let connection = rusqlite::Connection::open(&others).unwrap();
    connection.execute_batch("CREATE TABLE meta (name TEXT); CREATE TABLE jobs (job)").unwrap();
    drop(connection);
    let tables = folder.path().join("tables");
    let connection = rusqlite::Connection::open(&tables).unwrap();
    connection.execute_batch("CREATE TABLE jobs_of_mine (job)").unwrap();
    drop(connection);
    for path in [text, others, tables] {
        let before = std::fs::read(&path).unwrap();
        let refused = Sqlite::open(&path, Durability::Full).unwrap_err();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    let nowhere = folder.path().join("no folder").join("store");
    let refused = Sqlite::open(&nowhere, Durability::Full).unwrap_err();
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
}

#[test]
fn a_later_schema_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(open(&path));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE meta SET schema = 7").unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let refused = Sqlite::open(&path, Durability::Full).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 7, known: 1, .. }), "{refused}");
    assert_eq!(
        refused.to_string(),
        format!("Newer: {} has schema 7, and this release knows 1", path.display())
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut store = open(&path);
    store.write(&one(vec![job(1)])).unwrap();
    let mut found = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        found += 1;
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    assert_eq!(found, 2, "the file and its log; no memory is shared with anybody");
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (statement, place) in [
        ("UPDATE jobs SET status = 'lost'", "jobs.status: \"lost\""),
        ("UPDATE events SET class = 'job.news'", "events.class: \"job.news\""),
        ("UPDATE jobs SET attempt = -1", "a column: "),
    ] {
        let path = folder.path().join("store");
        let mut store = open(&path);
        store.write(&one(vec![job(1), event(1, 1, "{}")])).unwrap();
        drop(store);
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(statement).unwrap();
        drop(connection);
        let mut store = open(&path);
        let load = Load { session: SessionKey::from_raw(1), job: JobKey::from_raw(1), from: 1, count: 1 };
        let refused = store.snapshot().map(drop).and_then(|()| store.load(&load).map(drop)).unwrap_err();
        let named = format!("Damaged: {}: {place}", path.display());
        assert!(refused.to_string().starts_with(&named), "{refused}");
        drop(store);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store"));
    store.write(&one(vec![job(1), event(1, 1, "{}")])).unwrap();
    let before = store.snapshot().unwrap();
    // No engine numbers two events alike.
    let refused = store.write(&one(vec![job(2), event(1, 1, "{}")])).unwrap_err();
    assert!(matches!(refused, StoreError::Sqlite { doing: "storing an event", .. }), "{refused}");
    assert_eq!(store.snapshot().unwrap(), before);
    store.write(&one(vec![event(1, 2, "{}")])).unwrap();
    assert_eq!(store.snapshot().unwrap().jobs[0].last, 2);
}

fn both(folder: &Path) -> [Box<dyn Store>; 2] {
    [Box::new(Memory::default()), Box::new(open(&folder.join("store")))]
}

#[test]
fn a_page_has_a_mebibyte_or_one_event() {
    let folder = tempfile::tempdir().unwrap();
    for mut store in both(folder.path()) {
        let small = "x".repeat(400 << 10);
        let large = "x".repeat((1 << 20) + 1);
        let exact = "x".repeat(624 << 10);
        let payloads = [&small, &exact, &small, &large, &small, &small, &small];
        let events = (1..).zip(payloads).map(|(number, payload)| event(1, number, payload.as_str()));
        store.write(&one(std::iter::once(job(1)).chain(events).collect())).unwrap();
        let mut load = |from, count| {
            let load = Load { session: SessionKey::from_raw(1), job: JobKey::from_raw(1), from, count };
            store.load(&load).unwrap().len()
        };
        assert_eq!(load(1, 100), 2, "exactly a mebibyte");
        assert_eq!(load(3, 100), 1);
        assert_eq!(load(4, 100), 1, "one at least");
        assert_eq!(load(5, 100), 2);
        assert_eq!((load(5, 1), load(5, 0), load(8, 5), load(0, 5), load(7, u64::MAX)), (1, 0, 0, 0, 1));
    }
}

#[test]
fn what_is_acked_forgotten_or_ended_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let session = SessionKey::from_raw(1);
    let run = |first, job, from, count| {
        Record::Told(session, Run { first, job: JobKey::from_raw(job), from, count })
    };
    let told = |snapshot: &Snapshot| -> Vec<_> {
        let (_, runs, next, _) = &snapshot.sessions[0];
        runs.iter()
            .map(|run| (run.first, run.job.raw(), run.from, run.count))
            .chain([(*next, 0, 0, 0)])
            .collect()
    };
    for mut store in both(folder.path()) {
        let opened = Record::Session(Box::new(ixt_arcp::runtime::StoredSession {
            key: session,
            id: "sess_1".into(),
            principal: "a".into(),
            token_hash: [1; 32],
            former_hash: None,
            features: vec!["ack".into()],
            dialect: "plain".into(),
        }));
        store.write(&one(vec![opened, job(2), job(3), run(1, 2, 1, 3), run(4, 2, 4, 2)])).unwrap();
        assert_eq!(told(&store.snapshot().unwrap()), [(1, 2, 1, 5), (6, 0, 0, 0)], "they are one run");
        store.write(&one(vec![run(6, 3, 1, 1), run(7, 2, 7, 1), Record::Acked(session, 3)])).unwrap();
        let (rest, next) = ([(6, 3, 1, 1), (7, 2, 7, 1)], (8, 0, 0, 0));
        assert_eq!(told(&store.snapshot().unwrap()), [(4, 2, 4, 2), rest[0], rest[1], next]);
        store.write(&one(vec![Record::Acked(session, 1)])).unwrap();
        assert_eq!(told(&store.snapshot().unwrap()).len(), 4, "a late ack takes nothing back");
        store.write(&one(vec![Record::Acked(session, 7)])).unwrap();
        assert_eq!(told(&store.snapshot().unwrap()), [next], "numbers go on");
        // An ack may stand before what it is about: of more runs than are kept the oldest are done with at once.
        store.write(&one(vec![Record::Acked(session, 9), run(8, 3, 2, 2), run(10, 2, 8, 2)])).unwrap();
        assert_eq!(told(&store.snapshot().unwrap()), [(10, 2, 8, 2), (12, 0, 0, 0)]);
        let follows = |job| Record::Follows(session, JobKey::from_raw(job), true);
        store.write(&one(vec![follows(2), follows(3), Record::Forgotten(JobKey::from_raw(2))])).unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.sessions[0].3, [JobKey::from_raw(3)]);
        store
            .write(&one(vec![Record::SessionEnded(session), Record::Forgotten(JobKey::from_raw(3))]))
            .unwrap();
        assert_eq!(store.snapshot().unwrap(), Snapshot::default());
    }
    // No row of any table is left, but that which says the version.
    let connection = rusqlite::Connection::open(folder.path().join("store")).unwrap();
    let tables = ["sessions", "told", "acked", "follows", "jobs", "events", "budgets", "keys", "credentials"];
    for table in tables {
        let rows: i64 =
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}
