//! Where encoded frames go.

use tokio::sync::mpsc::UnboundedSender;

/// The transport that would take the frames is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frame sink is closed")]
pub struct SinkClosed;

/// Where a stream puts its encoded frames, one whole frame a call, in wire order.
///
/// It is called under the stream's lock: it must not block and must not call the stream. A queue is the
/// usual sink; credit bounds what a stream can have in it. Frames of several streams may share one sink.
pub trait FrameSink: Send + Sync + 'static {
    /// Takes one encoded frame (transferred).
    ///
    /// # Errors
    /// [`SinkClosed`] when nothing can be sent any more.
    fn send(&self, frame: Vec<u8>) -> Result<(), SinkClosed>;
}

/// A queue that a writer task drains.
impl FrameSink for UnboundedSender<Vec<u8>> {
    fn send(&self, frame: Vec<u8>) -> Result<(), SinkClosed> {
        UnboundedSender::send(self, frame).map_err(|_| SinkClosed)
    }
}

impl<F> FrameSink for F
where
    F: Fn(Vec<u8>) -> Result<(), SinkClosed> + Send + Sync + 'static,
{
    fn send(&self, frame: Vec<u8>) -> Result<(), SinkClosed> {
        self(frame)
    }
}
