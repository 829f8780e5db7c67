//! A stream as its two ends see it: messages in, a sender out.

use std::sync::Arc;

use ixt_core::flow::{Config, Outcome, Received, State, Stream};
use ixt_core::invocation::InvocationContext;
use ixt_core::stream::{FrameBody, FrameRef, InteractionKind, Open, StreamId};
use ixt_core::{Error, ErrorKind, Limits};

use crate::shared::{Shared, unix_now_ms};
use crate::{FrameSink, RecvError, SinkClosed, StreamSender};

/// The settings of a stream's end.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Frames that the peer may have under way, 1 to 2^31 − 1. What has been received by
    /// [`StreamHandle::recv`] is granted again in steps of half a window.
    pub window: u32,
    /// The limits that both ends agreed on.
    pub limits: Limits,
}

impl Default for Settings {
    /// A window of 16 frames, payloads up to 1 MiB.
    fn default() -> Self {
        Self { window: 16, limits: Limits::DEFAULT }
    }
}

/// One end of a stream.
///
/// The transport hands it the peer's frames by [`feed`](Self::feed); the application takes messages by
/// [`recv`](Self::recv) and sends by its [`sender`](Self::sender).
pub struct StreamHandle {
    shared: Arc<Shared>,
    id: StreamId,
    kind: InteractionKind,
    context: InvocationContext,
}

impl StreamHandle {
    /// Opens a stream: sends the open with the whole window as the responder's first credit.
    ///
    /// # Errors
    /// `WindowOverflow`; [`SinkClosed`] as `StreamEnded`.
    pub fn open(
        id: StreamId,
        kind: InteractionKind,
        context: InvocationContext,
        settings: Settings,
        sink: impl FrameSink,
    ) -> Result<Self, crate::SendError> {
        let mut stream = Stream::opener(kind, config(settings));
        let bytes = context.encode();
        let open = stream.open(id, settings.window, &bytes)?;
        let mut frame = Vec::new();
        open.encode_into(&mut frame, settings.limits)?;
        let shared = Shared::new(stream, Arc::new(sink), settings.limits);
        shared.send_open(frame)?;
        Ok(Self { shared, id, kind, context })
    }

    /// Accepts a stream by its open frame, and grants the whole window.
    ///
    /// A deadline that has passed already ends the stream here: [`recv`](Self::recv) then gives the
    /// outcome at once.
    ///
    /// # Errors
    /// `InvalidArgument` where the frame is no open or breaks a rule; the kind of refusal where its
    /// context does not decode. The error frame that answers it has been put into the sink.
    pub fn from_open(frame: FrameRef<'_>, settings: Settings, sink: impl FrameSink) -> Result<Self, Error> {
        let mut stream = Stream::responder(config(settings));
        let opened = match stream.receive(frame) {
            Received::Opened(open) => Some(open),
            _ => None,
        };
        stream.handle_timeout(unix_now_ms());
        let shared = Shared::new(stream, Arc::new(sink), settings.limits);
        // A sink that is gone shows at the first send.
        let _ = shared.drain(&mut shared.lock());
        let Some(Open { interaction, context, .. }) = opened else {
            if let FrameBody::Open(open) = frame.body {
                InvocationContext::decode(open.context)?;
            }
            return Err(Error::new(ErrorKind::InvalidArgument).in_field("open"));
        };
        let context = InvocationContext::decode(context)?;
        Ok(Self { shared, id: frame.stream_id, kind: interaction, context })
    }

    /// The stream's id.
    #[must_use]
    pub fn stream_id(&self) -> StreamId {
        self.id
    }

    /// The interaction kind.
    #[must_use]
    pub fn kind(&self) -> InteractionKind {
        self.kind
    }

    /// The context that the stream was opened with.
    #[must_use]
    pub fn context(&self) -> &InvocationContext {
        &self.context
    }

    /// The sender of this end's direction.
    #[must_use]
    pub fn sender(&self) -> StreamSender {
        StreamSender::over(Arc::clone(&self.shared), self.id)
    }

    /// Takes a frame of the peer, whichever kind it is. Never blocks; what it may queue is bounded by
    /// the window.
    ///
    /// # Errors
    /// [`SinkClosed`] where a frame in answer could not be sent.
    pub fn feed(&self, frame: FrameRef<'_>) -> Result<(), SinkClosed> {
        self.shared.receive(frame)
    }

    /// The next message; `None` once the peer's direction has ended in order. Taking a message counts
    /// as consuming it.
    ///
    /// # Errors
    /// [`RecvError`] when the stream failed, was cancelled or passed its deadline. Messages that came
    /// before are given first.
    pub async fn recv(&self) -> Result<Option<Vec<u8>>, RecvError> {
        loop {
            {
                let mut inner = self.shared.lock();
                if let Some(payload) = inner.arrived.pop_front() {
                    // What was delivered is being consumed, so this cannot be refused.
                    let _ = inner.stream.consume(1);
                    let _ = self.shared.drain(&mut inner);
                    // One notice may stand for several messages: pass it on to who else receives.
                    self.shared.notify_next();
                    return Ok(Some(payload));
                }
                let broken = inner.broken();
                if broken.is_some() || inner.closed.is_some() || inner.stream.has_ended() {
                    self.shared.notify_next();
                    return broken.map_or(Ok(None), |outcome| Err(RecvError(outcome)));
                }
            }
            self.shared.arrival().await;
        }
    }

    /// How the stream ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.lock().stream.outcome().cloned()
    }

    /// The halves and the counters.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.lock().stream.state()
    }
}

fn config(settings: Settings) -> Config {
    Config::default().with_limits(settings.limits).with_window(settings.window)
}
