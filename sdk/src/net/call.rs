//! One stream, as either end uses it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use ixt_core::ErrorKind;
use ixt_core::connection::Key;
use ixt_core::flow::Outcome;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

use super::CallError;
use super::arrived::Taken;
use super::link::{Link, must_wait};
use super::watch::Watch;

/// A stream of messages under credit: the caller's end, or the handler's.
///
/// All methods may be used from several tasks; messages of one task leave in its order. Dropped before it has ended,
/// the stream is cancelled (`consumerGone`).
pub struct Call {
    link: Arc<Link>,
    key: Key,
    kind: InteractionKind,
    /// Messages that were taken over from the connection, so that its lock is taken once for many.
    inbox: Mutex<Inbox>,
    /// Who is told how it went, until they are.
    watch: Option<Box<Mutex<Option<Watch>>>>,
}

#[derive(Default)]
struct Inbox {
    taken: Taken,
    /// Given to the application, and not yet told to the engine.
    consumed: u32,
}

impl Call {
    pub(crate) fn new(link: Arc<Link>, key: Key, kind: InteractionKind) -> Self {
        Self::watched(link, key, kind, None)
    }

    pub(crate) fn watched(link: Arc<Link>, key: Key, kind: InteractionKind, watch: Option<Watch>) -> Self {
        let watch = watch.map(|watch| Box::new(Mutex::new(Some(watch))));
        Self { link, key, kind, inbox: Mutex::default(), watch }
    }

    /// Tells how the call went, once.
    fn tell(&self, result: impl FnOnce() -> Result<(), CallError>) {
        if let Some(watch) = &self.watch {
            let watch = watch.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(watch) = watch {
                watch.tell(&result());
            }
        }
    }

    /// Takes messages out of those that have arrived, and says how many these are.
    fn poll_take<T>(
        &self,
        context: &mut Context<'_>,
        take: impl FnOnce(&mut Taken) -> T,
    ) -> Poll<Result<T, CallError>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let Inbox { taken, consumed } = &mut *inbox;
        if taken.is_empty() {
            match self.link.poll_arrived(self.key, taken, std::mem::take(consumed), context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(outcome)) => {
                    return Poll::Ready(Err(CallError::of(&outcome).unwrap_or(CallError::NoAnswer)));
                }
            }
        }
        let before = taken.len();
        let messages = take(taken);
        // No more than a window's worth of messages is ever here.
        *consumed += u32::try_from(before - taken.len()).unwrap_or(u32::MAX);
        // A step of the window is told at once, so that the peer need not wait for the rest to be read.
        if *consumed >= (self.link.window() / 4).max(1) {
            self.link.consume(self.key, std::mem::take(consumed));
        }
        Poll::Ready(Ok(messages))
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

    /// Sends messages in order, as [`send`](Self::send) does each. Cheaper than one by one where they are small and
    /// many. Dropped while it waits, it has sent some of them.
    ///
    /// # Errors
    /// As [`send`](Self::send); those before the one that failed were sent.
    pub async fn send_many<T: AsRef<[u8]>>(&self, payloads: &[T]) -> Result<(), CallError> {
        let mut rest = payloads;
        loop {
            let (sent, done) = self.link.try_send_many(self.key, rest);
            rest = rest.get(sent..).unwrap_or_default();
            match (done, rest.split_first()) {
                // One waits for its turn; by then there may be credit for others.
                (Err(error), Some((first, others))) if must_wait(&error) => {
                    self.send(first).await?;
                    rest = others;
                }
                (done, _) => return done.map_err(|error| self.why(error)),
            }
        }
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
    ///
    /// It shares its memory with those that came just before and after it: who keeps a small one for long copies it.
    pub async fn recv(&self) -> Result<Option<Bytes>, CallError> {
        let received = std::future::poll_fn(|context| self.poll_take(context, Iterator::next)).await;
        self.tell_received(received.as_ref().map(|message| usize::from(message.is_some())));
        received
    }

    /// Waits for a message, and appends all that have arrived to `into`; gives how many these are, and 0 once the other
    /// side has ended its direction in order. Cheaper than one by one where messages are small and many.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn recv_many(&self, into: &mut Vec<Bytes>) -> Result<usize, CallError> {
        let before = into.len();
        let taken = std::future::poll_fn(|context| self.poll_take(context, |taken| into.extend(taken))).await;
        let received = taken.map(|()| into.len() - before);
        self.tell_received(received.as_ref().copied());
        received
    }

    /// Tells how the call went, where so many messages, or none, or an error say it.
    fn tell_received(&self, received: Result<usize, &CallError>) {
        if self.watch.is_none() {
            return;
        }
        let is_last = matches!(self.kind, InteractionKind::Unary | InteractionKind::ClientStream);
        match received {
            Ok(0) => {
                if let Some(outcome) = self.outcome() {
                    self.tell(|| result(&outcome));
                }
            }
            // With its one answer the caller has all that it called for.
            Ok(_) if is_last => self.tell(|| Ok(())),
            Ok(_) => {}
            Err(error) => self.tell(|| Err(error.clone())),
        }
    }

    /// The one message of a direction that carries exactly one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); `NoAnswer` where it ended without.
    pub async fn recv_one(&self) -> Result<Bytes, CallError> {
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
            Err(error) if must_wait(&error) => {
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
        let outcome = std::future::poll_fn(|context| self.link.poll_ended(self.key, context)).await;
        if let Some(outcome) = &outcome {
            self.tell(|| result(outcome));
        }
        outcome
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

fn result(outcome: &Outcome) -> Result<(), CallError> {
    CallError::of(outcome).map_or(Ok(()), Err)
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
        self.tell(|| match self.outcome() {
            Some(outcome) => result(&outcome),
            None => Err(CallError::Cancelled {
                reason: CancelReason::ConsumerGone,
                message: String::new(),
                by_peer: false,
            }),
        });
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
