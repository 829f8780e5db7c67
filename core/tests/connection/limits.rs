//! What a peer may do before it is stopped.

use ixt_core::ErrorKind;
use ixt_core::connection::{Config, EndReason, Event};
use ixt_core::flow::{self, By};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamFrame};

use crate::pipe::{Pipe, Told, stream_id};

/// Writes frames by hand, as a peer that keeps no rules.
fn hostile(pipe: &mut Pipe, frames: &[StreamFrame]) {
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
    pipe.there.read(&bytes, pipe.now_us);
}

fn open_frame(number: u64) -> StreamFrame {
    StreamFrame::open(stream_id(number), InteractionKind::BidiStream, 8, vec![])
}

fn failed(told: &Told) -> Option<StreamErrorCode> {
    match told {
        Told::Stream(_, flow::Event::Failed(failure)) => Some(failure.code),
        _ => None,
    }
}

#[test]
fn no_more_streams_than_allowed() {
    let mut config = Config::default();
    config.max_streams = 3;
    let mut pipe = Pipe::new(config);
    let opened: Vec<_> = (0..3).map(|number| pipe.open(number, InteractionKind::BidiStream)).collect();
    let refused = pipe.here.engine.open(stream_id(3), InteractionKind::Unary, &[]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooManyStreams);
    hostile(&mut pipe, &[open_frame(4)]);
    assert_eq!(pipe.there.events(), []);
    assert_eq!(pipe.there.engine.stats().refused, 1);
    // When one has ended there is room again.
    pipe.here.engine.close(opened[0].0, CloseReason::Completed).unwrap();
    pipe.there.engine.close(opened[0].1, CloseReason::Completed).unwrap();
    pipe.pass();
    pipe.here.engine.open(stream_id(5), InteractionKind::Unary, &[]).unwrap();
    pipe.pass();
    assert!(pipe.there.events().iter().any(|told| matches!(told, Told::Opened(..))));
}

#[test]
fn no_more_opens_in_a_second_than_allowed() {
    let mut config = Config::default();
    config.max_opens = 10;
    let mut pipe = Pipe::new(config);
    let frames: Vec<_> = (0..12).map(open_frame).collect();
    hostile(&mut pipe, &frames);
    assert_eq!((pipe.there.engine.len(), pipe.there.engine.stats().refused), (10, 2));
    pipe.now_us += 100_000;
    hostile(&mut pipe, &[open_frame(20), open_frame(21)]);
    assert_eq!((pipe.there.engine.len(), pipe.there.engine.stats().refused), (11, 3));
}

#[test]
fn an_id_is_not_used_twice() {
    let mut pipe = Pipe::new(Config::default());
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    assert_eq!(
        pipe.here.engine.open(stream_id(1), InteractionKind::Unary, &[]).unwrap_err().kind(),
        ErrorKind::StreamIdInUse
    );
    assert_eq!(
        pipe.there.engine.open(stream_id(1), InteractionKind::Unary, &[]).unwrap_err().kind(),
        ErrorKind::StreamIdInUse
    );
    pipe.here.engine.close(call, CloseReason::Completed).unwrap();
    pipe.there.engine.close(answer, CloseReason::Completed).unwrap();
    pipe.pass();
    pipe.there.events();
    assert_eq!(
        pipe.here.engine.open(stream_id(1), InteractionKind::Unary, &[]).unwrap_err().kind(),
        ErrorKind::StreamIdInUse
    );
    // What crossed with the end is ignored; an open is refused and counted.
    hostile(&mut pipe, &[StreamFrame::credit(stream_id(1), 5), StreamFrame::data(stream_id(1), 0, vec![1])]);
    assert_eq!((pipe.there.events(), pipe.there.engine.stats().ignored), (vec![], 2));
    hostile(&mut pipe, &[open_frame(1)]);
    assert_eq!((pipe.there.events(), pipe.there.engine.stats().violations), (vec![], 1));
    // A live one: the stream fails, as specification 23 says.
    pipe.open(2, InteractionKind::BidiStream);
    hostile(&mut pipe, &[open_frame(2)]);
    let events = pipe.there.events();
    assert_eq!(failed(&events[0]), Some(StreamErrorCode::ProtocolViolation));
}

