//! Calls of all kinds.

use ixt_core::connection::{Config, Key};
use ixt_core::invocation::{ContextRef, Target};
use ixt_core::stream::{CloseReason, InteractionKind, StreamErrorCode};
use ixt_host::Policy;

use crate::world::{Told, World, offer, result};

#[test]
fn a_unary_call_and_its_context() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let call = world.call(caller, "thumbs");
    let events = world.events(provider);
    let Told::Opened(key, InteractionKind::Unary, context) = &events[0] else { panic!("{events:?}") };
    let context = ContextRef::decode(context).unwrap();
    assert_eq!((context.source_module(), context.target()), ("caller", Target::Service("thumbs")));
    assert_eq!(events[1], Told::Message(*key, b"question".to_vec()));
    assert_eq!((world.host.streams().len(), world.host.modules()[1].busy), (1, 1));
    assert_eq!(world.host.streams()[0].modules, ["caller", "thumbs"]);
    world.answer(provider, *key, b"answer");
    let events = world.events(caller);
    assert_eq!(result(&events, call), Ok(b"answer".to_vec()));
    assert_eq!(events.last(), Some(&Told::Over(call)));
    assert_eq!((world.host.streams().len(), world.host.modules()[1].busy), (0, 0));
}

#[test]
fn many_messages_both_ways_through_small_and_large_windows() {
    for (caller_window, provider_window) in [(1, 1), (64, 64), (1000, 1000), (1, 1000), (1000, 3)] {
        let window = |frames: u32| {
            let mut config = Config::default();
            (config.window, config.initial_credit) = (frames, frames);
            config
        };
        let mut world = World::new(Policy::open());
        let caller = world.connect(window(caller_window), 1);
        world.announce(caller, "caller", &[], &[], b"").unwrap();
        let provider = world.connect(window(provider_window), 1);
        world.announce(provider, "echo", &[offer("echo", "")], &[], b"").unwrap();
        let context = world.context(caller, Target::Service("echo".into()));
        let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
        world.pass();
        let answer = world.opened(provider).unwrap();
        let (mut sent, mut echoed, mut got) = (0u32, 0u32, 0u32);
        let mut rounds = 0;
        while got < 2000 {
            rounds += 1;
            assert!(rounds < 20_000, "{caller_window} {provider_window}: {sent} {echoed} {got}");
            while sent < 2000 && world.modules[caller].engine.try_send(call, &sent.to_le_bytes()).is_ok() {
                sent += 1;
            }
            world.pass();
            let arrived = messages(&world.events(provider), answer);
            for payload in arrived {
                assert_eq!(payload, echoed.to_le_bytes());
                // It is read only when its echo has room.
                while world.modules[provider].engine.try_send(answer, &payload).is_err() {
                    world.pass();
                    got += take(&mut world, caller, call, got);
                }
                world.modules[provider].engine.consume(answer, 1).unwrap();
                echoed += 1;
            }
            world.pass();
            got += take(&mut world, caller, call, got);
        }
        let engine = &mut world.modules[caller].engine;
        engine.close(call, CloseReason::Completed).unwrap();
        world.modules[provider].engine.close(answer, CloseReason::Completed).unwrap();
        world.pass();
        assert_eq!(world.events(caller).last(), Some(&Told::Over(call)));
        assert_eq!(world.events(provider).last(), Some(&Told::Over(answer)));
        assert!(world.host.streams().is_empty());
    }
}

/// Reads the echoes that have come.
fn take(world: &mut World, caller: usize, call: Key, from: u32) -> u32 {
    let mut count = 0;
    for payload in messages(&world.events(caller), call) {
        assert_eq!(payload, (from + count).to_le_bytes());
        count += 1;
        world.modules[caller].engine.consume(call, 1).unwrap();
    }
    world.pass();
    count
}

fn messages(events: &[Told], of: Key) -> Vec<Vec<u8>> {
    let payload = |told: &Told| match told {
        Told::Message(key, payload) if *key == of => Some(payload.clone()),
        _ => None,
    };
    events.iter().filter_map(payload).collect()
}

#[test]
fn client_and_server_streams() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("sum"));
    let context = world.context(caller, Target::Service("sum".into()));
    let (call, _) = world.open(caller, InteractionKind::ClientStream, &context);
    for number in 0..10 {
        world.modules[caller].engine.try_send(call, &[number]).unwrap();
    }
    world.modules[caller].engine.close(call, CloseReason::Completed).unwrap();
    world.pass();
    let events = world.events(provider);
    let Told::Opened(key, ..) = events[0] else { panic!() };
    assert_eq!(messages(&events, key).len(), 10, "without a round trip");
    world.answer(provider, key, b"45");
    assert_eq!(result(&world.events(caller), call), Ok(b"45".to_vec()));

    let (call, _) = world.open(caller, InteractionKind::ServerStream, &context);
    world.modules[caller].engine.try_send(call, b"count").unwrap();
    world.modules[caller].engine.close(call, CloseReason::Completed).unwrap();
    world.pass();
    let key = world.opened(provider).unwrap();
    for number in 0..10 {
        world.modules[provider].engine.try_send(key, &[number]).unwrap();
    }
    world.modules[provider].engine.close(key, CloseReason::Completed).unwrap();
    world.pass();
    let events = world.events(caller);
    assert_eq!(messages(&events, call), (0..10).map(|number| vec![number]).collect::<Vec<_>>());
    assert_eq!(events.last(), Some(&Told::Over(call)));
}

/// Its stream would have one id twice on one connection.
#[test]
fn a_module_cannot_call_itself_but_finds_others_that_provide_the_same() {
    let mut world = World::new(Policy::open());
    let module = world.module("echo");
    let call = world.call(module, "echo");
    assert_eq!(result(&world.events(module), call), Err(Some(StreamErrorCode::InvalidArgument)));
    let other = world.connect(Config::default(), 1);
    world.announce(other, "other", &[offer("echo", "")], &[], b"").unwrap();
    let call = world.call(module, "echo");
    let key = world.opened(other).unwrap();
    world.answer(other, key, b"from another");
    assert_eq!(result(&world.events(module), call), Ok(b"from another".to_vec()));
}
