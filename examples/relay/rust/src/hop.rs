//! The hop without its sockets: a responder upstream, an opener downstream, and what passes between.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use ixt::core::flow::{Config, Event, Half, Received, Stream};
use ixt::core::stream::{Open, frames};
use ixt::{FrameRef, InvocationContext, Limits, StreamFrame, StreamId, Subject};

use crate::stats::Stats;

/// Why the relay cannot go on, in one line that begins with the kind.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// One of the two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Up,
    Down,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Up { "upstream" } else { "downstream" })
    }
}

/// The two ends, and the bytes that are to leave.
pub(crate) struct Hop {
    up: Stream,
    down: Option<Stream>,
    out: Vec<(Side, Vec<u8>)>,
    stats: Stats,
}

impl Hop {
    pub(crate) fn new() -> Self {
        Self {
            up: Stream::responder(Config::default()),
            down: None,
            out: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Takes the whole frames at the front of `bytes` and leaves what is not whole yet.
    pub(crate) fn take(&mut self, side: Side, bytes: &mut Vec<u8>) -> Result<(), Failed> {
        let mut batch = frames(bytes, Limits::DEFAULT);
        for frame in &mut batch {
            let (_, frame) = frame.map_err(|error| Failed(format!("{error} of a frame from {side}")))?;
            self.pass(side, frame)?;
        }
        let consumed = batch.consumed();
        bytes.drain(..consumed);
        Ok(())
    }

    /// Whether both ends have ended, in order or not; an end out of order is an error in `pass`.
    pub(crate) fn has_ended(&self) -> bool {
        self.up.has_ended() && self.down.as_ref().is_some_and(Stream::has_ended)
    }

    pub(crate) fn take_output(&mut self) -> Vec<(Side, Vec<u8>)> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn stats(&self) -> String {
        self.stats.line()
    }

    /// One frame in: through the end that it reached, and out of the other one.
    fn pass(&mut self, side: Side, frame: FrameRef<'_>) -> Result<(), Failed> {
        let received = match side {
            Side::Up => self.up.receive(frame),
            Side::Down => self.downstream()?.receive(frame),
        };
        match received {
            Received::Opened(open) => self.open(frame.stream_id, open)?,
            Received::Data(data) => {
                let sent = match side {
                    Side::Up => self.downstream()?.try_send(data.payload)?,
                    Side::Down => self.up.try_send(data.payload)?,
                };
                self.put(other(side), sent)?;
            }
            Received::Done | Received::Ignored => {}
        }
        self.drain(side)?;
        self.drain(other(side))?;
        let (credit, open) = self.down.as_ref().map_or((0, false), |down| {
            let state = down.state();
            (state.credit, state.sender == Half::Open)
        });
        self.stats.credit(credit, open);
        Ok(())
    }

    /// Decodes the context, checks the caller, and opens downstream with the context encoded again.
    fn open(&mut self, id: StreamId, open: Open<&[u8]>) -> Result<(), Failed> {
        let context = InvocationContext::decode(open.context)?;
        check(&context)?;
        let again = context.encode();
        let mut down = Stream::opener(open.interaction, Config::default());
        let frame = down.open(id, open.initial_credit, &again)?;
        self.put(Side::Down, frame)?;
        self.down = Some(down);
        Ok(())
    }

    /// Events of one end become commands at the other; then what it has to say leaves.
    fn drain(&mut self, side: Side) -> Result<(), Failed> {
        while let Some(event) = self.end(side)?.poll_event() {
            let beyond = self.end(other(side))?;
            match event {
                Event::Credit(frames) => beyond.grant(frames)?,
                Event::Closed(reason) => {
                    beyond.close(reason)?;
                }
                Event::Failed(failure) => {
                    beyond.fail(failure.code, &failure.message, &failure.details)?;
                    return Err(Failed(format!(
                        "{}: the {side} stream failed: {}",
                        failure.code, failure.message
                    )));
                }
                Event::Cancelled(cancelled) => {
                    beyond.cancel(cancelled.reason, &cancelled.message)?;
                    return Err(Failed(format!("{}: the {side} stream was cancelled", cancelled.reason)));
                }
                Event::Violation(violation) => {
                    return Err(Failed(format!("{}: from {side}", violation.name())));
                }
                _ => {}
            }
        }
        for side in [Side::Up, Side::Down] {
            while let Some(frame) = self.poll(side) {
                self.put(side, frame.as_ref())?;
            }
        }
        Ok(())
    }

    fn poll(&mut self, side: Side) -> Option<StreamFrame> {
        match side {
            Side::Up => self.up.poll_transmit(),
            Side::Down => self.down.as_mut()?.poll_transmit(),
        }
    }

    fn put(&mut self, side: Side, frame: FrameRef<'_>) -> Result<(), Failed> {
        self.stats.sent(&frame.body, side == Side::Down);
        match self.out.last_mut() {
            Some((last, bytes)) if *last == side => frame.encode_into(bytes, Limits::DEFAULT)?,
            _ => {
                let mut bytes = Vec::new();
                frame.encode_into(&mut bytes, Limits::DEFAULT)?;
                self.out.push((side, bytes));
            }
        }
        Ok(())
    }

    fn end(&mut self, side: Side) -> Result<&mut Stream, Failed> {
        match side {
            Side::Up => Ok(&mut self.up),
            Side::Down => self.downstream(),
        }
    }

    fn downstream(&mut self) -> Result<&mut Stream, Failed> {
        self.down.as_mut().ok_or_else(|| Failed("NotOpen: a frame came before the open".to_owned()))
    }
}

/// What every hop asks of the caller.
fn check(context: &InvocationContext) -> Result<(), Failed> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now_ms = u64::try_from(now.as_millis())?;
    let fault = if !matches!(context.actor().subject(), Subject::Operator(_)) {
        "the caller is no operator"
    } else if !context.actor().has_capability("relay.stream") {
        "the caller may not relay"
    } else if context.deadline_elapsed(now_ms) {
        "the deadline has passed"
    } else if context.metadata_value("tenant").is_none() {
        "no tenant is named"
    } else {
        return Ok(());
    };
    Err(Failed(format!("permissionDenied: {fault}")))
}

fn other(side: Side) -> Side {
    match side {
        Side::Up => Side::Down,
        Side::Down => Side::Up,
    }
}
