//! What dies, and who hears of it.

use ixt_core::flow::Event;
use ixt_core::invocation::Target;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use ixt_host::Policy;

use crate::world::{Told, World, result};

#[test]
fn a_dead_provider_is_unavailable_and_a_dead_caller_cancels() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let call = world.call(caller, "thumbs");
    world.opened(provider).unwrap();
    let link = world.modules[provider].link;
    world.host.transport_ended(link);
    world.pass();
    assert_eq!(result(&world.events(caller), call), Err(Some(StreamErrorCode::Unavailable)));
    assert_eq!((world.host.modules().len(), world.host.connections(), world.host.streams().len()), (1, 1, 0));
    let again = world.call(caller, "thumbs");
    assert_eq!(result(&world.events(caller), again), Err(Some(StreamErrorCode::NotFound)));

    // It comes back under its name.
    let provider = world.module("thumbs");
    world.call(caller, "thumbs");
    let key = world.opened(provider).unwrap();
    let link = world.modules[caller].link;
    world.host.transport_ended(link);
    world.pass();
    let events = world.events(provider);
    assert!(events.iter().any(|told| matches!(told, Told::Stream(of, Event::Cancelled(why)) if *of == key && why.reason == CancelReason::ConsumerGone)), "{events:?}");
    assert!(world.host.streams().is_empty());
}

#[test]
fn errors_and_cancels_go_the_whole_way_both_ways() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let call = world.call(caller, "thumbs");
    let key = world.opened(provider).unwrap();
    world.modules[provider].engine.fail(key, StreamErrorCode::Internal, "broken", b"details").unwrap();
    world.pass();
    let events = world.events(caller);
    assert!(events.iter().any(|told| matches!(told, Told::Stream(of, Event::Failed(failure)) if *of == call && failure.details == b"details" && failure.message == "broken")));

    let context = world.context(caller, Target::Service("thumbs".into()));
    let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
    world.pass();
    let key = world.opened(provider).unwrap();
    world.modules[caller].engine.cancel(call, CancelReason::Superseded, "newer").unwrap();
    world.pass();
    let events = world.events(provider);
    assert!(events.iter().any(|told| matches!(told, Told::Stream(of, Event::Cancelled(why)) if *of == key && why.reason == CancelReason::Superseded)));
    assert_eq!(events.last(), Some(&Told::Over(key)));
    assert_eq!((world.host.streams().len(), world.modules[caller].engine.len()), (0, 1));
}

#[test]
fn a_responder_may_answer_before_it_has_heard_everything() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("sum"));
    let context = world.context(caller, Target::Service("sum".into()));
    let (call, _) = world.open(caller, InteractionKind::ClientStream, &context);
    for _ in 0..5 {
        while world.modules[caller].engine.try_send(call, b"more").is_ok() {}
        world.pass();
    }
    let key = world.opened(provider).unwrap();
    world.modules[caller].engine.try_send(call, b"x").unwrap_err();
    world.answer(provider, key, b"enough");
    let events = world.events(caller);
    assert_eq!(result(&events, call), Ok(b"enough".to_vec()));
    assert!(events.contains(&Told::Stream(call, Event::Closed(CloseReason::Completed))));
    assert_eq!(events.last(), Some(&Told::Over(call)));
    assert!(world.host.streams().is_empty());
}

#[test]
fn a_host_that_goes_away_lets_calls_finish() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let call = world.call(caller, "thumbs");
    let key = world.opened(provider).unwrap();
    world.host.go_away(1000, "restarting");
    world.pass();
    world.answer(provider, key, b"in time");
    assert_eq!(result(&world.events(caller), call), Ok(b"in time".to_vec()));
    let id = world.id();
    assert!(world.modules[caller].engine.open(id, InteractionKind::Unary, &[]).is_err());
}

#[test]
fn a_module_that_breaks_its_stream_to_the_host_is_announced_no_more() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let (key, ..) = world.modules[provider].engine.streams().next().unwrap();
    world.modules[provider].engine.close(key, CloseReason::Completed).unwrap();
    world.pass();
    let call = world.call(caller, "thumbs");
    assert_eq!(result(&world.events(caller), call), Err(Some(StreamErrorCode::NotFound)));
}
