//! The credit engine under arbitrary commands and frames. One endpoint against a peer that may send
//! anything does at every step what the model of specification 23 says; and two endpoints, driven at random over
//! ordered channels, never accuse each other, receive what was granted and no more, and end together.
#![no_main]

use std::collections::VecDeque;

use ixt_core::Limits;
use ixt_core::flow::{By, Config, Effect, Event, Outcome, Received, Stream, Ticket, Violation};
use ixt_core::invocation::InvocationContext;
use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamFrame,
    StreamId, UnknownFrame,
};
use ixt_fuzz::input::Input;
use ixt_fuzz::model::{
    Answer, Context, DEADLINE, End, MAX_PAYLOAD, Model, Output, Peer, Seen, Sent, Setting, Step,
};
use libfuzzer_sys::fuzz_target;

const PAYLOAD: &[u8] = &[7; MAX_PAYLOAD + 1];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    if input.byte() & 1 == 0 { hostile_peer(&mut input) } else { two_ends(&mut input) }
});

fn context(input: &mut Input<'_>) -> Context {
    [Context::Empty, Context::Empty, Context::Deadline, Context::Malformed][input.below(4)]
}

fn settings(input: &mut Input<'_>) -> (Option<u32>, u32) {
    let window = Some(input.number()).filter(|frames| (1..1 << 31).contains(frames));
    (window, input.number().min((1 << 31) - 1))
}

fn id() -> StreamId {
    StreamId::new([9; 16]).expect("not nil")
}

fn config(window: Option<u32>, agreed: u32) -> Config {
    let config =
        Config::default().with_limits(Limits::with_max_payload(MAX_PAYLOAD)).with_agreed_credit(agreed);
    window.map_or(config, |window| config.with_window(window))
}

// ---- one endpoint, and the model ----

fn hostile_peer(input: &mut Input<'_>) {
    let first = input.byte();
    let (opener, kind) = (first & 1 == 1, u16::from(first >> 1 & 3));
    let (window, agreed) = settings(input);
    let setting = Setting { opener, kind, window, agreed };
    let kind = InteractionKind::from_raw(kind);
    let mut model = Model::new(setting);
    let mut engine = if opener {
        Stream::opener(kind, config(window, agreed))
    } else {
        Stream::responder(config(window, agreed))
    };
    while !input.is_empty() {
        let step = step(input, &engine);
        let (is, should) = (apply(&mut engine, step), model.step(step));
        assert_eq!(is, should, "{step:?} of {setting:?}");
        assert_eq!(engine.has_ended(), engine.outcome().is_some());
    }
}

fn step(input: &mut Input<'_>, engine: &Stream) -> Step {
    match input.byte() % 24 {
        0 | 1 => Step::Open { credit: input.number(), context: context(input) },
        2 | 3 => Step::Send { length: usize::from(input.byte()) % (MAX_PAYLOAD + 2) },
        4 => Step::SendWith { ticket: u64::from(input.byte() % 8), length: usize::from(input.byte()) % 6 },
        5 | 6 => Step::Wait,
        7 => Step::Drop(u64::from(input.byte() % 8)),
        8 => Step::Grant(input.number()),
        9 => Step::Consume(input.number()),
        10 => Step::Close(u16::from(input.byte() % 6)),
        11 => Step::Fail(u16::from(input.byte() % 14)),
        12 => Step::Cancel(u16::from(input.byte() % 9)),
        13 => Step::Time(DEADLINE - 1 + u64::from(input.byte() % 3)),
        other => Step::Receive(match other {
            14 | 15 => Peer::Open {
                kind: u16::from(input.byte() % 5),
                credit: input.number(),
                context: context(input),
            },
            // Mostly the number that is due.
            16..=18 => {
                let ahead = input.byte();
                let ahead = if ahead < 224 { 0 } else { u64::from(ahead) };
                let length = usize::from(input.byte()) % (MAX_PAYLOAD + 2);
                Peer::Data { sequence: engine.received().wrapping_add(ahead), length }
            }
            19 => {
                let ahead = u64::from(input.byte() / 224);
                Peer::Close { reason: u16::from(input.byte() % 6), last: engine.received() + ahead }
            }
            20 | 21 => Peer::Credit(input.number()),
            22 => Peer::Cancel { reason: u16::from(input.byte() % 9) },
            _ => match input.byte() % 3 {
                0 => Peer::Error { code: u16::from(input.byte() % 14) },
                1 => Peer::Later,
                _ => Peer::Stranger,
            },
        }),
    }
}

