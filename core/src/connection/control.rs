//! The two control streams: the one that this end opened, on which it speaks, and the peer's, on which it
//! answers (specification 24, "Control streams").

use super::message::{MAX_MESSAGE, Message};
use super::{EndReason, Settings};
use crate::flow::{self, Event, Received, Stream};
use crate::invocation::{ContextRef, InvocationContext, Target};
use crate::stream::{FrameBody, FrameRef, InteractionKind, StreamId};
use crate::wire::{Limits, Result};

/// The service that a control stream is opened to.
pub const SERVICE: &str = "ixt.connection";

/// What both ends may send on a control stream before the first grant, and its window: the protocol fixes it,
/// so that nothing waits for a round trip before the hellos have passed.
const CREDIT: u32 = 16;

#[derive(Debug)]
pub(super) struct Control {
    own: Stream,
    theirs: Option<Stream>,
    /// The number of the ping that is under way, and when it left, in microseconds.
    ping: Option<(u64, u64)>,
    next_ping: u64,
}

/// What a frame of a control stream comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// Nothing that concerns the connection.
    Nothing,
    Hello(Settings, String),
    /// A pong to the ping that left at this time.
    Pong(u64),
    GoingAway {
        reason: EndReason,
        grace_ms: u32,
        message: String,
    },
}

/// A control stream that is not as it must be ends the connection.
#[derive(Debug, PartialEq)]
pub(super) struct Broken(pub(super) String);

fn config() -> flow::Config {
    flow::Config::default()
        .with_limits(Limits::with_max_payload(MAX_MESSAGE))
        .with_window(CREDIT)
        .with_agreed_credit(CREDIT)
}

impl Control {
    /// Opens the own stream and says hello: the first frames that leave.
    pub(super) fn new(id: StreamId, hello: Message, out: &mut Vec<u8>) -> Result<Self> {
        let context = InvocationContext::builder().target(Target::Service(SERVICE.into())).build()?.encode();
        let mut own = Stream::opener(InteractionKind::BidiStream, config());
        own.open(id, CREDIT, &context)?.encode_into(out, Limits::DEFAULT)?;
        let mut control = Self { own, theirs: None, ping: None, next_ping: 1 };
        control.say(&hello, out);
        Ok(control)
    }

    /// Whether the stream with this id is one of the two.
    pub(super) fn has(&self, id: StreamId) -> bool {
        self.own.id() == Some(id) || self.theirs.as_ref().is_some_and(|theirs| theirs.id() == Some(id))
    }

    /// Says something on the own stream. Without credit it is not said: the peer reads nothing then.
    pub(super) fn say(&mut self, message: &Message, out: &mut Vec<u8>) {
        let payload = message.encode();
        if let Ok(frame) = self.own.try_send(&payload) {
            // It is within every limit, so it encodes.
            let _ = frame.encode_into(out, Limits::DEFAULT);
        }
    }

    /// Sends a ping unless one is under way.
    pub(super) fn ping(&mut self, now_us: u64, out: &mut Vec<u8>) {
        if self.ping.is_none() {
            self.ping = Some((self.next_ping, now_us));
            self.say(&Message::Ping(self.next_ping), out);
            self.next_ping += 1;
        }
    }

    /// Takes the peer's first frame, which must open its control stream.
    pub(super) fn begin(&mut self, frame: FrameRef<'_>) -> Result<(), Broken> {
        let FrameBody::Open(open) = frame.body else {
            return Err(Broken("the first frame is not an open".into()));
        };
        let to = ContextRef::decode(open.context).map(|context| context.target() == Target::Service(SERVICE));
        if to != Ok(true) || open.interaction != InteractionKind::BidiStream {
            return Err(Broken(format!("the first stream is not a bidi stream to {SERVICE}")));
        }
        if self.own.id() == Some(frame.stream_id) {
            return Err(Broken("both control streams have the same id".into()));
        }
        let mut theirs = Stream::responder(config());
        let _ = theirs.receive(frame);
        self.theirs = Some(theirs);
        Ok(())
    }

    pub(super) fn has_begun(&self) -> bool {
        self.theirs.is_some()
    }

    /// Takes a frame of one of the two streams. What it answers goes to `out`.
    pub(super) fn receive(&mut self, frame: FrameRef<'_>, out: &mut Vec<u8>) -> Result<Said, Broken> {
        let on_own = self.own.id() == Some(frame.stream_id);
        let stream = match (on_own, &mut self.theirs) {
            (false, Some(theirs)) => theirs,
            _ => &mut self.own,
        };
        let heard = match stream.receive(frame) {
            Received::Data(data) => {
                // What is heard is done with at once.
                let _ = stream.consume(1);
                let broken = |error| Broken(format!("on a control stream: {error}"));
                Some(Message::decode(data.payload).map_err(broken)?)
            }
            _ => None,
        };
        let mut answer = None;
        let said = match heard {
            None | Some(Message::Unknown) => Said::Nothing,
            Some(Message::Pong(number)) if on_own => match self.ping.take_if(|(sent, _)| *sent == number) {
                Some((_, at)) => Said::Pong(at),
                None => Said::Nothing,
            },
            Some(_) if on_own => return Err(Broken("only a pong answers on a control stream".into())),
            Some(Message::Ping(number)) => {
                answer = Some(Message::Pong(number).encode());
                Said::Nothing
            }
            Some(Message::Hello(settings, software)) if stream.received() == 1 => {
                Said::Hello(settings, software)
            }
            Some(Message::Hello(..)) => return Err(Broken("a second hello".into())),
            Some(Message::GoingAway { reason, grace_ms, message }) => {
                Said::GoingAway { reason, grace_ms, message }
            }
            Some(Message::Pong(_)) => return Err(Broken("a pong to nothing".into())),
        };
        if let Some(payload) = answer
            && let Ok(pong) = stream.try_send(&payload)
        {
            let _ = pong.encode_into(out, Limits::DEFAULT);
        }
        while let Some(event) = stream.poll_event() {
            if matches!(event, Event::Closed(_) | Event::Failed(_) | Event::Cancelled(_)) {
                return Err(Broken("a control stream ended".into()));
            }
        }
        while let Some(frame) = stream.poll_transmit() {
            let _ = frame.encode_into(out, Limits::DEFAULT);
        }
        Ok(said)
    }
}
