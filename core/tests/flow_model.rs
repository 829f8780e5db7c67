//! The engine against a small reference model, by random runs (proptest's state machine).
//!
//! The model counts credit and sequence and nothing else: what it says must hold whatever the order of
//! sends, waits, grants and frames. The full model, with every row of the tables, stands in
//! `tests/traces/`.

use std::collections::VecDeque;

use ixt_core::ErrorKind;
use ixt_core::flow::{Config, Event, Half, Received, Stream, Ticket};
use ixt_core::stream::{CloseReason, Frame, FrameBody, InteractionKind, StreamId};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

const WINDOW: u32 = 5;

fn id() -> StreamId {
    StreamId::new([9; 16]).unwrap()
}

/// A bidi stream's responder: a sender half under the peer's credit, a receiver half with a window.
#[derive(Debug, Clone, Default)]
struct Model {
    credit: u64,
    sent: u64,
    waiting: VecDeque<usize>,
    ready: VecDeque<usize>,
    tickets: usize,
    outstanding: u64,
    received: u64,
    unconsumed: u64,
    consumed: u64,
    own_closed: bool,
    peer_closed: bool,
    failed: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Send,
    Wait,
    /// By the position among all tickets ever made.
    SendWith(usize),
    Drop(usize),
    Credit(u32),
    Data {
        ahead: u64,
    },
    Consume(u32),
    Close,
    PeerClose {
        beyond: u64,
    },
}

impl Model {
    fn ended(&self) -> bool {
        self.failed || (self.own_closed && self.peer_closed)
    }

    fn sender_open(&self) -> bool {
        !self.failed && !self.own_closed
    }

    fn receiver_open(&self) -> bool {
        !self.failed && !self.peer_closed
    }

    fn fail(&mut self) {
        self.failed = true;
        self.waiting.clear();
        self.ready.clear();
    }

    fn hand_out(&mut self) {
        while self.credit > 0 {
            let Some(ticket) = self.waiting.pop_front() else { return };
            self.credit -= 1;
            self.ready.push_back(ticket);
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        (0..4u64)
            .prop_map(|credit| Self { credit, outstanding: u64::from(WINDOW), ..Self::default() })
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let ticket = 0..state.tickets.max(1) + 1;
        prop_oneof![
            4 => Just(Step::Send),
            3 => Just(Step::Wait),
            3 => ticket.clone().prop_map(Step::SendWith),
            2 => ticket.prop_map(Step::Drop),
            4 => prop_oneof![Just(1u32), 1..6u32, Just(0u32), Just(u32::MAX)].prop_map(Step::Credit),
            6 => prop_oneof![9 => Just(0u64), 1 => 1..3u64].prop_map(|ahead| Step::Data { ahead }),
            4 => (0..7u32).prop_map(Step::Consume),
            1 => Just(Step::Close),
            1 => prop_oneof![3 => Just(0u64), 1 => 1..3u64].prop_map(|beyond| Step::PeerClose { beyond }),
        ]
        .boxed()
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        match *step {
            Step::Send if state.sender_open() && state.credit > 0 => {
                state.credit -= 1;
                state.sent += 1;
            }
            Step::Wait if state.sender_open() => {
                state.waiting.push_back(state.tickets);
                state.tickets += 1;
                state.hand_out();
            }
            Step::SendWith(ticket) if state.sender_open() && state.ready.contains(&ticket) => {
                state.ready.retain(|held| *held != ticket);
                state.sent += 1;
            }
            Step::Drop(ticket) => {
                let held = state.ready.len();
                state.ready.retain(|other| *other != ticket);
                state.waiting.retain(|other| *other != ticket);
                state.credit += (held - state.ready.len()) as u64;
                state.hand_out();
            }
            Step::Credit(frames) if state.sender_open() => {
                let total = state.credit + state.ready.len() as u64 + u64::from(frames);
                if frames == 0 || total > (1 << 31) - 1 {
                    state.fail();
                } else {
                    state.credit += u64::from(frames);
                    state.hand_out();
                }
            }
            Step::Data { ahead } if state.receiver_open() => {
                if ahead > 0 || state.outstanding == 0 {
                    state.fail();
                } else {
                    state.outstanding -= 1;
                    state.received += 1;
                    state.unconsumed += 1;
                }
            }
            Step::Consume(frames) if state.receiver_open() && u64::from(frames) <= state.unconsumed => {
                state.unconsumed -= u64::from(frames);
                state.consumed += u64::from(frames);
                if state.consumed >= u64::from(WINDOW / 2) {
                    state.outstanding += std::mem::take(&mut state.consumed);
                }
            }
            Step::Close if state.sender_open() => {
                state.own_closed = true;
                state.waiting.clear();
                state.ready.clear();
            }
            Step::PeerClose { beyond } if state.receiver_open() => {
                if beyond > 0 {
                    state.fail();
                } else {
                    state.peer_closed = true;
                }
            }
            _ => {}
        }
        state
    }
}

/// The engine, with its tickets by the order in which they were made.
#[derive(Debug)]
struct Engine {
    stream: Stream,
    tickets: Vec<Ticket>,
    ready: Vec<Ticket>,
    granted: u64,
}

impl Engine {
    fn drain(&mut self) {
        while let Some(event) = self.stream.poll_event() {
            if let Event::Ready(ticket) = event {
                self.ready.push(ticket);
            }
        }
        let mut terminal = false;
        while let Some(frame) = self.stream.poll_transmit() {
            assert!(!terminal, "a frame follows the end");
            terminal = matches!(frame.body, FrameBody::Error(_));
            if let FrameBody::Credit(credit) = frame.body {
                self.granted += u64::from(credit.frames);
            }
        }
    }
}

struct Test;

impl StateMachineTest for Test {
    type SystemUnderTest = Engine;
    type Reference = Model;

