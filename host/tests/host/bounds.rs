//! What a module can do to the host and to others.

use ixt_core::connection::{Config, Key};
use ixt_core::flow::{Event, Violation};
use ixt_core::invocation::Target;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamFrame};
use ixt_host::{Policy, Settings};

use crate::world::{ME, Told, World, offer, result};

fn wide() -> Config {
    let mut config = Config::default();
    (config.window, config.initial_credit) = (10_000, 10_000);
    config
}

#[test]
fn no_more_than_so_many_frames_are_under_way_whatever_the_reader_grants() {
    let mut world = World::new(Policy::open());
    let caller = world.connect(wide(), ME);
    world.announce(caller, "caller", &[], &[], b"").unwrap();
    let provider = world.connect(wide(), ME);
    world.announce(provider, "sink", &[offer("sink", "")], &[], b"").unwrap();
    let context = world.context(caller, Target::Service("sink".into()));
    let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
    world.pass();
    let key = world.opened(provider).unwrap();
    for (from, stream) in [(caller, call), (provider, key)] {
        let mut sent = 0;
        while world.modules[from].engine.try_send(stream, b"m").is_ok() {
            sent += 1;
        }
        assert!((1..=256).contains(&sent), "{sent}");
    }
    // It is no stop: what has gone through makes room.
    let mut sent = 256;
    for _ in 0..100 {
        world.pass();
        while world.modules[caller].engine.try_send(call, b"m").is_ok() {
            sent += 1;
        }
    }
    assert!(sent > 5000, "{sent}");
}

#[test]
fn a_reader_that_sleeps_stops_its_writer_and_the_host_keeps_little() {
    let mut world = World::new(Policy::open());
    let caller = world.module("caller");
    world.module("sink");
    let context = world.context(caller, Target::Service("sink".into()));
    let (call, _) = world.open(caller, InteractionKind::ClientStream, &context);
    let mut sent = 0;
    for _ in 0..50 {
        while world.modules[caller].engine.try_send(call, &[0; 1000]).is_ok() {
            sent += 1;
        }
        world.pass();
    }
    assert_eq!(sent, 64, "the window of the reader");
    assert_eq!(world.host.streams()[0].waiting, [0, 0]);
    // Others go on.
    let other = world.module("other");
    let quick = world.call(other, "caller");
    let key = world.opened(caller).unwrap();
    world.answer(caller, key, b"x");
    assert!(result(&world.events(other), quick).is_ok());
}

#[test]
fn too_much_that_waits_for_a_connection_ends_its_largest_stream() {
    let mut settings = Settings::default();
    (settings.max_queued_stream, settings.max_queued_connection) = (200_000, 300_000);
    // More than may wait, which the usual settings do not allow.
    settings.connection.initial_credit = 64;
    let mut world = World::with(settings, Policy::open());
    let caller = world.connect(wide(), ME);
    world.announce(caller, "caller", &[], &[], b"").unwrap();
    let provider = world.connect(wide(), ME);
    world.announce(provider, "sink", &[offer("sink", "")], &[], b"").unwrap();
    let context = world.context(caller, Target::Service("sink".into()));
    let calls: Vec<_> =
        (0..3).map(|_| world.open(caller, InteractionKind::ClientStream, &context).0).collect();
    world.pass();
    world.events(provider);
    // Nothing leaves the host towards the provider meanwhile.
    let send = |world: &mut World, call, count: usize| {
        for _ in 0..count {
            world.modules[caller].engine.try_send(call, &[0; 10_000]).unwrap();
        }
        let mut buffer = vec![0; 1 << 20];
        while let filled @ 1.. = world.modules[caller].engine.poll_transmit(&mut buffer) {
            world.host.receive(world.modules[caller].link, &buffer[..filled], world.now_us);
        }
    };
    send(&mut world, calls[0], 10);
    send(&mut world, calls[1], 15);
    send(&mut world, calls[2], 4);
    assert_eq!(world.host.streams().len(), 3, "290 kB");
    send(&mut world, calls[2], 1);
    assert_eq!(world.host.streams().len(), 2, "the second was the largest");
    send(&mut world, calls[0], 10);
    assert_eq!(world.host.streams().len(), 1, "one alone was too large");
    world.pass();
    let events = world.events(caller);
    for (call, code) in [
        (calls[0], Some(StreamErrorCode::ResourceExhausted)),
        (calls[1], Some(StreamErrorCode::ResourceExhausted)),
        (calls[2], None),
    ] {
        assert_eq!(result(&events, call), Err(code));
    }
    // The one that is left is whole.
    world.modules[caller].engine.close(calls[2], CloseReason::Completed).unwrap();
    world.pass();
    let got = world.events(provider).iter().filter(|told| matches!(told, Told::Message(..))).count();
    assert!(got >= 5);
}

