//! Modules that break rules, and what others notice of it: nothing.

use ixt_core::connection::{Config, Key};
use ixt_core::flow::Event;
use ixt_core::invocation::Target;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamFrame, StreamId};
use ixt_host::{Policy, Settings, ToHost};

use crate::world::{ME, Told, World, code, offer, result};

/// A call to `thumbs` that both ends know.
fn call(world: &mut World, caller: usize, provider: usize, kind: InteractionKind) -> (Key, StreamId, Key) {
    let context = world.context(caller, Target::Service("thumbs".into()));
    let (call, id) = world.open(caller, kind, &context);
    world.pass();
    let answer = world.opened(provider).unwrap();
    (call, id, answer)
}

/// Frames by hand, beside what the module's engine says.
fn inject(world: &mut World, module: usize, frames: &[StreamFrame]) {
    let link = world.modules[module].link;
    for frame in frames {
        let mut bytes = Vec::new();
        frame.encode_into(&mut bytes, ixt_core::Limits::with_max_payload(1 << 20)).unwrap();
        world.host.receive(link, &bytes, world.now_us);
    }
    world.pass();
}

fn data(id: StreamId, sequence: u64) -> StreamFrame {
    StreamFrame::data(id, sequence, b"x".to_vec())
}

fn close(id: StreamId, last: u64) -> StreamFrame {
    StreamFrame::close(id, CloseReason::Completed, last)
}

#[test]
fn a_module_that_breaks_a_rule_is_stopped_before_it_is_the_hosts_fault() {
    use StreamErrorCode::{ProtocolViolation, SequenceViolation};
    type Frames = fn(StreamId) -> Vec<StreamFrame>;
    let cases: [(InteractionKind, StreamErrorCode, Frames); 5] = [
        (InteractionKind::BidiStream, SequenceViolation, |id| vec![data(id, 5)]),
        (InteractionKind::BidiStream, SequenceViolation, |id| vec![data(id, 0), data(id, 0)]),
        (InteractionKind::BidiStream, SequenceViolation, |id| vec![close(id, 7)]),
        (InteractionKind::Unary, ProtocolViolation, |id| vec![close(id, 0)]),
        (InteractionKind::Unary, ProtocolViolation, |id| vec![data(id, 0), data(id, 1)]),
    ];
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    for (kind, expected, frames) in cases {
        let (call, id, answer) = call(&mut world, caller, provider, kind);
        inject(&mut world, caller, &frames(id));
        let events = world.events(caller);
        assert!(events.iter().any(|told| code(told, call) == Some(expected)), "{events:?}");
        // The provider hears of a failure, and accuses nobody.
        let events = world.events(provider);
        assert!(events.iter().any(|told| code(told, answer) == Some(expected)), "{events:?}");
        assert_eq!(world.modules[provider].engine.stats().violations, 0);
    }
    assert!(world.host.streams().is_empty());
}

#[test]
fn what_the_other_module_does_not_take_fails_its_stream_alone() {
    let mut world = World::new(Policy::open());
    let caller = world.module("caller");
    let mut config = Config::default();
    config.max_payload = 1000;
    let provider = world.connect(config, ME);
    world.announce(provider, "thumbs", &[offer("thumbs", "")], &["news"], b"").unwrap();
    let (key, _, _) = call(&mut world, caller, provider, InteractionKind::ClientStream);
    world.modules[caller].engine.try_send(key, &[0; 50_000]).unwrap();
    world.pass();
    assert_eq!(result(&world.events(caller), key), Err(Some(StreamErrorCode::ResourceExhausted)));

    // A frame of a kind that is not known, larger than its connection takes.
    let (key, id, _) = call(&mut world, caller, provider, InteractionKind::BidiStream);
    let link = world.modules[caller].link;
    let mut frame = StreamFrame::data(id, 0, vec![0; 50_000]).encode().unwrap();
    frame[40] = 9;
    world.host.receive(link, &frame, world.now_us);
    world.pass();
    assert_eq!(result(&world.events(caller), key), Err(Some(StreamErrorCode::ResourceExhausted)));

    // An open with a segment that nothing points to.
    let context = world.context(caller, Target::Service("thumbs".into())).encode();
    let open = StreamFrame::open(world.id(), InteractionKind::Unary, 1, context).encode().unwrap();
    let mut large = vec![1, 0, 0, 0];
    large.extend_from_slice(&open[4..8]);
    large.extend_from_slice(&5000u32.to_le_bytes());
    large.extend_from_slice(&[0; 4]);
    large.extend_from_slice(&open[8..]);
    large.extend_from_slice(&[0; 40_000]);
    world.host.receive(link, &large, world.now_us);
    world.pass();
    assert_eq!(world.refusals().last().unwrap().code, "resourceExhausted");

    // A broadcast passes it over.
    let context = world.context(caller, Target::Broadcast("news".into()));
    let news = world.unary(caller, &context, &[0; 50_000]);
    assert_eq!(result(&world.events(caller), news), Ok(vec![]));
    assert!(!world.modules[provider].engine.has_ended());
    assert_eq!((world.host.modules().len(), world.host.streams().len()), (2, 0));
}

#[test]
fn a_module_whose_stream_to_the_host_breaks_a_rule_is_announced_no_more() {
    let mut world = World::new(Policy::open());
    let provider = world.module("thumbs");
    let (_, id, ..) = world.modules[provider].engine.streams().next().unwrap();
    inject(&mut world, provider, &[StreamFrame::credit(id.unwrap(), 0)]);
    assert!(world.host.modules().is_empty(), "{:?}", world.host.modules());
}

