//! Streams as an application uses them.

use ixt_core::ErrorKind;
use ixt_core::connection::{Config, Connection, Event};
use ixt_core::flow::{self, By, Outcome};
use ixt_core::invocation::InvocationContext;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

use crate::pipe::{Pipe, START_US, Told, stream_id};

const DONE: Outcome = Outcome::Completed(CloseReason::Completed);

#[test]
fn a_unary_call() {
    for size in [1, 7, 64, 64 << 10] {
        let mut pipe = Pipe::new(Config::default());
        pipe.size = size;
        let call = pipe.here.engine.open(stream_id(1), InteractionKind::Unary, &[]).unwrap();
        pipe.here.engine.try_send(call, b"question").unwrap();
        pipe.here.engine.close(call, CloseReason::Completed).unwrap();
        pipe.pass();
        let events = pipe.there.events();
        let Told::Opened(answer, InteractionKind::Unary, _) = events[0] else { panic!("{events:?}") };
        assert_eq!(
            events[1..],
            [
                Told::Message(answer, 0, b"question".to_vec()),
                Told::Stream(answer, flow::Event::Closed(CloseReason::Completed))
            ]
        );
        pipe.there.engine.try_send(answer, b"answer").unwrap();
        pipe.there.engine.close(answer, CloseReason::Completed).unwrap();
        pipe.pass();
        assert_eq!(
            pipe.here.events(),
            [
                Told::Message(call, 0, b"answer".to_vec()),
                Told::Stream(call, flow::Event::Closed(CloseReason::Completed)),
                Told::Over(call, DONE)
            ]
        );
        assert_eq!(pipe.there.events(), [Told::Over(answer, DONE)]);
        assert!(pipe.here.engine.is_empty() && pipe.there.engine.is_empty());
        assert_eq!(pipe.here.engine.try_send(call, b"x").unwrap_err().kind(), ErrorKind::StreamEnded);
        assert_eq!(
            pipe.here.engine.cancel(call, CancelReason::UserRequested, ""),
            Ok(flow::Effect::AlreadyEnded)
        );
        assert_eq!((pipe.here.engine.state(call), pipe.here.engine.consume(call, 1)), (None, Ok(())));
    }
}

#[test]
fn an_opener_may_send_at_once_what_the_responder_agreed_to() {
    let mut config = Config::default();
    (config.window, config.initial_credit) = (8, 3);
    let mut pipe = Pipe::new(config);
    let call = pipe.here.engine.open(stream_id(1), InteractionKind::ClientStream, &[]).unwrap();
    for _ in 0..3 {
        pipe.here.engine.try_send(call, b"m").unwrap();
    }
    let none = pipe.here.engine.try_send(call, b"m").unwrap_err();
    assert_eq!(none.kind(), ErrorKind::CreditExhausted);
    pipe.pass();
    assert_eq!(pipe.here.events(), [Told::Stream(call, flow::Event::Credit(5))], "the rest of its window");
    for _ in 0..5 {
        pipe.here.engine.try_send(call, b"m").unwrap();
    }
    assert!(pipe.here.engine.try_send(call, b"m").is_err());
}

#[test]
fn tickets_wait_for_credit_and_closing_ends_them() {
    let mut config = Config::default();
    (config.window, config.initial_credit) = (1, 1);
    let mut pipe = Pipe::new(config);
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    pipe.here.engine.try_send(call, b"1").unwrap();
    let first = pipe.here.engine.wait(call).unwrap();
    let second = pipe.here.engine.wait(call).unwrap();
    let third = pipe.here.engine.wait(call).unwrap();
    pipe.here.engine.drop_ticket(call, first);
    pipe.pass();
    pipe.there.engine.consume(answer, 1).unwrap();
    pipe.pass();
    assert_eq!(
        pipe.here.events(),
        [Told::Stream(call, flow::Event::Credit(1)), Told::Stream(call, flow::Event::Ready(second))]
    );
    pipe.here.engine.send_with(call, second, b"2").unwrap();
    pipe.here.engine.close(call, CloseReason::Completed).unwrap();
    assert_eq!(pipe.here.events(), [Told::Stream(call, flow::Event::Ended(third))]);
    pipe.there.events();
    pipe.pass();
    assert_eq!(
        pipe.there.events()[0],
        Told::Message(answer, 1, b"2".to_vec()),
        "the close is behind the data"
    );
}

#[test]
fn an_error_or_cancel_overtakes_data_and_drops_it() {
    for cancels in [false, true] {
        let mut pipe = Pipe::new(Config::default());
        let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
        pipe.here.engine.try_send(call, &[7; 1000]).unwrap();
        if cancels {
            pipe.here.engine.cancel(call, CancelReason::Superseded, "newer").unwrap();
        } else {
            pipe.here.engine.fail(call, StreamErrorCode::Internal, "broken", b"details").unwrap();
        }
        let bytes = pipe.here.transmit(1 << 16);
        assert!(bytes.len() < 200, "the data is not sent: {}", bytes.len());
        pipe.there.read(&bytes, START_US);
        let events = pipe.there.events();
        assert!(
            matches!(
                &events[..],
                [Told::Stream(key, flow::Event::Failed(_) | flow::Event::Cancelled(_)), Told::Over(over, _)] if *key == answer && *over == answer
            ),
            "{events:?}"
        );
        assert!(matches!(&pipe.here.events()[..], [Told::Over(..)]));
    }
}

