//! Random commands at both ends and bytes cut anywhere, against what must hold of every run.

use std::collections::HashMap;

use ixt_core::connection::{Config, Key};
use ixt_core::flow::{Event, Outcome};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use proptest::prelude::*;

use crate::pipe::{End, Pipe, Told, stream_id};

#[derive(Debug, Clone)]
enum Step {
    Open(InteractionKind),
    /// The stream is picked by number among those that live at this end.
    Send(usize, usize),
    Wait(usize),
    Consume(usize),
    Close(usize),
    Fail(usize),
    Cancel(usize),
    /// So many bytes pass from this end to the other.
    Pass(usize),
    Ping,
}

fn step() -> impl Strategy<Value = (bool, Step)> {
    use InteractionKind::{BidiStream, ClientStream, ServerStream, Unary};
    let kind = prop::sample::select(vec![Unary, ClientStream, ServerStream, BidiStream]);
    let step = prop_oneof![
        3 => kind.prop_map(Step::Open),
        8 => (any::<usize>(), 0..3000usize).prop_map(|(stream, size)| Step::Send(stream, size)),
        2 => any::<usize>().prop_map(Step::Wait),
        6 => any::<usize>().prop_map(Step::Consume),
        3 => any::<usize>().prop_map(Step::Close),
        1 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Cancel),
        10 => (1..5000usize).prop_map(Step::Pass),
        1 => Just(Step::Ping),
    ];
    (any::<bool>(), step)
}

/// What one end has seen of one stream.
#[derive(Debug, Default)]
struct Seen {
    sent: Vec<Vec<u8>>,
    got: Vec<Vec<u8>>,
    unconsumed: u32,
    outcome: Option<Outcome>,
}

struct Side {
    keys: Vec<Key>,
    /// By key, and the other end's key.
    seen: HashMap<Key, Seen>,
    ready: Vec<(Key, ixt_core::flow::Ticket)>,
    opened: Vec<Key>,
}

impl Side {
    fn new() -> Self {
        Self { keys: vec![], seen: HashMap::new(), ready: vec![], opened: vec![] }
    }

    fn live(&self, number: usize) -> Option<Key> {
        (!self.keys.is_empty()).then(|| self.keys[number % self.keys.len()])
    }