#[test]
fn a_module_that_reads_none_of_its_endpoints_is_announced_no_more() {
    let mut settings = Settings::default();
    settings.max_queued_connection = 10_000;
    let mut world = World::with(settings, Policy::open());
    let provider = world.module("thumbs");
    let (_, id, ..) = world.modules[provider].engine.streams().next().unwrap();
    let (id, link) = (id.unwrap(), world.modules[provider].link);
    world.host.receive(link, &StreamFrame::credit(id, 1 << 20).encode().unwrap(), world.now_us);
    for number in 0..1000 {
        let frame = StreamFrame::data(id, number + 1, ToHost::OpenEndpoint(number).encode());
        world.host.receive(link, &frame.encode().unwrap(), world.now_us);
    }
    assert!(world.host.stats().queued_bytes < 12_000, "{:?}", world.host.stats());
    assert!(world.host.modules().is_empty());
}

/// A provider that takes few messages at once.
fn narrow(world: &mut World) -> (usize, usize) {
    let caller = world.module("caller");
    let mut config = Config::default();
    (config.window, config.initial_credit) = (2, 1);
    let provider = world.connect(config, ME);
    world.announce(provider, "thumbs", &[offer("thumbs", "")], &[], b"").unwrap();
    (caller, provider)
}

#[test]
fn what_waits_for_credit_when_both_have_closed_still_arrives() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = narrow(&mut world);
    let (key, _, answer) = call(&mut world, caller, provider, InteractionKind::BidiStream);
    for _ in 0..5 {
        world.modules[caller].engine.try_send(key, b"message").unwrap();
    }
    world.modules[provider].engine.close(answer, CloseReason::Completed).unwrap();
    world.pass();
    world.modules[caller].engine.close(key, CloseReason::Completed).unwrap();
    let (mut got, mut events) = (0, vec![]);
    for _ in 0..5 {
        world.pass();
        let told = world.events(provider);
        let messages = told.iter().filter(|told| matches!(told, Told::Message(..))).count();
        got += messages;
        events.extend(told);
        world.modules[provider].engine.consume(answer, messages as u32).unwrap();
    }
    assert_eq!(got, 5);
    assert!(events.contains(&Told::Stream(answer, Event::Closed(CloseReason::Completed))), "{events:?}");
    assert_eq!((world.host.stats().queued_bytes, world.modules[provider].engine.len()), (0, 1));
}

#[test]
fn what_waits_for_credit_is_dropped_when_its_reader_wants_it_no_more() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = narrow(&mut world);
    for (kind, cancels) in [(InteractionKind::BidiStream, true), (InteractionKind::ClientStream, false)] {
        let (key, _, answer) = call(&mut world, caller, provider, kind);
        for _ in 0..5 {
            world.modules[caller].engine.try_send(key, b"message").unwrap();
        }
        if cancels {
            world.modules[provider].engine.close(answer, CloseReason::Completed).unwrap();
            world.pass();
        }
        world.modules[caller].engine.close(key, CloseReason::Completed).unwrap();
        world.pass();
        assert!(world.host.stats().queued_bytes > 0, "four wait");
        if cancels {
            world.modules[provider].engine.cancel(answer, CancelReason::UserRequested, "").unwrap();
            world.pass();
        } else {
            world.answer(provider, answer, b"enough");
        }
        assert_eq!(world.host.stats().queued_bytes, 0, "{kind}");
    }
}

#[test]
fn a_call_that_its_caller_has_ended_makes_room_for_the_next_at_once() {
    let mut settings = Settings::default();
    settings.connection.max_streams = 2;
    let mut world = World::with(settings, Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let (key, _, _) = call(&mut world, caller, provider, InteractionKind::BidiStream);
    let context = world.context(caller, Target::Service("thumbs".into()));
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 10_000];
    world.modules[caller].engine.cancel(key, CancelReason::UserRequested, "").unwrap();
    for opens in [true, false] {
        let filled = world.modules[caller].engine.poll_transmit(&mut buffer);
        bytes.extend_from_slice(&buffer[..filled]);
        if opens {
            world.open(caller, InteractionKind::BidiStream, &context);
        }
    }
    world.host.receive(world.modules[caller].link, &bytes, world.now_us);
    world.pass();
    assert!(world.opened(provider).is_some());
    assert_eq!(world.host.streams().len(), 1);
}

#[test]
fn when_the_grace_of_a_host_that_goes_away_is_over_its_modules_are_told_of_every_stream() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let (key, _, answer) = call(&mut world, caller, provider, InteractionKind::BidiStream);
    world.host.go_away(1000, "restarting");
    world.pass();
    world.now_us += 1_000_000;
    world.host.handle_timeout(world.now_us);
    world.pass();
    for (module, key) in [(caller, key), (provider, answer)] {
        assert!(world.events(module).contains(&Told::Over(key)));
        assert!(world.modules[module].engine.is_empty());
    }
    assert_eq!((world.host.streams().len(), world.host.modules().len()), (0, 0));
}

#[test]
fn the_bytes_that_wait_are_counted_once() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let context = world.context(caller, Target::Service("thumbs".into()));
    world.open(caller, InteractionKind::BidiStream, &context);
    let mut buffer = vec![0; 10_000];
    let filled = world.modules[caller].engine.poll_transmit(&mut buffer);
    world.host.receive(world.modules[caller].link, &buffer[..filled], world.now_us);
    let waits = world.host.stats().queued_bytes;
    assert_eq!(world.host.poll_transmit(world.modules[provider].link, &mut buffer), waits);
}
