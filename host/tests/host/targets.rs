//! Where a call goes.

use ixt_core::connection::Config;
use ixt_core::invocation::Target;
use ixt_core::stream::{InteractionKind, StreamErrorCode};
use ixt_host::{FromHost, Policy, ServiceOffer, ToHost};

use crate::world::{ME, Told, World, offer, result};

#[test]
fn the_least_busy_provider_and_equals_in_turns() {
    let mut world = World::new(Policy::open());
    let caller = world.module("caller");
    let providers: Vec<_> = (0..3)
        .map(|number| {
            let module = world.connect(Config::default(), ME);
            world.announce(module, &format!("worker-{number}"), &[offer("work", "")], &[], b"").unwrap();
            module
        })
        .collect();
    let mut keys = Vec::new();
    for _ in 0..6 {
        world.call(caller, "work");
        let (provider, key) =
            providers.iter().find_map(|provider| Some((*provider, world.opened(*provider)?))).unwrap();
        keys.push((provider, key));
    }
    let count = |keys: &[(usize, _)], provider| keys.iter().filter(|(other, _)| *other == provider).count();
    assert!(providers.iter().all(|provider| count(&keys, *provider) == 2));
    // One has less to do from now on.
    for (provider, key) in keys.iter().filter(|(provider, _)| *provider == providers[1]) {
        world.answer(*provider, *key, b"done");
    }
    world.call(caller, "work");
    assert!(world.opened(providers[1]).is_some());
}

#[test]
fn by_the_name_of_a_module_and_what_is_not_there() {
    let mut world = World::new(Policy::open());
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let context = world.context(caller, Target::Module("thumbs".into()));
    let call = world.unary(caller, &context, b"x");
    let key = world.opened(provider).unwrap();
    world.answer(provider, key, b"y");
    assert_eq!(result(&world.events(caller), call), Ok(b"y".to_vec()));

    for target in [
        Target::Service("nobody".into()),
        Target::Module("nobody".into()),
        Target::DynamicEndpoint("nobody".into()),
        Target::Reply([9; 16]),
    ] {
        let context = world.context(caller, target.clone());
        let call = world.unary(caller, &context, b"x");
        assert_eq!(result(&world.events(caller), call), Err(Some(StreamErrorCode::NotFound)), "{target:?}");
        assert_eq!(world.refusals().len(), 1);
    }
}

#[test]
fn a_kind_that_the_service_does_not_answer() {
    let mut world = World::new(Policy::open());
    let caller = world.module("caller");
    let provider = world.connect(Config::default(), ME);
    let unary = ServiceOffer { kinds: vec![InteractionKind::Unary], ..offer("one", "") };
    world.announce(provider, "one", &[unary], &[], b"").unwrap();
    let context = world.context(caller, Target::Service("one".into()));
    let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
    world.pass();
    assert_eq!(result(&world.events(caller), call), Err(Some(StreamErrorCode::InvalidArgument)));
}

#[test]
fn a_broadcast_reaches_all_who_want_it() {
    let mut world = World::new(Policy::open());
    let caller = world.module("caller");
    let listeners: Vec<_> = (0..3)
        .map(|number| {
            let module = world.connect(Config::default(), ME);
            world.announce(module, &format!("listener-{number}"), &[], &["news"], b"").unwrap();
            module
        })
        .collect();
    let context = world.context(caller, Target::Broadcast("news".into()));
    let call = world.unary(caller, &context, b"hear");
    assert_eq!(result(&world.events(caller), call), Ok(vec![]), "one empty message");
    let mut keys = Vec::new();
    for listener in &listeners {
        let events = world.events(*listener);
        let Told::Opened(key, InteractionKind::Unary, _) = events[0] else { panic!("{events:?}") };
        assert_eq!(events[1], Told::Message(key, b"hear".to_vec()));
        keys.push(key);
    }
    // What they answer is dropped, and nothing is left of it.
    for (listener, key) in listeners.iter().zip(keys) {
        world.answer(*listener, key, b"thanks");
        assert_eq!(world.events(*listener).last(), Some(&Told::Over(key)));
        assert!(world.modules[*listener].engine.len() == 1, "its stream to the host alone");
    }
    assert_eq!(world.events(caller), []);
    // To nobody is a broadcast too.
    let context = world.context(caller, Target::Broadcast("silence".into()));
    let call = world.unary(caller, &context, b"x");
    assert_eq!(result(&world.events(caller), call), Ok(vec![]));
}

#[test]
fn a_reply_goes_to_the_waiting_caller_from_its_provider_alone() {
    let mut world = World::new(Policy::open());
    let (caller, provider, other) = (world.module("caller"), world.module("thumbs"), world.module("other"));
    let context = world.context(caller, Target::Service("thumbs".into()));
    let (call, id) = world.open(caller, InteractionKind::Unary, &context);
    world.modules[caller].engine.try_send(call, b"x").unwrap();
    world.pass();
    let key = world.opened(provider).unwrap();
    for (from, found) in [(other, false), (provider, true)] {
        let reply = world.context(from, Target::Reply(*id.as_bytes()));
        let back = world.unary(from, &reply, b"meanwhile");
        if found {
            let answer = world.opened(caller).unwrap();
            world.answer(caller, answer, b"ok");
            assert_eq!(result(&world.events(from), back), Ok(b"ok".to_vec()));
        } else {
            assert_eq!(result(&world.events(from), back), Err(Some(StreamErrorCode::NotFound)));
        }
    }
    world.answer(provider, key, b"done");
    let reply = world.context(provider, Target::Reply(*id.as_bytes()));
    let late = world.unary(provider, &reply, b"late");
    assert_eq!(
        result(&world.events(provider), late),
        Err(Some(StreamErrorCode::NotFound)),
        "nobody waits any more"
    );
}

#[test]
fn endpoints_are_handed_out_and_revoked_by_their_owner() {
    let mut world = World::new(Policy::open());
    let (owner, caller) = (world.module("owner"), world.module("caller"));
    let Some(FromHost::Endpoint { number: 5, name }) = world.ask(owner, &ToHost::OpenEndpoint(5)) else {
        panic!()
    };
    assert_eq!(name.len(), 32);
    let Some(FromHost::Endpoint { name: second, .. }) = world.ask(owner, &ToHost::OpenEndpoint(6)) else {
        panic!()
    };
    assert_ne!(name, second);
    let context = world.context(caller, Target::DynamicEndpoint(name.clone()));
    let call = world.unary(caller, &context, b"x");
    let key = world.opened(owner).unwrap();
    world.answer(owner, key, b"y");
    assert_eq!(result(&world.events(caller), call), Ok(b"y".to_vec()));
    // Another module cannot close it.
    world.ask(caller, &ToHost::CloseEndpoint(name.clone()));
    world.unary(caller, &context, b"x");
    assert!(world.opened(owner).is_some());
    world.ask(owner, &ToHost::CloseEndpoint(name));
    let call = world.unary(caller, &context, b"x");
    assert_eq!(result(&world.events(caller), call), Err(Some(StreamErrorCode::NotFound)));
}