#[test]
fn a_frame_of_no_stream_is_told_and_harms_nothing() {
    let mut pipe = Pipe::new(Config::default());
    let frames: Vec<_> = (0..1000).map(|number| StreamFrame::credit(stream_id(number), 1)).collect();
    hostile(&mut pipe, &frames);
    let events = pipe.there.events();
    assert_eq!(events.len(), 1000);
    assert_eq!(events[0], Told::Other(Event::UnknownStream(stream_id(0))));
    assert!(!pipe.there.engine.has_ended());
}

#[test]
fn broken_rules_end_their_streams_and_many_end_the_connection() {
    let mut config = Config::default();
    config.max_violations = 3;
    let mut pipe = Pipe::new(config);
    let data_without_credit = |pipe: &mut Pipe, number: u64| {
        let mut frames = vec![open_frame(number)];
        frames.extend((0..65).map(|sequence| StreamFrame::data(stream_id(number), sequence, vec![1])));
        hostile(pipe, &frames);
    };
    for number in 0..3 {
        data_without_credit(&mut pipe, number);
        let events = pipe.there.events();
        assert!(
            events.iter().any(|told| failed(told) == Some(StreamErrorCode::FlowControlViolation)),
            "{events:?}"
        );
    }
    // One a second is forgiven.
    pipe.now_us += 1_000_000;
    data_without_credit(&mut pipe, 10);
    assert!(!pipe.there.engine.has_ended());
    data_without_credit(&mut pipe, 11);
    let events = pipe.there.events();
    assert!(
        matches!(events.last(), Some(Told::Other(Event::Ended(end))) if end.reason == EndReason::TooManyViolations && end.by == By::Local)
    );
}

#[test]
fn a_peer_that_reads_no_refusal_is_dropped() {
    let mut config = Config::default();
    (config.max_streams, config.max_violations) = (0, u32::MAX);
    let mut pipe = Pipe::of(Config::default(), config);
    for number in 0..20_000 {
        hostile(&mut pipe, &[open_frame(number)]);
        if pipe.there.engine.has_ended() {
            assert!(number > 5000);
            let events = pipe.there.events();
            assert!(
                matches!(events.last(), Some(Told::Other(Event::Ended(end))) if end.reason == EndReason::Overload)
            );
            return;
        }
    }
    panic!("it keeps 20,000 refusals");
}