fn bytes_of(context: Context) -> Vec<u8> {
    match context {
        Context::Empty => vec![],
        Context::Malformed => vec![1, 2, 3],
        Context::Deadline => {
            InvocationContext::builder().deadline_ms(DEADLINE).build().expect("within the limits").encode()
        }
    }
}

fn apply(engine: &mut Stream, step: Step) -> Output {
    let context;
    let mut transmit = Vec::new();
    let done = |result: Result<(), ixt_core::Error>| match result {
        Ok(()) => Answer::Done,
        Err(error) => Answer::Refused(error.kind()),
    };
    let ended = |result: ixt_core::Result<Effect>| match result {
        Ok(Effect::Done) => Answer::Done,
        Ok(Effect::AlreadyEnded) => Answer::Ended,
        Err(error) => Answer::Refused(error.kind()),
    };
    let mut leaves = |result: ixt_core::Result<FrameRef<'_>>| {
        done(result.map(|frame| {
            assert_eq!(frame.stream_id, id());
            transmit.push(sent(&frame));
        }))
    };
    let answer = match step {
        Step::Open { credit, context: which } => {
            context = bytes_of(which);
            leaves(engine.open(id(), credit, &context))
        }
        Step::Send { length } => leaves(engine.try_send(&PAYLOAD[..length])),
        Step::SendWith { ticket, length } => {
            leaves(engine.send_with(Ticket::from_raw(ticket), &PAYLOAD[..length]))
        }
        Step::Wait => match engine.wait() {
            Ok(ticket) => Answer::Ticket(ticket.raw()),
            Err(error) => Answer::Refused(error.kind()),
        },
        Step::Drop(ticket) => {
            engine.drop_ticket(Ticket::from_raw(ticket));
            Answer::Done
        }
        Step::Grant(frames) => done(engine.grant(frames)),
        Step::Consume(frames) => done(engine.consume(frames)),
        Step::Close(reason) => ended(engine.close(CloseReason::from_raw(reason))),
        Step::Fail(code) => ended(engine.fail(StreamErrorCode::from_raw(code), "why", &[])),
        Step::Cancel(reason) => ended(engine.cancel(CancelReason::from_raw(reason), "why")),
        Step::Time(now) => {
            engine.handle_timeout(now);
            Answer::Done
        }
        Step::Receive(peer) => {
            let open;
            let frame: FrameRef<'_> = match peer {
                Peer::Open { kind, credit, context } => {
                    open = bytes_of(context);
                    Frame::open(id(), InteractionKind::from_raw(kind), credit, &open)
                }
                Peer::Data { sequence, length } => Frame::data(id(), sequence, &PAYLOAD[..length]),
                Peer::Error { code } => {
                    Frame::error(id(), StreamErrorCode::from_raw(code), u64::MAX, "why", &[])
                }
                Peer::Close { reason, last } => Frame::close(id(), CloseReason::from_raw(reason), last),
                Peer::Cancel { reason } => Frame::cancel(id(), CancelReason::from_raw(reason), "why"),
                Peer::Credit(frames) => Frame::credit(id(), frames),
                Peer::Later => {
                    let body = FrameBody::Unknown(UnknownFrame { tag: 6, message: &[][..] });
                    Frame { stream_id: id(), body }
                }
                Peer::Stranger => Frame::credit(StreamId::new([8; 16]).expect("not nil"), 1),
            };
            match engine.receive(frame) {
                Received::Opened(_) => Answer::Opened,
                Received::Data(data) => Answer::Data(data.sequence),
                Received::Done => Answer::Done,
                Received::Ignored => Answer::Ignored,
            }
        }
    };
    let events = std::iter::from_fn(|| engine.poll_event()).map(|event| seen(&event)).collect();
    transmit.extend(std::iter::from_fn(|| engine.poll_transmit()).map(|frame| sent(&frame.as_ref())));
    let state = engine.state();
    Output {
        answer,
        transmit,
        events,
        halves: (state.sender, state.receiver),
        credit: state.credit.into(),
        outstanding: state.outstanding.into(),
        counts: (engine.sent(), engine.received(), state.ignored),
        end: engine.outcome().map(end),
    }
}

