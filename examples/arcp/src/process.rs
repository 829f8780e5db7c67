//! The other processes of the demo.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Done;

/// How long a process may take to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// This program in another role. Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Done<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("a process without output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// A runtime on this store, and its URL.
    pub(crate) async fn runtime(store: &Path) -> Done<(Self, String)> {
        let mut runtime = Self::start(&["runtime", store.to_str().ok_or("a path that is no text")?])?;
        let url = runtime.line().await?;
        Ok((runtime, url))
    }

    /// The next line that it prints.
    pub(crate) async fn line(&mut self) -> Done<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        Ok(line.map_err(|_| "a process says nothing")??.ok_or("a process ended before it said all")?)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// `kill -9`, and the name of the signal that it died of.
    pub(crate) async fn kill(mut self) -> Done<String> {
        self.child.kill().await?;
        Ok(self.child.wait().await?.to_string())
    }

    /// Waits until it has ended by itself; whether all was right.
    pub(crate) async fn ended(mut self) -> Done<bool> {
        Ok(tokio::time::timeout(PATIENCE, self.child.wait()).await??.success())
    }
}
