//! The trace form: one end of one stream, driven by hand (specification 20, "The trace form").

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::member::object;
use super::{FrameText, Hex, Named, read, write};
use crate::flow::{Config, Effect, Event, Received, State, Stream, Ticket};
use crate::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamFrame,
    StreamId, UnknownFrame,
};
use crate::wire::MAX_PAYLOAD;
use crate::{Error, ErrorKind, Limits, Result};

/// Runs traces: give it line by line.
///
/// ```
/// let mut trace = ixt_core::text::Trace::default();
/// assert_eq!(trace.line(r#"{"endpoint":"opener","kind":"unary"}"#)?, None);
/// let out = trace.line(r#"{"send":"00"}"#)?.unwrap_or_default();
/// assert!(out.starts_with(r#"{"result":{"error":"NotOpen"},"transmit":[],"events":[],"state":"#));
/// # Ok::<(), ixt_core::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Trace {
    endpoint: Option<Endpoint>,
}

impl Trace {
    /// Takes a line. One that names an endpoint begins a new stream and gives nothing; every other one
    /// is an input and gives its output.
    ///
    /// # Errors
    /// `BadJson` where the line is neither, or an input comes before any endpoint; `BadIdLength` and
    /// `NilStreamId` for ids. The stream is as it was.
    pub fn line(&mut self, line: &str) -> Result<Option<String>> {
        match read(line)? {
            Line::Header(header) => {
                self.endpoint = Some(Endpoint::new(&header));
                Ok(None)
            }
            Line::Input(input) => {
                let endpoint =
                    self.endpoint.as_mut().ok_or(Error::new(ErrorKind::BadJson).in_field("endpoint"))?;
                endpoint.step(*input).map(|output| Some(write(&output)))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Header(Header),
    Input(Box<Input>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    endpoint: RoleText,
    kind: Option<Named<InteractionKind>>,
    max_payload: Option<usize>,
    window: Option<u32>,
    #[serde(default)]
    agreed_credit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleText {
    Opener,
    Responder,
}

/// Just one of these, and `ticket` beside `send`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    open: Option<OpenInput>,
    send: Option<Hex>,
    ticket: Option<u64>,
    grant: Option<u32>,
    close: Option<Named<CloseReason>>,
    fail: Option<FailInput>,
    cancel: Option<CancelInput>,
    time: Option<u64>,
    receive: Option<ReceiveInput>,
    wait: Option<u64>,
    drop: Option<u64>,
    consume: Option<u32>,
}

impl Input {
    /// Looked at before anything is done, for a line that is refused does nothing.
    fn is_one(&self) -> bool {
        let Self { open, send, ticket, grant, close, fail, cancel, time, receive, wait, drop, consume } =
            self;
        let inputs = [
            open.is_some(),
            send.is_some(),
            grant.is_some(),
            close.is_some(),
            fail.is_some(),
            cancel.is_some(),
            time.is_some(),
            receive.is_some(),
            wait.is_some(),
            drop.is_some(),
            consume.is_some(),
        ];
        inputs.into_iter().filter(|given| *given).count() == 1 && (ticket.is_none() || send.is_some())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenInput {
    stream_id: Hex,
    #[serde(default)]
    initial_credit: u32,
    #[serde(default)]
    context: Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailInput {
    code: Named<StreamErrorCode>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelInput {
    reason: Named<CancelReason>,
    #[serde(default)]
    message: String,
}

/// A frame of the peer; here alone one of a later schema can be said.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReceiveInput {
    Known(#[serde(deserialize_with = "object")] FrameText),
    Later(#[serde(deserialize_with = "object")] LaterFrame),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaterFrame {
    stream_id: Hex,
    unknown: LaterMember,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaterMember {
    tag: u16,
}

#[derive(Serialize)]
struct Output {
    result: ResultText,
    transmit: Vec<FrameText>,
    events: Vec<EventText>,
    state: StateText,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ResultText {
    Ok,
    Ended,
    Ignored,
    Error(&'static str),
}

/// Events carry every field.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum EventText {
    Opened { kind: Named<InteractionKind>, context: Hex },
    Data { sequence: u64, payload: Hex },
    Credit(u32),
    Closed(Named<CloseReason>),
    Finished(bool),
    Failed { code: Named<StreamErrorCode>, message: String, by: &'static str },
    Cancelled { reason: Named<CancelReason>, message: String, by: &'static str },
    Violation(&'static str),
    Ready(u64),
    Ended(u64),
}

#[derive(Serialize)]
struct StateText {
    sender: &'static str,
    receiver: &'static str,
    credit: u32,
    outstanding: u32,
    ignored: u64,
}

/// A stream, and the names that the trace gave to its tickets.
#[derive(Debug)]
struct Endpoint {
    stream: Stream,
    tickets: HashMap<u64, Ticket>,
    names: HashMap<Ticket, u64>,
}

impl Endpoint {
    fn new(header: &Header) -> Self {
        let limits = Limits::with_max_payload(header.max_payload.unwrap_or(MAX_PAYLOAD));
        let mut config = Config::default().with_limits(limits).with_agreed_credit(header.agreed_credit);
        if let Some(window) = header.window {
            config = config.with_window(window);
        }
        let kind = header.kind.map_or(InteractionKind::BidiStream, |kind| kind.0);
        let stream = match header.endpoint {
            RoleText::Opener => Stream::opener(kind, config),
            RoleText::Responder => Stream::responder(config),
        };
        Self { stream, tickets: HashMap::new(), names: HashMap::new() }
    }

    /// One input; then everything that it caused is drained.
    fn step(&mut self, input: Input) -> Result<Output> {
        let mut transmit = Vec::new();
        let mut events = Vec::new();
        let result = match self.run(input, &mut transmit, &mut events)? {
            Ok(result) => result,
            Err(error) => ResultText::Error(error.kind().name()),
        };
        while let Some(event) = self.stream.poll_event() {
            events.extend(self.event(event));
        }
        while let Some(frame) = self.stream.poll_transmit() {
            transmit.push(FrameText::from(frame.as_ref()));
        }
        Ok(Output { result, transmit, events, state: self.stream.state().into() })
    }

    /// The outer error is a line that is no input; the inner one is what the engine refused.
    fn run(
        &mut self,
        input: Input,
        transmit: &mut Vec<FrameText>,
        events: &mut Vec<EventText>,
    ) -> Result<Result<ResultText>> {
        if !input.is_one() {
            return Err(Error::new(ErrorKind::BadJson).in_field("input"));
        }
        let Input { open, send, ticket, grant, close, fail, cancel, time, receive, wait, drop, consume } =
            input;
        let stream = &mut self.stream;
        let done = |()| ResultText::Ok;
        let effect = |effect| match effect {
            Effect::Done => ResultText::Ok,
            Effect::AlreadyEnded => ResultText::Ended,
        };
        let mut sent = |frame: FrameRef<'_>| {
            transmit.push(FrameText::from(frame));
            ResultText::Ok
        };
        let mut results = [
            match open {
                Some(open) => match StreamId::from_slice(&open.stream_id.0) {
                    Ok(id) => Some(stream.open(id, open.initial_credit, &open.context.0).map(&mut sent)),
                    // The order of checks puts this one before it.
                    Err(_) if stream.id().is_some() => Some(Err(ErrorKind::AlreadyOpen.into())),
                    Err(error) => Some(Err(error)),
                },
                None => None,
            },
            send.as_ref().map(|payload| {
                match ticket {
                    None => stream.try_send(&payload.0),
                    Some(name) => {
                        let unknown = Ticket::from_raw(u64::MAX);
                        stream.send_with(self.tickets.get(&name).copied().unwrap_or(unknown), &payload.0)
                    }
                }
                .map(&mut sent)
            }),
            grant.map(|frames| stream.grant(frames).map(done)),
            close.map(|reason| stream.close(reason.0).map(effect)),
            fail.map(|fail| stream.fail(fail.code.0, &fail.message, &fail.details.0).map(effect)),
            cancel.map(|cancel| stream.cancel(cancel.reason.0, &cancel.message).map(effect)),
            time.map(|now_ms| {
                stream.handle_timeout(now_ms);
                Ok(ResultText::Ok)
            }),
            match receive {
                Some(frame) => Some(Ok(take(stream, frame, events)?)),
                None => None,
            },
            wait.map(|name| {
                stream.wait().map(|ticket| {
                    self.tickets.insert(name, ticket);
                    self.names.insert(ticket, name);
                    ResultText::Ok
                })
            }),
            drop.map(|name| {
                if let Some(ticket) = self.tickets.get(&name) {
                    stream.drop_ticket(*ticket);
                }
                Ok(ResultText::Ok)
            }),
            consume.map(|frames| stream.consume(frames).map(done)),
        ];
        results.iter_mut().find_map(Option::take).ok_or(Error::new(ErrorKind::BadJson).in_field("input"))
    }

    fn event(&self, event: Event) -> Option<EventText> {
        let name = |ticket| self.names.get(&ticket).copied();
        Some(match event {
            Event::Credit(frames) => EventText::Credit(frames),
            Event::Ready(ticket) => EventText::Ready(name(ticket)?),
            Event::Ended(ticket) => EventText::Ended(name(ticket)?),
            Event::Closed(reason) => EventText::Closed(Named(reason)),
            Event::Finished => EventText::Finished(true),
            Event::Failed(failure) => EventText::Failed {
                code: Named(failure.code),
                message: failure.message,
                by: failure.by.name(),
            },
            Event::Cancelled(cancelled) => EventText::Cancelled {
                reason: Named(cancelled.reason),
                message: cancelled.message,
                by: cancelled.by.name(),
            },
            Event::Violation(violation) => EventText::Violation(violation.name()),
        })
    }
}

/// Hands a frame to the engine. What comes back from the call itself is an event in the trace form.
fn take(stream: &mut Stream, frame: ReceiveInput, events: &mut Vec<EventText>) -> Result<ResultText> {
    let later;
    let known;
    let frame: FrameRef<'_> = match frame {
        ReceiveInput::Known(text) => {
            known = StreamFrame::try_from(text)?;
            known.as_ref()
        }
        ReceiveInput::Later(frame) => {
            later = StreamId::from_slice(&frame.stream_id.0)?;
            let body = FrameBody::Unknown(UnknownFrame { tag: frame.unknown.tag, message: &[][..] });
            Frame { stream_id: later, body }
        }
    };
    Ok(match stream.receive(frame) {
        Received::Opened(open) => {
            events.push(EventText::Opened { kind: Named(open.interaction), context: open.context.into() });
            ResultText::Ok
        }
        Received::Data(data) => {
            events.push(EventText::Data { sequence: data.sequence, payload: data.payload.into() });
            ResultText::Ok
        }
        Received::Done => ResultText::Ok,
        Received::Ignored => ResultText::Ignored,
    })
}

impl From<State> for StateText {
    fn from(state: State) -> Self {
        Self {
            sender: state.sender.name(),
            receiver: state.receiver.name(),
            credit: state.credit,
            outstanding: state.outstanding,
            ignored: state.ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_refused_does_nothing() {
        let mut trace = Trace::default();
        let id = "00".repeat(15) + "01";
        for line in
            [r#"{"endpoint":"opener","kind":"bidiStream"}"#, &format!(r#"{{"open":{{"stream_id":"{id}"}}}}"#)]
        {
            trace.line(line).unwrap();
        }
        let now = |trace: &mut Trace| trace.line(r#"{"time":0}"#).unwrap().unwrap();
        let before = now(&mut trace);
        for refused in [
            "{}",
            r#"{"ticket":1}"#,
            r#"{"grant":3,"ticket":1}"#,
            r#"{"grant":3,"close":"completed"}"#,
            r#"{"grant":3,"receive":{"stream_id":"00","credit":{"frames":1}}}"#,
        ] {
            assert_eq!(trace.line(refused).unwrap_err().kind(), ErrorKind::BadJson, "{refused}");
            assert_eq!(now(&mut trace), before, "{refused}");
        }
        let refused = r#"{"receive":{"stream_id":"00","credit":{"frames":1}}}"#;
        assert_eq!(trace.line(refused).unwrap_err().kind(), ErrorKind::BadIdLength);
        assert_eq!(now(&mut trace), before);
    }
}