fn sent(frame: &FrameRef<'_>) -> Sent {
    match frame.body {
        FrameBody::Open(open) => Sent::Open { credit: open.initial_credit },
        FrameBody::Data(data) => Sent::Data(data.sequence),
        FrameBody::Error(error) => Sent::Error { code: error.code.raw(), sequence: error.sequence },
        FrameBody::Close(close) => Sent::Close { reason: close.reason.raw(), last: close.final_sequence },
        FrameBody::Cancel(cancel) => Sent::Cancel { reason: cancel.reason.raw() },
        FrameBody::Credit(credit) => Sent::Credit(credit.frames),
        _ => panic!("a frame that no engine makes"),
    }
}

fn seen(event: &Event) -> Seen {
    match event {
        Event::Credit(frames) => Seen::Credit(*frames),
        Event::Ready(ticket) => Seen::Ready(ticket.raw()),
        Event::Ended(ticket) => Seen::Ended(ticket.raw()),
        Event::Closed(reason) => Seen::Closed(reason.raw()),
        Event::Finished => Seen::Finished,
        Event::Failed(failure) => Seen::Failed { code: failure.code.raw(), by_peer: failure.by == By::Peer },
        Event::Cancelled(cancelled) => {
            Seen::Cancelled { reason: cancelled.reason.raw(), by_peer: cancelled.by == By::Peer }
        }
        Event::Violation(Violation::UnknownStream) => Seen::UnknownStream,
        Event::Violation(Violation::FrameAfterClose) => Seen::FrameAfterClose,
        Event::Violation(Violation::UnknownFrame) => Seen::UnknownFrame,
        other => panic!("an event that this target does not know: {other:?}"),
    }
}

fn end(outcome: &Outcome) -> End {
    match outcome {
        Outcome::Completed(reason) => End::Completed(reason.raw()),
        Outcome::Failed(failure) => End::Failed { code: failure.code.raw(), by_peer: failure.by == By::Peer },
        Outcome::Cancelled(cancelled) => {
            End::Cancelled { reason: cancelled.reason.raw(), by_peer: cancelled.by == By::Peer }
        }
    }
}

// ---- two endpoints ----

/// An endpoint, and what it has sent that the other has not yet received.
struct Endpoint {
    stream: Stream,
    sent: VecDeque<StreamFrame>,
    ready: Vec<Ticket>,
    /// Granted to the other one, the implicit credit and what was agreed on included.
    granted: u64,
}

impl Endpoint {
    fn new(stream: Stream) -> Self {
        Self { stream, sent: VecDeque::new(), ready: Vec::new(), granted: 0 }
    }