    fn hear(&mut self, end: &mut End) {
        for told in end.events() {
            match told {
                Told::Opened(key, ..) => {
                    self.keys.push(key);
                    self.opened.push(key);
                    self.seen.insert(key, Seen::default());
                }
                Told::Message(key, sequence, payload) => {
                    let seen = self.seen.get_mut(&key).unwrap();
                    assert!(seen.outcome.is_none(), "a message after the end");
                    assert_eq!(sequence, seen.got.len() as u64);
                    seen.got.push(payload);
                    seen.unconsumed += 1;
                }
                Told::Stream(key, Event::Ready(ticket)) => self.ready.push((key, ticket)),
                Told::Over(key, outcome) => {
                    self.keys.retain(|other| *other != key);
                    self.ready.retain(|(other, _)| *other != key);
                    assert!(
                        self.seen.get_mut(&key).unwrap().outcome.replace(outcome).is_none(),
                        "twice over"
                    );
                }
                Told::Stream(key, _) => assert!(self.seen[&key].outcome.is_none(), "an event after the end"),
                Told::Other(ixt_core::connection::Event::Pong { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    (config.window, config.initial_credit, config.max_streams) = (4, 3, 20);
    (config.max_queued_stream, config.max_queued) = (4000, 20_000);
    config
}

fn check(steps: Vec<(bool, Step)>) {
    let mut pipe = Pipe::new(config());
    let mut sides = [Side::new(), Side::new()];
    let mut wires = [Vec::new(), Vec::new()];
    let mut number = 0u64;
    let mut fill = 0u8;
    for (which, step) in steps {
        let (at, from) = (usize::from(which), if which { &mut pipe.there } else { &mut pipe.here });
        let side = &mut sides[at];
        match step {
            Step::Open(kind) => {
                number += 1;
                if let Ok(key) = from.engine.open(stream_id(number), kind, &[]) {
                    side.keys.push(key);
                    side.opened.push(key);
                    side.seen.insert(key, Seen::default());
                }
            }
            Step::Send(stream, size) => {
                fill = fill.wrapping_add(1);
                let payload = vec![fill; size];
                let ready = side.ready.pop();
                let sent = match ready {
                    Some((key, ticket)) => (Some(key), from.engine.send_with(key, ticket, &payload)),
                    None => match side.live(stream) {
                        Some(key) => (Some(key), from.engine.try_send(key, &payload)),
                        None => (None, Ok(())),
                    },
                };
                if let (Some(key), Ok(())) = sent {
                    side.seen.get_mut(&key).unwrap().sent.push(payload);
                }
            }
            Step::Wait(stream) => {
                if let Some(key) = side.live(stream) {
                    let _ = from.engine.wait(key);
                }
            }
            Step::Consume(stream) => {
                if let Some(key) = side.live(stream) {
                    let seen = side.seen.get_mut(&key).unwrap();
                    if seen.unconsumed > 0 {
                        seen.unconsumed -= 1;
                        from.engine.consume(key, 1).unwrap();
                    }
                }
            }
            Step::Close(stream) => {
                if let Some(key) = side.live(stream) {
                    let _ = from.engine.close(key, CloseReason::Completed);
                }
            }
            Step::Fail(stream) => {
                if let Some(key) = side.live(stream) {
                    from.engine.fail(key, StreamErrorCode::Internal, "test", &[]).unwrap();
                }
            }
            Step::Cancel(stream) => {
                if let Some(key) = side.live(stream) {
                    from.engine.cancel(key, CancelReason::UserRequested, "test").unwrap();
                }
            }
            Step::Pass(size) => {
                let mut buffer = vec![0; size];
                let filled = from.engine.poll_transmit(&mut buffer);
                wires[at].extend_from_slice(&buffer[..filled]);
                let now_us = pipe.now_us;
                let to = if which { &mut pipe.here } else { &mut pipe.there };
                // It arrives in two reads.
                let bytes = std::mem::take(&mut wires[at]);
                let (first, second) = bytes.split_at(bytes.len() / 3);
                to.read(first, now_us);
                to.read(second, now_us);
            }
            Step::Ping => from.engine.ping(),
        }
        sides[0].hear(&mut pipe.here);
        sides[1].hear(&mut pipe.there);
        for end in [&pipe.here, &pipe.there] {
            assert_eq!(end.engine.stats().violations, 0);
            assert!(!end.engine.has_ended());
        }
    }
    // All that is under way arrives, and what is left is cancelled.
    pipe.pass();
    sides[0].hear(&mut pipe.here);
    sides[1].hear(&mut pipe.there);
    for key in sides[0].keys.clone() {
        pipe.here.engine.cancel(key, CancelReason::Shutdown, "").unwrap();
    }
    pipe.pass();
    sides[0].hear(&mut pipe.here);
    sides[1].hear(&mut pipe.there);
    for key in sides[1].keys.clone() {
        pipe.there.engine.cancel(key, CancelReason::Shutdown, "").unwrap();
    }
    pipe.pass();
    sides[0].hear(&mut pipe.here);
    sides[1].hear(&mut pipe.there);
    assert!(pipe.here.engine.is_empty() && pipe.there.engine.is_empty());
    assert!(!pipe.here.engine.has_transmit() && !pipe.there.engine.has_transmit());
    compatible(&sides);
}

/// Streams are told apart by what was sent on them: each payload is filled with a number of its own for 255
/// messages, so a message that arrived was sent, in this order.
fn compatible(sides: &[Side; 2]) {
    for (to, from) in [(0, 1), (1, 0)] {
        let sent: Vec<&Vec<Vec<u8>>> = sides[from].seen.values().map(|seen| &seen.sent).collect();
        for seen in sides[to].seen.values() {
            let outcome = seen.outcome.as_ref().expect("every stream is over");
            if seen.got.is_empty() {
                continue;
            }
            assert!(sent.iter().any(|sent| sent.starts_with(&seen.got)), "what arrived was sent, in order");
            if let Outcome::Failed(failure) = outcome {
                assert_eq!(failure.message, "test", "nobody broke a rule");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_ends_do_every_stream_ends_in_order(steps in prop::collection::vec(step(), 1..250)) {
        check(steps);
    }
}