#[test]
fn no_caller_takes_all_streams_of_a_provider() {
    let mut world = World::new(Policy::open());
    let greedy = world.module("greedy");
    let modest = world.module("modest");
    let mut config = Config::default();
    config.max_streams = 20;
    let provider = world.connect(config, ME);
    world.announce(provider, "narrow", &[offer("narrow", "")], &[], b"").unwrap();
    let context = world.context(greedy, Target::Service("narrow".into()));
    let calls: Vec<_> =
        (0..20).map(|_| world.open(greedy, InteractionKind::BidiStream, &context).0).collect();
    world.pass();
    let events = world.events(greedy);
    let refused =
        calls.iter().filter(|&&call| result(&events, call) == Err(Some(StreamErrorCode::ResourceExhausted)));
    assert_eq!(refused.count(), 2, "nine times as many as are left");
    let call = world.call(modest, "narrow");
    assert_eq!(world.host.streams().len(), 19);
    // Who gives some back may open as many again.
    world.modules[greedy].engine.cancel(calls[0], CancelReason::UserRequested, "").unwrap();
    world.modules[greedy].engine.cancel(calls[1], CancelReason::UserRequested, "").unwrap();
    world.pass();
    world.open(greedy, InteractionKind::BidiStream, &context);
    world.pass();
    assert_eq!(world.host.streams().len(), 18);
    assert_eq!(result(&world.events(modest), call), Err(None), "it is still answered");
}

#[test]
fn so_many_connections_and_no_more() {
    let mut settings = Settings::default();
    settings.max_connections = 2;
    let mut world = World::with(settings, Policy::open());
    world.module("a");
    world.module("b");
    assert!(world.host.connect(ixt_host::Peer::default(), world.now_us).is_none());
}

#[test]
fn frames_of_an_unknown_kind_go_through_and_too_many_do_not() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("sink"));
    let context = world.context(caller, Target::Service("sink".into()));
    let (call, id) = world.open(caller, InteractionKind::BidiStream, &context);
    world.pass();
    world.opened(provider).unwrap();
    // A close, of a kind that no version has.
    let mut frame = StreamFrame::close(id, CloseReason::Completed, 1).encode().unwrap();
    frame[40] = 99;
    let link = world.modules[caller].link;
    world.host.receive(link, &frame, world.now_us);
    world.pass();
    let events = world.events(provider);
    assert!(
        matches!(&events[..], [Told::Stream(_, Event::Violation(Violation::UnknownFrame))]),
        "{events:?}"
    );
    assert_eq!(world.host.streams().len(), 1);
    let many = frame.repeat(30_000);
    world.host.receive(link, &many, world.now_us);
    assert_eq!(world.host.streams().len(), 0);
    world.pass();
    assert_eq!(result(&world.events(caller), call), Err(Some(StreamErrorCode::ResourceExhausted)));
}

#[test]
fn broadcasts_to_one_who_does_not_read_are_dropped_and_others_hear_them() {
    let mut settings = Settings::default();
    settings.max_queued_connection = 300_000;
    let mut world = World::with(settings, Policy::open());
    let caller = world.module("caller");
    let listener = world.connect(Config::default(), ME);
    world.announce(listener, "listener", &[], &["news"], b"").unwrap();
    let context = world.context(caller, Target::Broadcast("news".into()));
    for _ in 0..20 {
        let (call, _) = world.open(caller, InteractionKind::Unary, &context);
        let engine = &mut world.modules[caller].engine;
        engine.try_send(call, &[7; 50_000]).unwrap();
        engine.close(call, CloseReason::Completed).unwrap();
        // The listener reads nothing meanwhile.
        let mut buffer = vec![0; 1 << 20];
        while let filled @ 1.. = world.modules[caller].engine.poll_transmit(&mut buffer) {
            world.host.receive(world.modules[caller].link, &buffer[..filled], world.now_us);
        }
    }
    world.pass();
    let heard = world.events(listener).iter().filter(|told| matches!(told, Told::Message(..))).count();
    assert!((1..=6).contains(&heard), "{heard}");
}

