//! What other modules may not do.

use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{InteractionKind, StreamErrorCode};
use ixt_host::Policy;
use ixt_host::node::NodeSettings;

use crate::net::{Fate, Net, Post, Told, offer, result, service};

/// The last message to a subject that begins so.
fn caught(net: &mut Net, begins: &'static str) -> std::rc::Rc<std::cell::RefCell<Vec<Post>>> {
    let caught = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let into = std::rc::Rc::clone(&caught);
    net.fate = Box::new(move |post| {
        if post.subject.starts_with(begins) {
            into.borrow_mut().push(post.clone());
        }
        Fate::Arrives
    });
    caught
}

#[test]
fn a_call_comes_by_the_subject_of_its_target() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let caught = caught(&mut net, "ixt.s-provider.");
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"yes");
    assert!(result(&net.told(caller), call).is_ok());
    let post = caught.borrow()[0].clone();
    for subject in
        ["ixt.s-other.caller", "ixt.m-provider.caller", "ixt.s-provider.Other", "ixt.t-news.caller", "x"]
    {
        let before = net.stats(provider).malformed;
        let now_us = net.now_us;
        net.members[provider].node.receive(subject, &post.payload, now_us);
        net.pass();
        assert_eq!((net.opened(provider), net.stats(provider).malformed), (None, before + 1), "{subject}");
    }
}

#[test]
fn nobody_speaks_as_another() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    // Its own node refuses it.
    let context = InvocationContext::builder().source_module("other").target(service("provider"));
    let id = net.id();
    let context = context.build().unwrap().encode();
    let call = net.members[caller].engine.open(id, InteractionKind::Unary, &context).unwrap();
    net.say(caller, call, b"I am another");
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::PermissionDenied)));
    // And so does the provider's, where the caller's does not: the subject says who speaks.
    let caught = caught(&mut net, "ixt.s-provider.");
    net.call(caller, "provider");
    net.told(provider);
    let post = caught.borrow()[0].clone();
    let now_us = net.now_us;
    net.members[provider].node.receive("ixt.s-provider.liar", &post.payload, now_us);
    net.wait(10);
    assert_eq!(net.opened(provider), None);
    let refusal = std::iter::from_fn(|| net.members[provider].node.poll_refusal()).last();
    assert!(refusal.is_none_or(|refusal| refusal.code == "permissionDenied"));
}

#[test]
fn the_policy_of_a_provider_holds_for_its_callers() {
    let policy = |text: &str| Policy::from_toml(text).unwrap();
    let mut net = Net::new();
    let text = r#"
        [module.caller]
        uid = 1
        call = ["open", "provider"]
        capabilities = ["media.read"]
        [module.provider]
        uid = 2
        provide = ["*"]
        subscribe = ["*"]
    "#;
    let services = [offer("open", ""), offer("closed", ""), offer("needs", "media.read")];
    let caller = net.module("caller");
    let provider = net.join("provider", &services, policy(text), NodeSettings::default());
    let mut go = |service: &str, capabilities: &[&str]| {
        let context = InvocationContext::builder()
            .source_module("caller")
            .target(Target::Service(service.into()))
            .capabilities(capabilities.iter().copied())
            .build()
            .unwrap()
            .encode();
        let id = net.id();
        let call = net.members[caller].engine.open(id, InteractionKind::Unary, &context).unwrap();
        net.say(caller, call, b"x");
        net.wait(30);
        let opened = net.told(provider).iter().any(|told| matches!(told, Told::Opened(..)));
        (opened, result(&net.told(caller), call).err().flatten())
    };
    let denied = (false, Some(StreamErrorCode::PermissionDenied));
    assert_eq!(go("open", &[]), (true, None));
    assert_eq!(go("closed", &[]), denied);
    assert_eq!(go("needs", &[]), denied);
    assert_eq!(go("open", &["media.write"]), denied);
}

#[test]
fn what_is_no_message_is_counted_and_no_more() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let caught = caught(&mut net, "ixt.");
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    let posts = caught.borrow().clone();
    let now_us = net.now_us;
    for post in &posts {
        for cut in [0, 1, 39, 40, 41, post.payload.len() - 8, post.payload.len() - 1] {
            for to in [caller, provider] {
                let payload = post.payload.get(..cut).unwrap_or_default();
                if to != post.from && !post.subject.starts_with("ixt.i-") {
                    net.members[to].node.receive(&post.subject, payload, now_us);
                }
            }
        }
    }
    net.say(provider, stream, b"still here");
    assert_eq!(result(&net.told(caller), call), Ok(b"still here".to_vec()));
}

#[test]
fn what_the_server_refuses_is_denied() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    net.fate =
        Box::new(|post| if post.subject == "ixt.s-provider.caller" { Fate::Lost } else { Fate::Arrives });
    let (call, other) = (net.call(caller, "provider"), net.call(provider, "caller"));
    let now_us = net.now_us;
    let words = "nats: 'Permissions Violation for Publish to \"ixt.s-provider.caller\"'";
    net.members[caller].node.server_error(words, now_us);
    net.pass();
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::PermissionDenied)));
    assert_eq!(result(&net.told(provider), other), Err(None));
    // Who may not be found is called all the same.
    let words = "Permissions Violation for Subscription to \"ixt.t-ixt=2eadmin.*\"";
    net.members[provider].node.server_error(words, now_us);
    net.pass();
    assert_eq!(net.told(provider), []);
    // Who may not listen is not announced.
    let words = "nats: permissions violation: Permissions Violation for Subscription to \"ixt.s-provider.*\" using queue \"ixt\"";
    net.members[provider].node.server_error(words, now_us);
    net.pass();
    let told = net.told(provider);
    let denied = |told: &Told| match told {
        Told::Stream(_, ixt_core::flow::Event::Failed(failure)) => {
            failure.code == StreamErrorCode::PermissionDenied && failure.message.contains("ixt.s-provider.*")
        }
        _ => false,
    };
    assert!(told.iter().any(denied), "{told:?}");
    net.fate = Box::new(|_| Fate::Arrives);
    let call = net.call(caller, "provider");
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::NotFound)));
}
