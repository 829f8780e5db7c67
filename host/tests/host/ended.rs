//! What is told of streams that have ended, and the figures of a host.

use ixt_core::connection::Config;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use ixt_host::{EndedStream, HowEnded, Policy, Settings};

use crate::world::{ME, START_US, World, offer};

const COMPLETED: HowEnded = HowEnded::Closed(CloseReason::Completed);

fn world() -> World {
    let mut settings = Settings::default();
    settings.max_ended = 100;
    World::with(settings, Policy::open())
}

fn ended(world: &mut World) -> Vec<EndedStream> {
    std::iter::from_fn(|| world.host.poll_ended()).collect()
}

fn one(world: &mut World) -> EndedStream {
    let mut all = ended(world);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_call_is_told_with_its_ids_and_what_went_through() {
    let mut world = world();
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let context = InvocationContext::builder()
        .correlation_id([1; 16])
        .span_id([2; 8])
        .parent_span_id([3; 8])
        .trace_flags(1)
        .source_module("caller")
        .target(Target::Service("thumbs".into()))
        .build()
        .unwrap();
    world.unary(caller, &context, b"question");
    let key = world.opened(provider).unwrap();
    assert_eq!(ended(&mut world), []);
    world.now_us += 5000;
    world.answer(provider, key, b"answer");
    let told = one(&mut world);
    assert_eq!((told.caller.as_str(), told.provider.as_deref()), ("caller", Some("thumbs")));
    assert_eq!((told.target.as_str(), told.kind), ("service:thumbs", InteractionKind::Unary));
    assert_eq!((told.correlation_id, told.span_id, told.parent_span_id), ([1; 16], [2; 8], [3; 8]));
    assert_eq!((told.trace_flags, told.opened_us, told.ended_us), (1, START_US, START_US + 5000));
    assert_eq!((told.frames, told.bytes), ([1, 1], [8, 6]));
    assert_eq!((told.how, told.how.to_string().as_str()), (COMPLETED, "completed"));
    let stats = world.host.stats();
    assert_eq!((stats.connections, stats.modules, stats.streams, stats.refused), (2, 2, 0, 0));
    assert_eq!((stats.frames, stats.bytes, stats.queued_bytes), ([1, 1], [8, 6], 0));
}

#[test]
fn every_end_has_its_word() {
    let mut world = world();
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    let opened = |world: &mut World| {
        let context = world.context(caller, Target::Service("thumbs".into()));
        let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
        world.pass();
        (call, world.opened(provider).unwrap())
    };
    let mut words = Vec::new();

    let (_, answer) = opened(&mut world);
    world.modules[provider].engine.fail(answer, StreamErrorCode::NotFound, "", &[]).unwrap();
    world.pass();
    words.push(one(&mut world).how.to_string());

    let (call, _) = opened(&mut world);
    world.modules[caller].engine.cancel(call, CancelReason::UserRequested, "").unwrap();
    world.pass();
    words.push(one(&mut world).how.to_string());

    // One direction was given up, whichever it is; the other one closes last.
    for caller_gives_up in [false, true] {
        let (call, answer) = opened(&mut world);
        let [first, last] = [(provider, answer), (caller, call)];
        let (given_up, kept) = if caller_gives_up { (last, first) } else { (first, last) };
        let ends = [(given_up.0, given_up.1, CloseReason::Idle), (kept.0, kept.1, CloseReason::Completed)];
        for (module, key, reason) in ends {
            world.modules[module].engine.close(key, reason).unwrap();
            world.pass();
        }
        words.push(one(&mut world).how.to_string());
    }

    opened(&mut world);
    let link = world.modules[caller].link;
    world.host.transport_ended(link);
    let told = one(&mut world);
    // The name is told also where the module is gone.
    assert_eq!((told.caller.as_str(), told.provider.as_deref()), ("caller", Some("thumbs")));
    words.push(told.how.to_string());
    assert_eq!(
        words,
        ["notFound", "cancelled.userRequested", "closed.idle", "closed.idle", "cancelled.consumerGone"]
    );
    let unknown = HowEnded::Failed(StreamErrorCode::from_raw(999));
    assert_eq!(unknown.to_string(), "other");
}

#[test]
fn a_provider_that_dies_is_told_by_its_name() {
    let mut world = world();
    let (caller, provider) = (world.module("caller"), world.module("thumbs"));
    world.call(caller, "thumbs");
    let link = world.modules[provider].link;
    world.host.transport_ended(link);
    let told = one(&mut world);
    assert_eq!(told.provider.as_deref(), Some("thumbs"));
    assert_eq!(told.how, HowEnded::Failed(StreamErrorCode::Unavailable));
}

#[test]
fn what_went_nowhere_is_told_too() {
    let mut world = world();
    let caller = world.module("caller");
    world.call(caller, "nobody");
    let refused = one(&mut world);
    assert_eq!((refused.provider.as_deref(), refused.target.as_str()), (None, "service:nobody"));
    assert_eq!(refused.how, HowEnded::Failed(StreamErrorCode::NotFound));
    assert_eq!(world.host.stats().refused, 1);

    let late = InvocationContext::builder()
        .source_module("caller")
        .target(Target::Service("caller".into()))
        .deadline_ms(START_US / 1000 + 1)
        .build()
        .unwrap();
    world.now_us += 2000;
    world.open(caller, InteractionKind::Unary, &late);
    world.pass();
    assert_eq!(one(&mut world).how, HowEnded::Cancelled(CancelReason::DeadlineExceeded));

    let listener = world.connect(Config::default(), ME);
    world.announce(listener, "listener", &[offer("listener", "")], &["news"], b"").unwrap();
    let context = world.context(caller, Target::Broadcast("news".into()));
    world.unary(caller, &context, b"12345");
    let told = one(&mut world);
    assert_eq!(
        (told.target.as_str(), told.provider.as_deref(), told.how),
        ("broadcast:news", None, COMPLETED)
    );
    assert_eq!((told.frames, told.bytes), ([1, 0], [5, 0]));
    assert_eq!(world.host.stats().bytes, [5, 0]);
}

#[test]
fn a_sender_without_credit_is_blocked_for_as_long() {
    let mut world = world();
    let caller = world.connect(Config::default(), ME);
    world.announce(caller, "caller", &[], &[], b"").unwrap();
    let mut narrow = Config::default();
    (narrow.window, narrow.initial_credit) = (1, 1);
    let provider = world.connect(narrow, ME);
    world.announce(provider, "slow", &[offer("slow", "")], &[], b"").unwrap();
    let context = world.context(caller, Target::Service("slow".into()));
    let (call, _) = world.open(caller, InteractionKind::BidiStream, &context);
    world.pass();
    let answer = world.opened(provider).unwrap();
    while world.modules[caller].engine.try_send(call, b"x").is_ok() {
        world.pass();
    }
    assert_eq!(world.host.stats().blocked, 1);
    world.now_us += 70_000;
    // It reads all that has come.
    while world.host.stats().blocked > 0 {
        world.modules[provider].engine.consume(answer, 1).unwrap();
        world.pass();
    }
    world.modules[caller].engine.cancel(call, CancelReason::UserRequested, "").unwrap();
    world.pass();
    assert_eq!(one(&mut world).blocked_us, [70_000, 0]);
}

#[test]
fn without_the_setting_nothing_is_kept_and_with_it_no_more_than_it_says() {
    for (max_ended, kept) in [(0, 0), (3, 3)] {
        let mut settings = Settings::default();
        settings.max_ended = max_ended;
        let mut world = World::with(settings, Policy::open());
        let (caller, provider) = (world.module("caller"), world.module("thumbs"));
        for _ in 0..5 {
            world.call(caller, "thumbs");
            let key = world.opened(provider).unwrap();
            world.answer(provider, key, b"");
            world.call(caller, "nobody");
        }
        assert_eq!(ended(&mut world).len(), kept);
        assert_eq!((world.host.stats().frames, world.host.stats().refused), ([5, 5], 5));
    }
}
