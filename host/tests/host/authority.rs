//! Who may do what.

use ixt_core::connection::Config;
use ixt_core::invocation::{ChildSpec, ContextRef, InvocationContext, Subject, Target};
use ixt_core::stream::{CancelReason, StreamErrorCode};
use ixt_host::Policy;

use crate::world::{START_US, Told, World, offer, result};

const POLICY: &str = r#"
[module.gateway]
uid = 1
call = ["media.*", "plain"]
capabilities = ["media.*"]
subjects = ["external", "operator:alice"]
ingress = true

[module.media]
uid = 2
provide = ["media.*"]
call = ["store"]
capabilities = ["disk.read"]

[module.store]
uid = 3
token_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
provide = ["store"]
subscribe = ["news"]
"#;

struct Three {
    world: World,
    gateway: usize,
    media: usize,
    store: usize,
}

fn three() -> Three {
    let mut world = World::new(Policy::from_toml(POLICY).unwrap());
    let gateway = world.connect(Config::default(), 1);
    world.announce(gateway, "gateway", &[], &[], b"").unwrap();
    let media = world.connect(Config::default(), 2);
    world.announce(media, "media", &[offer("media.thumbs", "media.thumbs")], &[], b"").unwrap();
    let store = world.connect(Config::default(), 3);
    world.announce(store, "store", &[offer("store", "")], &["news"], b"secret").unwrap();
    Three { world, gateway, media, store }
}

#[test]
fn a_name_is_bound_and_what_is_not_allowed_is_not_announced() {
    let mut world = World::new(Policy::from_toml(POLICY).unwrap());
    use StreamErrorCode::{InvalidArgument, PermissionDenied, Unauthenticated};
    let thumbs = [offer("media.thumbs", "")];
    for (uid, name, services, topics, token, code) in [
        (2, "gateway", &[][..], &[][..], &b""[..], Unauthenticated),
        (3, "store", &[], &[], b"", Unauthenticated),
        (3, "store", &[], &[], b"guess", Unauthenticated),
        (1, "unknown", &[], &[], b"", PermissionDenied),
        (1, "gateway", &thumbs, &[], b"", PermissionDenied),
        (2, "media", &[offer("store", "")], &[], b"", PermissionDenied),
        (1, "gateway", &[], &["news"], b"", PermissionDenied),
        (1, "Gateway", &[], &[], b"", InvalidArgument),
        (1, "ixt.gateway", &[], &[], b"", InvalidArgument),
        (2, "media", &[offer("media.*", "")], &[], b"", InvalidArgument),
        (2, "media", &[offer("media.a", "media.*")], &[], b"", InvalidArgument),
    ] {
        let module = world.connect(Config::default(), uid);
        assert_eq!(world.announce(module, name, services, topics, token), Err(code), "{name} {token:?}");
        let refusals = world.refusals();
        assert_eq!((refusals.len(), refusals[0].wanted, refusals[0].uid), (1, "announce", Some(uid)));
        assert!(!refusals[0].to_json().contains("guess"));
    }
    let first = world.connect(Config::default(), 1);
    world.announce(first, "gateway", &[], &[], b"").unwrap();
    let second = world.connect(Config::default(), 1);
    assert_eq!(world.announce(second, "gateway", &[], &[], b""), Err(StreamErrorCode::ResourceExhausted));
}

#[test]
fn a_call_claims_only_what_the_module_may() {
    let Three { mut world, gateway, media, .. } = three();
    let builder = || {
        InvocationContext::builder().source_module("gateway").target(Target::Service("media.thumbs".into()))
    };
    let full = || {
        builder()
            .capability("media.thumbs")
            .subject(Subject::Operator("alice".into()))
            .metadata("tenant", "acme")
    };
    let stranger = world.connect(Config::default(), 1);
    for (from, context, says) in [
        (stranger, full(), "not announced"),
        (gateway, full().source_module("media"), "source_module"),
        (gateway, full().source_module(""), "source_module"),
        (gateway, full().subject(Subject::Operator("bob".into())), "speak for"),
        (gateway, full().subject(Subject::System), "speak for"),
        (gateway, full().capability("disk.read"), "assert the capability"),
        (gateway, full().capability("*"), "assert the capability"),
        (gateway, builder(), "needs the capability"),
        (gateway, full().target(Target::Service("store".into())), "may not call"),
        (gateway, full().target(Target::Broadcast("news".into())), "may not call"),
    ] {
        let call = world.unary(from, &context.build().unwrap(), b"x");
        assert_eq!(result(&world.events(from), call), Err(Some(StreamErrorCode::PermissionDenied)), "{says}");
        let refusals = world.refusals();
        assert!(refusals[0].reason.contains(says), "{refusals:?}");
        assert_eq!(world.opened(media), None);
    }
    world.unary(gateway, &full().build().unwrap(), b"x");
    assert!(world.opened(media).is_some(), "{:?}", world.events(gateway));
    assert!(world.refusals().is_empty());
}

