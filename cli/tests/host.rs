//! `ixt host` as a process.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A second; without the option it is ten, before a hello.
#[test]
fn a_silent_peer_is_dropped_when_it_was_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.sock");
    let url = format!("unix://{}", path.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ixt"));
    let _host = Running(command.args(["host", "--idle", "1", &url]).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    let mut silent = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) if begun.elapsed() < Duration::from_secs(10) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("{error}"),
        }
    };
    let connected = Instant::now();
    silent.read_to_end(&mut Vec::new()).unwrap();
    let dropped = connected.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(8)).contains(&dropped), "{dropped:?}");
}

#[test]
fn a_time_that_no_setting_can_hold_is_refused() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ixt"));
    let output = command.args(["host", "--idle", "4000001", "unix:///nowhere/host.sock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