/// The open of one that is dropped has left, or will: without an end it would take a place of the listener for ever.
#[test]
fn a_broadcast_that_is_dropped_ends_for_who_does_not_read() {
    let mut settings = Settings::default();
    settings.max_queued_connection = 300_000;
    let mut world = World::with(settings, Policy::open());
    let caller = world.module("caller");
    let listener = world.connect(Config::default(), ME);
    world.announce(listener, "listener", &[], &["news"], b"").unwrap();
    let context = world.context(caller, Target::Broadcast("news".into()));
    for _ in 0..20 {
        world.open(caller, InteractionKind::Unary, &context);
    }
    let calls: Vec<_> = world.modules[caller].engine.streams().skip(1).map(|(key, ..)| key).collect();
    for call in calls {
        let engine = &mut world.modules[caller].engine;
        engine.try_send(call, &[7; 50_000]).unwrap();
        engine.close(call, CloseReason::Completed).unwrap();
        let mut buffer = vec![0; 1 << 20];
        while let filled @ 1.. = world.modules[caller].engine.poll_transmit(&mut buffer) {
            world.host.receive(world.modules[caller].link, &buffer[..filled], world.now_us);
        }
    }
    world.pass();
    let heard: Vec<Key> = world
        .events(listener)
        .iter()
        .filter_map(|told| if let Told::Message(key, _) = told { Some(*key) } else { None })
        .collect();
    for key in heard {
        world.answer(listener, key, b"");
    }
    assert_eq!(world.modules[listener].engine.len(), 1, "its stream to the host alone");
    let held = world.host.held();
    assert_eq!((held.streams, held.halves, held.routes), (2, 2, 0), "{held:?}");
}

#[test]
fn a_tap_that_nobody_reads_is_over_and_has_no_gap() {
    let mut world = World::new(Policy::open());
    let caller = world.module("caller");
    let provider = world.module("sink");
    let tap = world.host.open_tap(ixt_host::TapFilter { module: None, target: Some("service:sink".into()) });
    let none = world.host.open_tap(ixt_host::TapFilter { module: Some("nobody".into()), target: None });
    let context = world.context(caller, Target::Service("sink".into()));
    for _ in 0..20 {
        let call = world.unary(caller, &context, &vec![1; 1 << 20]);
        let key = world.opened(provider).unwrap();
        world.answer(provider, key, b"");
        assert!(result(&world.events(caller), call).is_ok());
    }
    let frames: Vec<Vec<u8>> = std::iter::from_fn(|| world.host.poll_tap(tap)).collect();
    // Open, data, close, and the answer's data and close: 15 calls and a part of the sixteenth.
    assert!((75..80).contains(&frames.len()), "{}", frames.len());
    assert!(frames.iter().map(Vec::len).sum::<usize>() <= 16 << 20);
    assert!(world.host.missed(tap) > 20);
    // What was read makes no room: the frame after the gap would seem to follow the one before it.
    world.unary(caller, &context, b"x");
    assert_eq!(world.host.poll_tap(tap), None);
    assert_eq!((world.host.poll_tap(none), world.host.missed(none)), (None, 0));
}

/// However large its messages, who sends by the rules does not lose its stream because its reader is slow.
#[test]
fn large_messages_to_a_slow_reader_wait_with_their_sender() {
    for window in [8, 64, 1000] {
        for size in [128 << 10, 40_000, 10] {
            // An eighth of the usual.
            let mut settings = Settings::default();
            (settings.connection.max_payload, settings.max_queued_stream) = (128 << 10, 2 << 20);
            let mut world = World::with(settings, Policy::open());
            let mut config = Config::default();
            (config.window, config.initial_credit) = (window, window);
            config.max_queued_stream = 1 << 30;
            config.max_queued = 1 << 30;
            let sink = world.connect(config.clone(), ME);
            world.announce(sink, "sink", &[offer("sink", "")], &[], b"").unwrap();
            let caller = world.connect(config, ME);
            world.announce(caller, "caller", &[], &[], b"").unwrap();
            let context = world.context(caller, Target::Service("sink".into()));
            let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
            world.pass();
            let key = world.opened(sink).unwrap();
            let payload = vec![0; size];
            let mut largest = 0;
            for _ in 0..8 {
                // Either sends all that it may, the other reads none of it until the host has it all.
                for (module, stream) in [(caller, call), (sink, key)] {
                    while world.modules[module].engine.try_send(stream, &payload).is_ok() {}
                    let link = world.modules[module].link;
                    let mut bytes = vec![0; 1 << 20];
                    loop {
                        let filled = world.modules[module].engine.poll_transmit(&mut bytes);
                        if filled == 0 {
                            break;
                        }
                        world.host.receive(link, &bytes[..filled], world.now_us);
                    }
                }
                let streams = world.host.streams();
                let stream = streams.iter().find(|stream| stream.target == "service:sink").expect("it lives");
                largest = stream.waiting.into_iter().max().unwrap().max(largest);
                world.pass();
                for (module, stream) in [(caller, call), (sink, key)] {
                    let messages = world.events(module);
                    let messages = messages.iter().filter(|told| matches!(told, Told::Message(..))).count();
                    world.modules[module].engine.consume(stream, messages as u32).unwrap();
                }
            }
            // It is not one at a time, either.
            assert!(largest >= 8, "{window} {size}: {largest}");
        }
    }
}