#[test]
fn a_peer_that_reads_nothing_of_what_a_host_tells_it_is_dropped() {
    let mut config = Config::default();
    (config.relay, config.max_opens) = (true, u32::MAX);
    let mut pipe = Pipe::of(Config::default(), config);
    let engine = &mut pipe.there.engine;
    for number in 0..40_000 {
        let open = open_frame(number).encode().unwrap();
        let mut opened = None;
        let mut incoming = engine.receive(&open, pipe.now_us);
        while let Some(event) = incoming.next() {
            match event {
                Event::Relay { stream, .. } => opened = Some(stream),
                Event::Ended(end) => {
                    assert_eq!((end.reason, end.by), (EndReason::Overload, By::Local));
                    return;
                }
                Event::RelayFailed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        // The largest refusal that there is.
        let code = StreamErrorCode::NotFound;
        let refusal = StreamFrame::error(stream_id(number), code, 0, "x".repeat(4096), vec![]);
        engine.relay_control(opened.unwrap(), &refusal.encode().unwrap(), true);
    }
    panic!("it keeps 160 MB");
}

#[test]
fn a_peer_that_is_slow_to_read_gets_no_more_streams_and_is_not_dropped() {
    let mut config = Config::default();
    config.relay = true;
    let mut pipe = Pipe::of(Config::default(), config);
    let context = ixt_core::invocation::InvocationContext::builder()
        .metadata("k", "v".repeat(4000))
        .build()
        .unwrap()
        .encode();
    let open = |number| {
        let frame = StreamFrame::open(stream_id(number), InteractionKind::Unary, 1, context.clone());
        frame.encode().unwrap()
    };
    let refused = (0..10_000).find_map(|number| pipe.there.engine.relay_open(&open(number)).err());
    assert_eq!(refused.unwrap().kind(), ErrorKind::QueueFull);
    assert!(pipe.there.engine.queued() < 5 << 20);
    pipe.pass();
    pipe.there.engine.relay_open(&open(20_000)).unwrap();
    assert!(!pipe.there.engine.has_ended());
}

#[test]
fn a_payload_beyond_the_limit_fails_its_stream_and_a_frame_beyond_it_the_connection() {
    let mut config = Config::default();
    config.max_payload = 1000;
    let mut pipe = Pipe::new(config);
    pipe.open(1, InteractionKind::BidiStream);
    let frame = StreamFrame::data(stream_id(1), 0, vec![0; 1001]);
    hostile(&mut pipe, &[frame]);
    let events = pipe.there.events();
    assert_eq!(failed(&events[0]), Some(StreamErrorCode::ResourceExhausted));
    assert!(!pipe.there.engine.has_ended());
    let frame = StreamFrame::data(stream_id(1), 0, vec![0; 1000 + (20 << 10)]);
    hostile(&mut pipe, &[frame]);
    let events = pipe.there.events();
    assert!(
        matches!(events.last(), Some(Told::Other(Event::Ended(end))) if end.reason == EndReason::OversizedFrame)
    );
}

#[test]
fn a_control_stream_that_is_misused_ends_the_connection() {
    // The first id that an end in these tests opens its control stream with.
    let control = stream_id(u64::MAX - 1);
    for frame in [
        StreamFrame::close(control, CloseReason::Completed, 1),
        StreamFrame::cancel(control, CancelReason::UserRequested, String::new()),
        StreamFrame::data(control, 1, b"no message".to_vec()),
        StreamFrame::data(control, 5, vec![]),
        StreamFrame::open(control, InteractionKind::BidiStream, 1, vec![]),
        StreamFrame::credit(control, 0),
    ] {
        let mut pipe = Pipe::new(Config::default());
        hostile(&mut pipe, &[frame]);
        let events = pipe.there.events();
        assert!(
            matches!(events.last(), Some(Told::Other(Event::Ended(end))) if end.reason == EndReason::ProtocolViolation),
            "{events:?}"
        );
    }
}

#[test]
fn a_stream_that_its_peer_has_ended_makes_room_for_the_next_at_once() {
    let mut config = Config::default();
    (config.max_streams, config.window, config.initial_credit) = (1, 2, 2);
    let mut pipe = Pipe::new(config);
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    pipe.here.engine.try_send(call, b"question").unwrap();
    pipe.pass();
    pipe.there.events();
    // A grant and a message have not left yet.
    pipe.there.engine.consume(answer, 1).unwrap();
    pipe.there.engine.try_send(answer, b"answer").unwrap();
    pipe.here.engine.cancel(call, CancelReason::UserRequested, "").unwrap();
    let mut bytes = pipe.here.transmit(1000);
    pipe.here.engine.open(stream_id(2), InteractionKind::Unary, &[]).unwrap();
    bytes.extend(pipe.here.transmit(1000));
    pipe.there.read(&bytes, pipe.now_us);
    let events = pipe.there.events();
    assert!(matches!(events.last(), Some(Told::Opened(..))), "{events:?}");
    assert_eq!((pipe.there.engine.stats().refused, pipe.there.engine.stats().violations), (0, 0));
    // Nothing of the first one leaves any more.
    pipe.pass();
    assert!(pipe.here.events().iter().all(|told| !matches!(told, Told::Message(..))));
}

#[test]
fn a_stream_that_both_have_ended_makes_room_for_the_next_at_once() {
    for completes in [false, true] {
        let mut config = Config::default();
        config.max_streams = 1;
        let mut pipe = Pipe::new(config);
        let (call, answer) = pipe.open(1, InteractionKind::Unary);
        pipe.here.engine.try_send(call, b"question").unwrap();
        pipe.here.engine.close(call, CloseReason::Completed).unwrap();
        pipe.pass();
        pipe.there.events();
        // Its end, or its answer, has not left yet.
        if completes {
            pipe.there.engine.try_send(answer, b"answer").unwrap();
            pipe.there.engine.close(answer, CloseReason::Completed).unwrap();
            assert!(pipe.there.transmit(0).is_empty());
        } else {
            pipe.there.engine.fail(answer, StreamErrorCode::Internal, "", &[]).unwrap();
        }
        pipe.here.engine.cancel(call, CancelReason::UserRequested, "").unwrap();
        let mut bytes = pipe.here.transmit(1000);
        pipe.here.engine.open(stream_id(2), InteractionKind::Unary, &[]).unwrap();
        bytes.extend(pipe.here.transmit(1000));
        pipe.there.read(&bytes, pipe.now_us);
        let events = pipe.there.events();
        assert!(events.iter().any(|told| matches!(told, Told::Opened(..))), "{events:?}");
        assert_eq!(pipe.there.engine.stats().violations, 0);
        pipe.pass();
        assert!(!pipe.there.engine.has_transmit() && !pipe.here.engine.has_ended());
    }
}
