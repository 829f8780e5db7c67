//! One stream, as either end uses it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use ixt_core::ErrorKind;
use ixt_core::connection::Key;
use ixt_core::flow::Outcome;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

use super::CallError;
use super::link::Link;

/// A stream of messages under credit: the caller's end, or the handler's.
///
/// All methods may be used from several tasks; messages of one task leave in its order. Dropped before it has ended,
/// the stream is cancelled (`consumerGone`).
pub struct Call {
    link: Arc<Link>,
    key: Key,
    kind: InteractionKind,
    /// Messages that were taken over from the connection, so that its lock is taken once for many.
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    messages: VecDeque<Vec<u8>>,
    /// Given to the application, and not yet told to the engine.
    consumed: u32,
}

impl Call {
    pub(crate) fn new(link: Arc<Link>, key: Key, kind: InteractionKind) -> Self {
        Self { link, key, kind, taken: Mutex::default() }
    }

    fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Result<Option<Vec<u8>>, Outcome>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Taken { messages, consumed } = &mut *taken;
        if messages.is_empty() {
            match self.link.poll_arrived(self.key, messages, std::mem::take(consumed), context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(outcome)) => return Poll::Ready(Err(outcome)),
            }
        }
        let message = messages.pop_front();
        *consumed += u32::from(message.is_some());
        // A step of the window is told at once, so that the peer need not wait for the rest to be read.
        if *consumed >= (self.link.window() / 4).max(1) {
            self.link.consume(self.key, std::mem::take(consumed));
        }
        Poll::Ready(Ok(message))
    }

    /// How many messages each side may send.
    #[must_use]
    pub fn kind(&self) -> InteractionKind {
        self.kind
    }

    /// Sends a message, when there is credit for it and room on the connection. Dropped while it waits, it loses no
    /// credit.
    ///
    /// # Errors
    /// How the stream ended, where it did; what the engine refuses.
    pub async fn send(&self, payload: impl AsRef<[u8]>) -> Result<(), CallError> {
        self.link.send(self.key, payload.as_ref()).await.map_err(|error| self.why(error))
    }

    /// Sends a message if that needs no waiting.
    ///
    /// # Errors
    /// `Refused` with `CreditExhausted` or `QueueFull` where it would have to wait; else as [`send`](Self::send).
    pub fn try_send(&self, payload: impl AsRef<[u8]>) -> Result<(), CallError> {
        self.link.try_send(self.key, payload.as_ref()).map_err(|error| self.why(error))
    }

    /// The next message; `None` once the other side has ended its direction in order. Taking a message counts as
    /// consuming it: the other side may send one more.
    ///
    /// # Errors
    /// How the stream ended, where it failed, was cancelled or passed its deadline. Messages that came before are
    /// given first.
    pub async fn recv(&self) -> Result<Option<Vec<u8>>, CallError> {
        let received = std::future::poll_fn(|context| self.poll_recv(context)).await;
        received.map_err(|outcome| CallError::of(&outcome).unwrap_or(CallError::NoAnswer))
    }

    /// The one message of a direction that carries exactly one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); `NoAnswer` where it ended without.
    pub async fn recv_one(&self) -> Result<Vec<u8>, CallError> {
        self.recv().await?.ok_or(CallError::NoAnswer)
    }

    /// Ends this direction in order.
    ///
    /// # Errors
    /// `MissingMessage` where one is still to be sent.
    pub fn close(&self) -> Result<(), CallError> {
        let closed = self.link.command(|engine| engine.close(self.key, CloseReason::Completed));
        closed.map(|_| ()).map_err(|error| self.why(error))
    }

    /// Sends the last message and ends this direction, in one go.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`close`](Self::close).
    pub async fn finish(&self, payload: impl AsRef<[u8]>) -> Result<(), CallError> {
        let payload = payload.as_ref();
        let sent = self.link.command(|engine| {
            engine.try_send(self.key, payload)?;
            engine.close(self.key, CloseReason::Completed)
        });
        match sent {
            Err(error) if matches!(error.kind(), ErrorKind::CreditExhausted | ErrorKind::QueueFull) => {
                self.send(payload).await?;
                self.close()
            }
            other => other.map(|_| ()).map_err(|error| self.why(error)),
        }
    }

    /// Ends the stream as failed; messages that have not left are dropped. Nothing happens where it has ended.
    pub fn fail(&self, code: StreamErrorCode, message: &str, details: &[u8]) {
        let message = cut(message);
        let failed = self.link.command(|engine| engine.fail(self.key, code, &message, details));
        if failed.is_err() {
            // The details are too large: the failure itself is told in any case.
            let _ = self.link.command(|engine| engine.fail(self.key, code, &message, &[]));
        }
    }

    /// Ends the stream as cancelled; messages that have not left are dropped. Nothing happens where it has ended.
    pub fn cancel(&self, reason: CancelReason, message: &str) {
        let message = cut(message);
        let _ = self.link.command(|engine| engine.cancel(self.key, reason, &message));
    }

    /// Waits until the stream has ended, and gives how: `None` where the connection let it go without.
    pub async fn ended(&self) -> Option<Outcome> {
        std::future::poll_fn(|context| self.link.poll_ended(self.key, context)).await
    }

    /// How the stream ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.link.outcome(self.key)
    }

    /// What to say where the engine says that the stream has ended.
    fn why(&self, error: ixt_core::Error) -> CallError {
        if error.kind() == ErrorKind::StreamEnded
            && let Some(why) = self.outcome().as_ref().and_then(CallError::of)
        {
            return why;
        }
        error.into()
    }
}

/// At most 4 KiB, cut between characters, and without NULs.
fn cut(message: &str) -> String {
    let mut text: String = message.chars().filter(|c| *c != '\0').collect();
    let mut end = text.len().min(ixt_core::wire::MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl Drop for Call {
    fn drop(&mut self) {
        let key = self.key;
        // Nothing happens where it has ended already.
        let _ = self.link.command(|engine| engine.cancel(key, CancelReason::ConsumerGone, ""));
        self.link.forget(key);
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("key", &self.key).field("kind", &self.kind).finish_non_exhaustive()
    }
}
