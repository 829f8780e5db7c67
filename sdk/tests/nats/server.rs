//! A real nats-server, as a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

/// What `make nats` has built, or what `NATS_SERVER` names.
fn program() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../build/nats-server");
    let path = PathBuf::from(std::env::var("NATS_SERVER").unwrap_or_else(|_| built.to_owned()));
    assert!(
        path.exists(),
        "no nats-server at {}: `make nats` builds it, or NATS_SERVER names one",
        path.display()
    );
    path
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with("", &[])
    }

    /// With lines of configuration, and what stands in its environment.
    pub(crate) fn with(config: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        let (child, port) = begin(&folder, -1, environment);
        Self { child, port, folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again, on the same port.
    pub(crate) fn start_again(&mut self) {
        self.child = begin(&self.folder, self.port.into(), &[]).0;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn begin(folder: &tempfile::TempDir, port: i32, environment: &[(&str, &str)]) -> (Child, u16) {
    let mut child = Command::new(program())
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-c"])
        .arg(folder.path().join("nats.conf"))
        .envs(environment.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut port = None;
    let port = loop {
        let line = said.next().expect("it ended").unwrap();
        if let Some((_, at)) = line.split_once("Listening for client connections on ") {
            port = at.rsplit_once(':').unwrap().1.parse().ok();
        }
        if line.contains("Server is ready") {
            break port.unwrap();
        }
    };
    // What it says is read on, lest it waits to be read.
    std::thread::spawn(move || said.for_each(drop));
    (child, port)
}
