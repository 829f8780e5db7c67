//! A runtime that is a child process: frames on its standard input and output (ARCP §4).

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

use super::transport::{Transport, TransportError};

/// How long a child may take to end once its input has.
const GRACE: Duration = Duration::from_secs(5);

impl Transport {
    /// Starts a command, and speaks with it a frame a line by its standard input and output. What it writes to standard
    /// error goes where this process's does, unless the command says otherwise.
    ///
    /// When the connection is over the child's input ends, and a child that has not ended five seconds after that is
    /// killed; where tokio ends earlier, at once.
    ///
    /// # Errors
    /// A command that cannot be started.
    pub fn spawn(mut command: Command) -> Result<Self, TransportError> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        };
        let (open, over) = oneshot::channel();
        tokio::spawn(see_out(child, over));
        Ok(Self::lines(stdout, Input { stdin, _open: open }))
    }
}

/// Waits for the end of the child, which nobody else does, and brings it about where it is due.
async fn see_out(mut child: Child, over: oneshot::Receiver<()>) {
    tokio::select! {
        _ = child.wait() => return,
        _ = over => {}
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// A child's standard input. Dropped, it says that the connection is over.
struct Input {
    stdin: ChildStdin,
    _open: oneshot::Sender<()>,
}

impl AsyncWrite for Input {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}