#[test]
fn a_child_has_its_live_parents_authority_and_its_own() {
    let Three { mut world, gateway, media, store } = three();
    let parent = InvocationContext::builder()
        .source_module("gateway")
        .target(Target::Service("media.thumbs".into()))
        .span_id([5; 8])
        .subject(Subject::Operator("alice".into()))
        .capability("media.thumbs")
        .metadata("tenant", "acme")
        .build()
        .unwrap();
    let call = world.unary(gateway, &parent, b"x");
    let key = world.opened(media).unwrap();
    let child = |target: &str, capabilities: &[&str]| {
        let spec = ChildSpec::new([6; 8], "media", Target::Service(target.into()))
            .capabilities(capabilities.iter().copied());
        parent.child(spec).unwrap()
    };
    let inherited = child("store", &["media.thumbs"]);
    assert_eq!(ContextRef::decode(&inherited.encode()).unwrap().parent_span_id(), [5; 8]);
    world.unary(media, &inherited, b"x");
    assert!(world.opened(store).is_some(), "{:?}", world.refusals());

    // Its own capability is not its parent's, but the module's.
    let base = || {
        InvocationContext::builder()
            .source_module("media")
            .target(Target::Service("store".into()))
            .parent_span_id([5; 8])
            .subject(Subject::Operator("alice".into()))
            .metadata("tenant", "acme")
    };
    world.unary(media, &base().capability("disk.read").build().unwrap(), b"x");
    assert!(world.opened(store).is_some(), "{:?}", world.refusals());
    for (context, says) in [
        (base().capability("media.all"), "assert the capability"),
        (base().subject(Subject::Operator("bob".into())), "speak for"),
        (base().metadata("auth.strength", "strong"), "not those of its parent"),
        (base().parent_span_id([9; 8]), "speak for"),
        (base().subject(Subject::Module("media".into())).parent_span_id([0; 8]), "not those of its parent"),
    ] {
        let refused = world.unary(media, &context.build().unwrap(), b"x");
        assert_eq!(result(&world.events(media), refused), Err(Some(StreamErrorCode::PermissionDenied)));
        let refusals = world.refusals();
        assert!(refusals[0].reason.contains(says), "{refusals:?}");
    }
    // Another tenant is not its parent's either.
    let other = InvocationContext::builder()
        .source_module("media")
        .target(Target::Service("store".into()))
        .parent_span_id([5; 8])
        .metadata("tenant", "other");
    let refused = world.unary(media, &other.build().unwrap(), b"x");
    assert_eq!(result(&world.events(media), refused), Err(Some(StreamErrorCode::PermissionDenied)));
    // When the parent has ended, its authority has too.
    world.answer(media, key, b"done");
    assert!(result(&world.events(gateway), call).is_ok());
    let late = world.unary(media, &inherited, b"x");
    assert_eq!(result(&world.events(media), late), Err(Some(StreamErrorCode::PermissionDenied)));
}

#[test]
fn a_deadline_that_has_passed_goes_nowhere() {
    let Three { mut world, gateway, media, .. } = three();
    let context = InvocationContext::builder()
        .source_module("gateway")
        .target(Target::Service("media.thumbs".into()))
        .capability("media.thumbs")
        .deadline_ms(START_US / 1000 + 5)
        .build()
        .unwrap();
    let (call, _) = world.open(gateway, ixt_core::stream::InteractionKind::Unary, &context);
    world.now_us += 5000;
    world.pass();
    let events = world.events(gateway);
    assert!(events.iter().any(|told| matches!(told, Told::Stream(key, ixt_core::flow::Event::Cancelled(why)) if *key == call && why.reason == CancelReason::DeadlineExceeded)), "{events:?}");
    assert_eq!(world.opened(media), None);
}
