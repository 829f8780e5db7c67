//! The sending side of a stream.

use std::sync::Arc;

use ixt_core::Limits;
use ixt_core::flow::{Config, Effect, Stream, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, Frame, StreamErrorCode, StreamId};

use crate::shared::Shared;
use crate::{FrameSink, SendError};

/// Sends messages of one stream under credit.
///
/// Clones share the stream; any of them may be used from any task or thread. In a direction that carries
/// exactly one message, sending it closes the direction too.
#[derive(Clone)]
pub struct StreamSender {
    shared: Arc<Shared>,
    id: StreamId,
}

impl StreamSender {
    /// A sender of a stream that is open already, for who routes frames by hand: hand it the peer's
    /// grants by [`grant_credit`](Self::grant_credit).
    pub fn new(id: StreamId, credit: u32, sink: impl FrameSink) -> Self {
        let limits = Limits::DEFAULT;
        let stream = Stream::sender(id, credit, Config::default().with_limits(limits));
        Self::over(Shared::new(stream, Arc::new(sink), limits), id)
    }

    pub(crate) fn over(shared: Arc<Shared>, id: StreamId) -> Self {
        Self { shared, id }
    }

    /// The stream's id.
    #[must_use]
    pub fn stream_id(&self) -> StreamId {
        self.id
    }

    /// Credit that is free now, in data frames.
    #[must_use]
    pub fn credit(&self) -> u32 {
        self.shared.lock().stream.state().credit
    }

    /// Sends one message, waiting for credit if there is none; those who wait are served in order.
    ///
    /// What is kept is the order of credit. Two tasks that got theirs by one grant may put their messages on the
    /// wire in either order: each sends when it runs, so that one that is not polled, or gives up, holds
    /// nobody up. A task that awaits each send has its messages in its own order.
    ///
    /// Dropping the future gives its place up and loses no credit.
    ///
    /// # Errors
    /// `FrameTooLarge` and `TooManyMessages` at once; [`SendError::Ended`] when the stream has ended or
    /// ends meanwhile.
    pub async fn send_data(&self, payload: &[u8]) -> Result<(), SendError> {
        match self.try_send_data(payload) {
            Err(error) if error.kind() == ixt_core::ErrorKind::CreditExhausted => {}
            done => return done,
        }
        let (ticket, told) = self.shared.wait()?;
        let place = Place { shared: &self.shared, ticket };
        // Whether it was told, or its stream ended, the engine knows.
        let _ = self.shared.or_deadline(told).await;
        let sent = self.shared.send(payload, Some(ticket));
        drop(place);
        sent
    }

    /// Sends one message if there is credit that nobody waits for.
    ///
    /// # Errors
    /// In this order: [`SendError::Ended`], `FrameTooLarge`, `TooManyMessages`, `CreditExhausted`;
    /// nothing changes then.
    pub fn try_send_data(&self, payload: &[u8]) -> Result<(), SendError> {
        self.shared.send(payload, None)
    }

    /// Takes a grant of the peer: the `frames` of its credit frame.
    ///
    /// # Errors
    /// [`SendError::SinkClosed`], where a wrong grant (0, or past 2^31 − 1) fails the stream and its
    /// error frame cannot be sent.
    pub fn grant_credit(&self, frames: u32) -> Result<(), SendError> {
        Ok(self.shared.receive(Frame::credit(self.id, frames))?)
    }

    /// Ends this direction in order.
    ///
    /// # Errors
    /// `MissingMessage` where the kind demands a message.
    pub fn close(&self, reason: CloseReason) -> Result<Effect, SendError> {
        self.shared.command(|stream| stream.close(reason))
    }

    /// Ends the stream as cancelled.
    ///
    /// # Errors
    /// `MessageTextTooLong`, `BadText`.
    pub fn cancel(&self, reason: CancelReason, message: &str) -> Result<Effect, SendError> {
        self.shared.command(|stream| stream.cancel(reason, message))
    }

    /// Ends the stream as failed.
    ///
    /// # Errors
    /// `MessageTextTooLong`, `BadText`.
    pub fn error(&self, code: StreamErrorCode, message: &str, details: &[u8]) -> Result<Effect, SendError> {
        self.shared.command(|stream| stream.fail(code, message, details))
    }
}

/// A place in the queue for credit, given up when it goes out of scope. A spent one is no matter.
struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.drop_ticket(self.ticket);
    }
}