    fn drain(&mut self) {
        while let Some(event) = self.stream.poll_event() {
            match event {
                Event::Ready(ticket) => self.ready.push(ticket),
                Event::Failed(failure) => assert_eq!(failure.by, By::Peer, "{failure:?}"),
                Event::Violation(violation) => panic!("{violation:?}"),
                _ => {}
            }
        }
        while let Some(frame) = self.stream.poll_transmit() {
            if let FrameBody::Credit(credit) = frame.body {
                self.granted += u64::from(credit.frames);
            }
            self.sent.push_back(frame);
        }
        assert!(self.stream.received() <= self.granted, "more was received than was granted");
    }

    fn command(&mut self, input: &mut Input<'_>) {
        let sent = match input.byte() % 12 {
            0..=2 => self.stream.try_send(PAYLOAD.get(..4).unwrap_or_default()).ok(),
            3 => {
                let _ = self.stream.wait();
                None
            }
            4 => match self.ready.pop() {
                Some(ticket) => self.stream.send_with(ticket, &[]).ok(),
                None => None,
            },
            5 => {
                if let Some(ticket) = self.ready.pop() {
                    self.stream.drop_ticket(ticket);
                }
                None
            }
            6 | 7 => {
                let _ = self.stream.grant(input.number());
                None
            }
            8 | 9 => {
                let _ = self.stream.consume(input.number());
                None
            }
            10 => {
                let _ = self.stream.close(CloseReason::from_raw(u16::from(input.byte() % 5)));
                None
            }
            _ => {
                let ends = input.byte();
                if ends < 32 {
                    let _ = self.stream.fail(StreamErrorCode::Internal, "", &[]);
                } else if ends < 64 {
                    let _ = self.stream.cancel(CancelReason::UserRequested, "");
                } else if ends < 96 {
                    self.stream.handle_timeout(DEADLINE);
                }
                None
            }
        };
        self.sent.extend(sent.map(Frame::into_owned));
        self.drain();
    }

    fn receive(&mut self, frame: &StreamFrame) {
        let _ = self.stream.receive(frame.as_ref());
        self.drain();
    }
}

fn two_ends(input: &mut Input<'_>) {
    let kind = InteractionKind::from_raw(u16::from(input.byte() % 4));
    let (window, agreed) = settings(input);
    let initial = input.number().min((1 << 31) - 1);
    let context = bytes_of([Context::Empty, Context::Deadline][usize::from(input.byte() % 2)]);
    let mut opener = Endpoint::new(Stream::opener(kind, config(settings(input).0, agreed)));
    let mut responder = Endpoint::new(Stream::responder(config(window, agreed)));
    let one = |exactly: bool, frames: u32| if exactly { 1 } else { u64::from(frames) };
    opener.granted = one(matches!(kind, InteractionKind::Unary | InteractionKind::ClientStream), initial);
    responder.granted = one(matches!(kind, InteractionKind::Unary | InteractionKind::ServerStream), agreed);
    let open = opener.stream.open(id(), initial, &context).expect("a legal open").into_owned();
    responder.receive(&open);

    while !input.is_empty() {
        match input.byte() % 4 {
            0 => opener.command(input),
            1 => responder.command(input),
            2 => deliver(&mut opener, &mut responder),
            _ => deliver(&mut responder, &mut opener),
        }
    }
    while !opener.sent.is_empty() || !responder.sent.is_empty() {
        deliver(&mut opener, &mut responder);
        deliver(&mut responder, &mut opener);
    }
    let (opener, responder) = (&opener.stream, &responder.stream);
    assert_eq!(opener.has_ended(), responder.has_ended(), "one end thinks that it is over");
    assert!(opener.received() <= responder.sent() && responder.received() <= opener.sent());
    if let (Some(Outcome::Completed(_)), Some(Outcome::Completed(_))) =
        (opener.outcome(), responder.outcome())
    {
        assert_eq!(opener.received(), responder.sent());
        assert!(kind != InteractionKind::BidiStream || responder.received() == opener.sent());
    }
}

fn deliver(from: &mut Endpoint, to: &mut Endpoint) {
    if let Some(frame) = from.sent.pop_front() {
        to.receive(&frame);
    }
}
