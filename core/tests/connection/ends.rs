//! How a connection ends, and what becomes of its streams.

use ixt_core::ErrorKind;
use ixt_core::connection::{Config, EndReason, Event};
use ixt_core::flow::{self, By, Outcome};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamFrame};

use crate::pipe::{End, Pipe, START_US, Told, stream_id};

/// The reason of the last event, which must be the end.
fn ended(end: &mut End) -> (EndReason, By) {
    let events = end.events();
    match events.last() {
        Some(Told::Other(Event::Ended(end))) => (end.reason, end.by),
        _ => panic!("{events:?}"),
    }
}

#[test]
fn every_stream_fails_as_unavailable_and_the_peer_is_told() {
    let mut pipe = Pipe::new(Config::default());
    let calls: Vec<_> = (0..100).map(|number| pipe.open(number, InteractionKind::BidiStream)).collect();
    let ticket = {
        while pipe.here.engine.try_send(calls[7].0, b"m").is_ok() {}
        pipe.here.engine.wait(calls[7].0).unwrap()
    };
    pipe.here.engine.end(EndReason::Overload, "no more memory");
    pipe.pass();
    let events = pipe.here.events();
    for (call, _) in &calls {
        let of_it: Vec<_> = events
            .iter()
            .filter(|told| matches!(told, Told::Stream(key, _) | Told::Over(key, _) if key == call))
            .collect();
        let failed =
            |failure: &flow::Failure| failure.code == StreamErrorCode::Unavailable && failure.by == By::Local;
        assert!(
            of_it
                .iter()
                .any(|told| matches!(told, Told::Stream(_, flow::Event::Failed(failure)) if failed(failure))),
            "{of_it:?}"
        );
        assert!(matches!(of_it.last(), Some(Told::Over(_, Outcome::Failed(failure))) if failed(failure)));
    }
    assert!(events.contains(&Told::Stream(calls[7].0, flow::Event::Ended(ticket))));
    assert!(
        matches!(events.last(), Some(Told::Other(Event::Ended(end))) if end.reason == EndReason::Overload)
    );
    let there = pipe.there.events();
    assert_eq!(there.iter().filter(|told| matches!(told, Told::Over(..))).count(), 100);
    let Some(Told::Other(Event::Ended(end))) = there.last() else { panic!("{there:?}") };
    assert_eq!((end.reason, end.by, end.message.as_str()), (EndReason::Overload, By::Peer, "no more memory"));
    assert!(pipe.here.engine.is_empty() && pipe.there.engine.is_empty());
    // Nothing comes after it.
    assert_eq!((pipe.here.events(), pipe.here.transmit(100)), (vec![], vec![]));
    assert_eq!(
        pipe.here.engine.open(stream_id(500), InteractionKind::Unary, &[]).unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(pipe.here.engine.next_timeout(), None);
}

#[test]
fn the_transport_ends_between_frames_or_within_one() {
    let mut pipe = Pipe::new(Config::default());
    let (call, _) = pipe.open(1, InteractionKind::BidiStream);
    pipe.here.engine.try_send(call, &[1; 500]).unwrap();
    let bytes = pipe.here.transmit(1 << 16);
    pipe.there.read(&bytes[..300], START_US);
    pipe.there.engine.transport_ended();
    assert_eq!(ended(&mut pipe.there), (EndReason::TornFrame, By::Peer));
    pipe.here.engine.transport_ended();
    assert_eq!(ended(&mut pipe.here), (EndReason::Transport, By::Peer));
}

#[test]
fn what_cannot_be_a_frame_ends_the_connection_by_name() {
    let not_first = StreamFrame::credit(stream_id(9), 1).encode().unwrap();
    let wrong_service =
        StreamFrame::open(stream_id(9), InteractionKind::BidiStream, 16, vec![]).encode().unwrap();
    let mut nil = not_first.clone();
    nil[16..32].fill(0);
    for (bytes, reason) in [
        (vec![0xff; 8], EndReason::MalformedFrame),
        (vec![0, 0, 0, 0, 0, 0, 0x10, 0], EndReason::OversizedFrame),
        (nil, EndReason::MalformedFrame),
        (not_first, EndReason::ProtocolViolation),
        (wrong_service, EndReason::ProtocolViolation),
    ] {
        let mut end = End::new(Config::default(), 1, START_US);
        end.read(&bytes, START_US);
        // What ends it is told by what was read, without another question.
        assert!(matches!(end.told.last(), Some(Told::Other(Event::Ended(_)))));
        assert_eq!(ended(&mut end), (reason, By::Local));
        // The peer is told why.
        let mut peer = End::new(Config::default(), 2, START_US);
        peer.read(&end.transmit(1 << 16), START_US);
        assert_eq!(ended(&mut peer), (reason, By::Peer));
    }
}

#[test]
fn going_away_lets_streams_finish_and_opens_none() {
    let mut pipe = Pipe::new(Config::default());
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    pipe.there.engine.go_away(1000, "restarting");
    // It crosses with an open.
    let crossing = pipe.here.engine.open(stream_id(2), InteractionKind::Unary, &[]).unwrap();
    pipe.pass();
    let events = pipe.here.events();
    assert!(
        matches!(&events[0], Told::Other(Event::GoingAway { grace_ms: 1000, message, .. }) if message == "restarting")
    );
    assert!(events.iter().any(|told| matches!(told, Told::Stream(key, flow::Event::Failed(why)) if *key == crossing && why.code == StreamErrorCode::Unavailable)));
    assert_eq!(
        pipe.here.engine.open(stream_id(3), InteractionKind::Unary, &[]).unwrap_err().kind(),
        ErrorKind::GoingAway
    );
    assert_eq!(
        pipe.there.engine.open(stream_id(3), InteractionKind::Unary, &[]).unwrap_err().kind(),
        ErrorKind::GoingAway
    );
    pipe.here.engine.try_send(call, b"still").unwrap();
    pipe.here.engine.close(call, CloseReason::Completed).unwrap();
    pipe.pass();
    pipe.there.engine.close(answer, CloseReason::Completed).unwrap();
    pipe.pass();
    assert_eq!(pipe.there.events().last(), Some(&Told::Other(Event::Drained)));
    assert_eq!(pipe.here.events().last(), Some(&Told::Other(Event::Drained)));
}

#[test]
fn streams_that_take_too_long_to_finish_are_cancelled() {
    let mut pipe = Pipe::new(Config::default());
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    pipe.there.engine.go_away(1000, "");
    pipe.pass();
    pipe.wait_ms(999);
    pipe.pass();
    assert_eq!(pipe.here.engine.len(), 1);
    pipe.wait_ms(1);
    pipe.pass();
    let shutdown = |why: &flow::Cancellation| why.reason == CancelReason::Shutdown;
    assert!(pipe.there.events().iter().any(|told| matches!(told, Told::Stream(key, flow::Event::Cancelled(why)) if *key == answer && shutdown(why) && why.by == By::Local)));
    let here = pipe.here.events();
    assert!(here.iter().any(|told| matches!(told, Told::Stream(key, flow::Event::Cancelled(why)) if *key == call && shutdown(why) && why.by == By::Peer)));
    assert_eq!(here.last(), Some(&Told::Other(Event::Drained)));
}

#[test]
fn a_silent_peer_gets_a_ping_and_then_the_end() {
    let mut pipe = Pipe::new(Config::default());
    assert_eq!(pipe.here.engine.next_timeout(), Some(START_US + 15_000_000));
    pipe.wait_ms(15_000);
    let ping = pipe.here.transmit(1000);
    assert!(!ping.is_empty());
    // A peer that answers is not idle.
    pipe.there.read(&ping, pipe.now_us);
    pipe.pass();
    assert!(matches!(&pipe.here.events()[..], [Told::Other(Event::Pong { .. })]));
    pipe.wait_ms(15_000);
    assert_eq!(pipe.here.engine.next_timeout(), Some(pipe.now_us + 15_000_000), "one ping a quiet time");
    pipe.wait_ms(44_999);
    assert!(!pipe.here.engine.has_ended());
    pipe.wait_ms(1);
    assert_eq!(ended(&mut pipe.here), (EndReason::Idle, By::Local));
}

#[test]
fn a_peer_that_says_no_hello_is_let_go_however_it_trickles() {
    let mut slow = End::new(Config::default(), 1, START_US);
    let hello = slow.transmit(1000);
    let mut here = End::new(Config::default(), 2, START_US);
    assert_eq!(here.engine.next_timeout(), Some(START_US + 10_000_000));
    for (second, byte) in (1..10).zip(&hello) {
        here.read(std::slice::from_ref(byte), START_US + second * 1_000_000);
    }
    here.engine.handle_timeout(START_US + 9_999_999);
    assert!(!here.engine.has_ended());
    here.engine.handle_timeout(START_US + 10_000_000);
    assert_eq!(ended(&mut here), (EndReason::Idle, By::Local));
}

#[test]
fn nothing_leaves_behind_the_last_word() {
    let mut pipe = Pipe::new(Config::default());
    let calls: Vec<_> = (0..3).map(|number| pipe.open(number, InteractionKind::BidiStream).0).collect();
    let before = pipe.here.engine.stats().frames_out;
    pipe.here.engine.end(EndReason::Shutdown, "");
    // The application has not heard of it yet.
    let _ = pipe.here.engine.try_send(calls[0], b"late");
    let _ = pipe.here.engine.cancel(calls[1], CancelReason::UserRequested, "");
    let _ = pipe.here.engine.consume(calls[2], 0);
    pipe.here.engine.ping();
    pipe.here.transmit(1000);
    assert_eq!(pipe.here.engine.stats().frames_out, before + 1);
    assert!(!pipe.here.engine.has_transmit());
    assert_eq!(ended(&mut pipe.here), (EndReason::Shutdown, By::Local));
    assert_eq!(pipe.here.engine.queued(), 0);
}