#[test]
fn a_frame_that_was_cut_goes_on_though_its_stream_was_cancelled() {
    let mut pipe = Pipe::new(Config::default());
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    let (other, other_there) = pipe.open(2, InteractionKind::BidiStream);
    pipe.here.engine.try_send(call, &[7; 1000]).unwrap();
    let mut buffer = [0; 100];
    assert_eq!(pipe.here.engine.poll_transmit(&mut buffer), 100);
    pipe.there.read(&buffer, START_US);
    pipe.here.engine.cancel(call, CancelReason::UserRequested, "").unwrap();
    pipe.here.engine.try_send(other, b"after").unwrap();
    pipe.pass();
    let events = pipe.there.events();
    assert_eq!(events[0], Told::Message(answer, 0, vec![7; 1000]));
    assert!(events.contains(&Told::Message(other_there, 0, b"after".to_vec())));
}

#[test]
fn a_deadline_ends_a_stream_at_both_ends_and_one_in_the_past_never_opens() {
    let mut pipe = Pipe::new(Config::default());
    let context =
        |ms: u64| InvocationContext::builder().deadline_ms(START_US / 1000 + ms).build().unwrap().encode();
    let call = pipe.here.engine.open(stream_id(1), InteractionKind::Unary, &context(50)).unwrap();
    pipe.here.engine.open(stream_id(2), InteractionKind::Unary, &context(80)).unwrap();
    assert_eq!(pipe.here.engine.next_timeout(), Some(START_US + 50_000));
    pipe.pass();
    let answer = pipe.there.opened();
    // The frames of the second took too long.
    pipe.wait_ms(50);
    let cancelled = |events: &[Told], key| {
        events.iter().any(|told| {
            matches!(told, Told::Stream(k, flow::Event::Cancelled(why)) if *k == key && why.reason == CancelReason::DeadlineExceeded && why.by == By::Local)
        })
    };
    assert!(cancelled(&pipe.here.events(), call) && cancelled(&pipe.there.events(), answer));
    assert_eq!(pipe.here.engine.next_timeout(), Some(START_US + 80_000));
    pipe.pass();
    // The end of the one that the peer opened was told with its cancel.
    assert!(matches!(&pipe.here.events()[..], [Told::Over(..)]));
    assert_eq!(pipe.there.events(), []);
    assert_eq!((pipe.here.engine.len(), pipe.there.engine.len()), (1, 1), "the other one lives");

    let mut slow = Pipe::new(Config::default());
    slow.here.engine.open(stream_id(2), InteractionKind::Unary, &context(10)).unwrap();
    slow.now_us += 10_000;
    slow.pass();
    assert_eq!(slow.there.events(), [], "no handler sees it");
    assert!(
        matches!(&slow.here.events()[..], [Told::Stream(_, flow::Event::Cancelled(why)), Told::Over(..)] if why.by == By::Peer)
    );
    assert!(slow.there.engine.is_empty());
}

#[test]
fn what_was_read_can_be_taken_in_by_parts() {
    let mut pipe = Pipe::new(Config::default());
    let (call, _) = pipe.open(1, InteractionKind::BidiStream);
    for _ in 0..10 {
        pipe.here.engine.try_send(call, b"m").unwrap();
    }
    let bytes = pipe.here.transmit(1 << 16);
    let mut rest = bytes.clone();
    let mut messages = 0;
    while !rest.is_empty() {
        let mut incoming = pipe.there.engine.receive(&rest, START_US);
        for _ in 0..3 {
            messages += usize::from(matches!(incoming.next(), Some(Event::Message { .. })));
        }
        rest = incoming.rest().to_vec();
    }
    assert_eq!(messages, 10);
}

#[test]
fn a_ping_is_answered_and_nothing_opens_before_the_hello() {
    let mut pipe = Pipe::fresh(Config::default(), Config::default());
    let early = pipe.here.engine.open(stream_id(1), InteractionKind::Unary, &[]).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::NotEstablished);
    pipe.pass();
    pipe.here.events();
    pipe.here.engine.ping();
    let ping = pipe.here.transmit(1000);
    pipe.there.read(&ping, START_US);
    let pong = pipe.there.transmit(1000);
    pipe.here.read(&pong, START_US + 250);
    assert_eq!(pipe.here.events(), [Told::Other(Event::Pong { round_trip_us: 250 })]);
    // More pings than the credit of the control stream, one after the other.
    for _ in 0..100 {
        pipe.here.engine.ping();
        pipe.pass();
        assert!(matches!(&pipe.here.events()[..], [Told::Other(Event::Pong { .. })]));
    }
}

#[test]
fn settings_are_checked_and_agreed() {
    let mut config = Config::default();
    config.initial_credit = config.window + 1;
    let refused = Connection::new(config, stream_id(1), 0).unwrap_err();
    assert_eq!((refused.kind(), refused.field()), (ErrorKind::InvalidArgument, "initial_credit"));

    let mut small = Config::default();
    (small.max_payload, small.software) = (100, "small".into());
    let mut pipe = Pipe::fresh(Config::default(), small);
    pipe.pass();
    assert_eq!(pipe.here.engine.peer().unwrap().max_payload, 100);
    pipe.here.events();
    pipe.there.events();
    let (call, _) = pipe.open(1, InteractionKind::BidiStream);
    assert_eq!(pipe.here.engine.try_send(call, &[0; 101]).unwrap_err().kind(), ErrorKind::FrameTooLarge);
    pipe.here.engine.try_send(call, &[0; 100]).unwrap();
}
