//! The end of a stream that is in the host.

use ixt_core::Limits;
use ixt_core::flow::{Config, Stream};
use ixt_core::stream::FrameRef;

use crate::looking::Look;
use crate::message::MAX_MESSAGE;

/// A stream whose one end is in the host.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) stream: Stream,
    pub(crate) purpose: Purpose,
}

/// What it is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// A module's stream to `ixt.host`.
    Module,
    /// A message for all who want the topic, with the context that they get.
    Broadcast { topic: String, context: Vec<u8> },
    /// Who is on the network.
    Look(Look),
}

impl Local {
    /// Takes the open of the peer.
    pub(crate) fn new(open: FrameRef<'_>, credit: u32, max_payload: usize, purpose: Purpose) -> Self {
        let config = Config::default()
            .with_limits(Limits::with_max_payload(max_payload))
            .with_window(credit.max(1))
            .with_agreed_credit(credit);
        let mut stream = Stream::responder(config);
        let _ = stream.receive(open);
        Self { stream, purpose }
    }
}

/// The largest payload on a stream to `ixt.host`.
pub(crate) const MAX_PAYLOAD: usize = MAX_MESSAGE;