    fn init_test(model: &Model) -> Engine {
        let mut stream = Stream::responder(Config::default().with_window(WINDOW));
        let open =
            Frame::open(id(), InteractionKind::BidiStream, u32::try_from(model.credit).unwrap(), &[][..]);
        assert!(matches!(stream.receive(open), Received::Opened(_)));
        let mut engine = Engine { stream, tickets: Vec::new(), ready: Vec::new(), granted: 0 };
        engine.drain();
        engine
    }

    fn apply(mut engine: Engine, model: &Model, step: Step) -> Engine {
        let before = engine.stream.state();
        let sent = engine.stream.sent();
        match step {
            Step::Send => match engine.stream.try_send(b"x") {
                Ok(frame) => assert_eq!(frame, Frame::data(id(), sent, &b"x"[..])),
                Err(error) if before.sender == Half::Open => {
                    assert_eq!(error.kind(), ErrorKind::CreditExhausted)
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::StreamEnded),
            },
            Step::Wait => {
                if let Ok(ticket) = engine.stream.wait() {
                    engine.tickets.push(ticket);
                }
            }
            Step::SendWith(ticket) => {
                if let Some(ticket) = engine.tickets.get(ticket) {
                    let ready = engine.ready.contains(ticket);
                    let done = engine.stream.send_with(*ticket, b"x");
                    assert_eq!(
                        done.is_ok(),
                        ready && before.sender == Half::Open,
                        "only a ready ticket sends"
                    );
                    engine.ready.retain(|other| other != ticket);
                }
            }
            Step::Drop(ticket) => {
                if let Some(ticket) = engine.tickets.get(ticket) {
                    engine.stream.drop_ticket(*ticket);
                    engine.ready.retain(|other| other != ticket);
                }
            }
            Step::Credit(frames) => {
                let _ = engine.stream.receive(Frame::credit(id(), frames));
            }
            Step::Data { ahead } => {
                let sequence = engine.stream.received() + ahead;
                let _ = engine.stream.receive(Frame::data(id(), sequence, &b"x"[..]));
            }
            Step::Consume(frames) => {
                let _ = engine.stream.consume(frames);
            }
            Step::Close => {
                let _ = engine.stream.close(CloseReason::Completed);
            }
            Step::PeerClose { beyond } => {
                let number = engine.stream.received() + beyond;
                let _ = engine.stream.receive(Frame::close(id(), CloseReason::Completed, number));
            }
        }
        engine.drain();
        let state = engine.stream.state();
        assert_eq!(engine.stream.sent(), model.sent);
        assert_eq!(engine.stream.received(), model.received);
        assert_eq!(engine.stream.has_ended(), model.ended());
        assert_eq!(u64::from(state.credit), if model.sender_open() { model.credit } else { 0 });
        assert_eq!(u64::from(state.outstanding), if model.receiver_open() { model.outstanding } else { 0 });
        assert!(model.received <= engine.granted, "more was received than was granted");
        engine
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_model(sequential 1..60 => Test);
}
