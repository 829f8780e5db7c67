//! One stream, its sink and those who wait, behind one lock.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ixt_core::flow::{Effect, Event, Outcome, Received, Stream, Ticket};
use ixt_core::stream::{CloseReason, FrameRef};
use ixt_core::{Error, ErrorKind, Limits};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::sync::{Mutex, MutexGuard};
use crate::{FrameSink, SendError, SinkClosed};

/// What the sender and the handle of a stream share.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    sink: Arc<dyn FrameSink>,
    limits: Limits,
    /// Told whenever a message has come or the stream has ended.
    arrival: Notify,
    /// The context's deadline, turned once into the monotonic clock, and as the engine knows it.
    deadline: Option<(Instant, u64)>,
}

/// What the lock guards.
pub(crate) struct Inner {
    pub(crate) stream: Stream,
    pub(crate) arrived: VecDeque<Vec<u8>>,
    /// The peer's close, once it has come.
    pub(crate) closed: Option<CloseReason>,
    waiters: HashMap<Ticket, oneshot::Sender<()>>,
}

impl Shared {
    pub(crate) fn new(stream: Stream, sink: Arc<dyn FrameSink>, limits: Limits) -> Arc<Self> {
        let deadline = stream.next_timeout().map(|at_ms| {
            let left = Duration::from_millis(at_ms.saturating_sub(unix_now_ms()));
            (Instant::now() + left, at_ms)
        });
        let inner = Inner { stream, arrived: VecDeque::new(), closed: None, waiters: HashMap::new() };
        Arc::new(Self { inner: Mutex::new(inner), sink, limits, arrival: Notify::new(), deadline })
    }

    /// The state, whatever a panic elsewhere left: the engine changes nothing before it has checked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a command of the application and drains what it caused.
    pub(crate) fn command(
        &self,
        run: impl FnOnce(&mut Stream) -> Result<Effect, Error>,
    ) -> Result<Effect, SendError> {
        let mut inner = self.lock();
        let effect = run(&mut inner.stream)?;
        self.drain(&mut inner)?;
        Ok(effect)
    }

    /// Takes a frame of the peer and drains what it caused.
    pub(crate) fn receive(&self, frame: FrameRef<'_>) -> Result<(), SinkClosed> {
        let mut inner = self.lock();
        if let Received::Data(data) = inner.stream.receive(frame) {
            inner.arrived.push_back(data.payload.to_vec());
            self.arrival.notify_one();
        }
        self.drain(&mut inner)
    }

    /// Sends one payload by a free credit, or by that of a ticket.
    pub(crate) fn send(&self, payload: &[u8], ticket: Option<Ticket>) -> Result<(), SendError> {
        let mut inner = self.lock();
        let sent = match ticket {
            None => inner.stream.try_send(payload),
            Some(ticket) => inner.stream.send_with(ticket, payload),
        };
        let frame = sent.map_err(|error| inner.ended_or(error))?;
        self.put(frame)?;
        if inner.stream.sends_exactly_one() {
            // There is nothing more to send, and the message is there, so this cannot be refused.
            inner.stream.close(CloseReason::Completed)?;
            self.drain(&mut inner)?;
        }
        Ok(())
    }

    /// Queues for a credit; the receiver is told once the ticket is ready, and dropped if the stream
    /// goes first.
    pub(crate) fn wait(&self) -> Result<(Ticket, oneshot::Receiver<()>), SendError> {
        let mut inner = self.lock();
        let ticket = inner.stream.wait().map_err(|error| inner.ended_or(error))?;
        let (tell, told) = oneshot::channel();
        inner.waiters.insert(ticket, tell);
        self.drain(&mut inner)?;
        Ok((ticket, told))
    }

    /// Gives a ticket up; its credit, if it has one, passes on.
    pub(crate) fn drop_ticket(&self, ticket: Ticket) {
        let mut inner = self.lock();
        inner.waiters.remove(&ticket);
        inner.stream.drop_ticket(ticket);
        // A sink that is gone is told to whoever sends next.
        let _ = self.drain(&mut inner);
    }

    /// Puts the open, the first frame of all.
    pub(crate) fn send_open(&self, frame: Vec<u8>) -> Result<(), SinkClosed> {
        self.sink.send(frame)
    }

    /// Wakes one who receives.
    pub(crate) fn notify_next(&self) {
        self.arrival.notify_one();
    }

    /// Waits until a message has come or the stream has ended, or ends it at its deadline.
    pub(crate) async fn arrival(&self) {
        self.or_deadline(self.arrival.notified()).await;
    }

    /// Waits for `event`, or ends the stream at its deadline, which then causes the event.
    pub(crate) async fn or_deadline<T>(&self, event: impl Future<Output = T>) -> Option<T> {
        let Some((at, at_ms)) = self.deadline else {
            return Some(event.await);
        };
        match tokio::time::timeout_at(at, event).await {
            Ok(done) => Some(done),
            Err(_) => {
                let mut inner = self.lock();
                inner.stream.handle_timeout(at_ms);
                let _ = self.drain(&mut inner);
                None
            }
        }
    }

    /// Frames to the sink, events to those who wait.
    pub(crate) fn drain(&self, inner: &mut Inner) -> Result<(), SinkClosed> {
        while let Some(event) = inner.stream.poll_event() {
            match event {
                Event::Ready(ticket) => {
                    if let Some(waiter) = inner.waiters.remove(&ticket) {
                        // One who has given up drops its ticket by itself.
                        let _ = waiter.send(());
                    }
                }
                Event::Ended(ticket) => {
                    inner.waiters.remove(&ticket);
                }
                Event::Closed(reason) => {
                    inner.closed = Some(reason);
                    self.arrival.notify_one();
                }
                Event::Failed(_) | Event::Cancelled(_) => self.arrival.notify_one(),
                _ => {}
            }
        }
        if inner.stream.has_ended() {
            self.arrival.notify_one();
        }
        while let Some(frame) = inner.stream.poll_transmit() {
            self.put(frame.as_ref())?;
        }
        Ok(())
    }

    /// Encodes a frame of the engine. Its limits were checked, so only the sink can refuse it.
    pub(crate) fn put(&self, frame: FrameRef<'_>) -> Result<(), SinkClosed> {
        let mut bytes = Vec::new();
        frame.encode_into(&mut bytes, self.limits).map_err(|_| SinkClosed)?;
        self.sink.send(bytes)
    }
}

impl Inner {
    /// The error of a send; one after the end tells the outcome.
    fn ended_or(&self, error: Error) -> SendError {
        match error.kind() {
            ErrorKind::StreamEnded => SendError::Ended(self.stream.outcome().cloned()),
            _ => SendError::Refused(error),
        }
    }

    /// How the stream ended, where it did not end in order.
    pub(crate) fn broken(&self) -> Option<Outcome> {
        self.stream.outcome().filter(|outcome| !matches!(outcome, Outcome::Completed(_))).cloned()
    }
}

pub(crate) fn unix_now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
