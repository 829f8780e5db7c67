//! Messages that are lost or doubled, and nodes that die.

use ixt_core::flow::{Event, Outcome};
use ixt_core::invocation::Target;
use ixt_core::stream::{CancelReason, InteractionKind, StreamErrorCode};
use ixt_host::node::NodeSettings;

use crate::net::{Fate, Net, Post, Told, result, service};

fn to_inbox_of(name: &'static str) -> impl Fn(&Post) -> bool {
    move |post| post.subject.starts_with(&format!("ixt.i-{name}."))
}

/// A stream from the caller to the provider, with one message each way.
fn stream(net: &mut Net) -> [(usize, ixt_core::connection::Key); 2] {
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let (call, _) = net.open(caller, InteractionKind::BidiStream, service("provider"));
    net.pass();
    let stream = net.opened(provider).unwrap();
    for (member, key) in [(caller, call), (provider, stream)] {
        net.members[member].engine.try_send(key, b"first").unwrap();
    }
    net.pass();
    let _ = (net.told(caller), net.told(provider));
    [(caller, call), (provider, stream)]
}

fn how(told: &[Told]) -> Vec<String> {
    let ends = |told: &Told| match told {
        Told::Stream(_, Event::Failed(failure)) => Some(format!("failed {}", failure.code)),
        Told::Stream(_, Event::Cancelled(cancel)) => Some(format!("cancelled {}", cancel.reason)),
        _ => None,
    };
    told.iter().filter_map(ends).collect()
}

fn both_have_ended(net: &mut Net, [(caller, _), (provider, _)]: [(usize, ixt_core::connection::Key); 2]) {
    assert_eq!(how(&net.told(caller)), [format!("failed {}", StreamErrorCode::Unavailable)]);
    assert_eq!(how(&net.told(provider)), [format!("cancelled {}", CancelReason::ConsumerGone)]);
    for member in [caller, provider] {
        assert_eq!((net.stats(member).streams, net.stats(member).leaving), (0, 0));
    }
    // And then all is well again.
    net.fate = Box::new(|_| Fate::Arrives);
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"again");
    assert_eq!(result(&net.told(caller), call), Ok(b"again".to_vec()));
}

#[test]
fn a_message_that_is_lost_or_doubled_ends_the_streams_of_the_pipe() {
    for (to, from) in [("provider", 0), ("caller", 1)] {
        for doubles in [false, true] {
            let mut net = Net::new();
            let ends = stream(&mut net);
            let (is_it, mut first) = (to_inbox_of(to), true);
            net.fate = Box::new(move |post| match is_it(post) && std::mem::take(&mut first) {
                true if doubles => Fate::Doubled,
                true => Fate::Lost,
                false => Fate::Arrives,
            });
            let (member, key) = ends[from];
            for _ in 0..2 {
                let _ = net.members[member].engine.try_send(key, b"x");
                net.pass();
            }
            let gaps = net.stats(0).gaps + net.stats(1).gaps;
            assert_eq!(gaps, 1, "{to} {doubles}");
            both_have_ended(&mut net, ends);
        }
    }
}

#[test]
fn the_last_message_is_missed_by_the_next_keepalive() {
    for (to, from) in [("provider", 0), ("caller", 1)] {
        let mut net = Net::new();
        let ends = stream(&mut net);
        let (is_it, mut first) = (to_inbox_of(to), true);
        net.fate =
            Box::new(
                move |post| {
                    if is_it(post) && std::mem::take(&mut first) { Fate::Lost } else { Fate::Arrives }
                },
            );
        let (member, key) = ends[from];
        net.members[member].engine.try_send(key, b"last").unwrap();
        net.pass();
        assert_eq!(how(&net.told(ends[0].0)), Vec::<String>::new());
        net.wait(1500);
        both_have_ended(&mut net, ends);
    }
}

#[test]
fn what_was_lost_last_is_missed_although_no_stream_lives_any_more() {
    let mut net = Net::new();
    let [(caller, call), (provider, stream)] = stream(&mut net);
    let (is_it, mut first) = (to_inbox_of("caller"), true);
    net.fate = Box::new(
        move |post| {
            if is_it(post) && std::mem::take(&mut first) { Fate::Lost } else { Fate::Arrives }
        },
    );
    net.members[provider].engine.try_send(stream, b"nobody reads this").unwrap();
    net.pass();
    net.members[caller].engine.cancel(call, CancelReason::UserRequested, "enough").unwrap();
    net.pass();
    let _ = (net.told(caller), net.told(provider));
    assert_eq!((net.stats(caller).streams, net.stats(caller).gaps), (0, 0));
    net.wait(2500);
    assert_eq!(net.stats(caller).gaps + net.stats(provider).gaps, 1);
    // Then all is well again, and nothing is said.
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"answer");
    assert_eq!(result(&net.told(caller), call), Ok(b"answer".to_vec()));
    net.wait(20_000);
    let posts = net.posts.len();
    net.wait(20_000);
    assert_eq!(net.posts.len(), posts);
}

#[test]
fn an_open_that_is_lost_is_given_up_and_one_that_is_doubled_is_unavailable() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    net.fate = Box::new(|post| if post.subject.contains("s-provider") { Fate::Lost } else { Fate::Arrives });
    let call = net.call(caller, "provider");
    net.wait(4900);
    assert_eq!(result(&net.told(caller), call), Err(None));
    net.wait(200);
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::Unavailable)));

    // To the same provider.
    net.fate =
        Box::new(|post| if post.subject.contains("s-provider") { Fate::Doubled } else { Fate::Arrives });
    let call = net.call(caller, "provider");
    net.wait(30);
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::Unavailable)));
    assert!(how(&net.told(provider)).len() == 1);

    // To two of them.
    let second = net.join(
        "second",
        &[crate::net::offer("provider", "")],
        ixt_host::Policy::open(),
        NodeSettings::default(),
    );
    let (call, _) = net.open(caller, InteractionKind::ClientStream, service("provider"));
    net.pass();
    net.wait(30);
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::Unavailable)));
    for member in [provider, second] {
        assert_eq!(how(&net.told(member)).len(), 1);
        assert_eq!(net.stats(member).streams, 0);
    }
}

#[test]
fn who_dies_is_found_by_the_server_or_by_the_lease() {
    for (victim, answers) in [(0, true), (0, false), (1, true), (1, false)] {
        let mut net = Net::new();
        let ends = stream(&mut net);
        if !answers {
            // It hangs, and the server still has its subscriptions.
            net.fate = Box::new(|_| Fate::Lost);
        } else {
            net.kill(ends[victim].0);
        }
        let survivor = ends[1 - victim].0;
        net.wait(if answers { 1500 } else { 4500 });
        if !answers {
            assert_eq!(how(&net.told(survivor)), Vec::<String>::new());
            net.wait(1000);
        }
        let expected = match victim {
            0 => format!("cancelled {}", CancelReason::ConsumerGone),
            _ => format!("failed {}", StreamErrorCode::Unavailable),
        };
        assert_eq!(how(&net.told(survivor)), [expected], "{victim} {answers}");
        assert_eq!((net.stats(survivor).streams, net.stats(survivor).peers), (0, 0));
    }
}

#[test]
fn who_leaves_says_so() {
    for goes in [0, 1] {
        let mut net = Net::new();
        let ends = stream(&mut net);
        let now_us = net.now_us;
        net.members[ends[goes].0].node.local_ended(now_us);
        net.pass();
        let stays = ends[1 - goes].0;
        assert_eq!(how(&net.told(stays)).len(), 1);
        assert_eq!((net.stats(stays).streams, net.stats(stays).peers), (0, 0));
    }
}

#[test]
fn a_call_that_crosses_with_its_provider_going_away_is_unavailable() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let caught = std::rc::Rc::new(std::cell::RefCell::new(None));
    let into = std::rc::Rc::clone(&caught);
    net.fate = Box::new(move |post| {
        if post.subject.starts_with("ixt.s-") && into.borrow().is_none() {
            *into.borrow_mut() = Some(post.clone());
            return Fate::Lost;
        }
        Fate::Arrives
    });
    let call = net.call(caller, "provider");
    net.withdraw(provider);
    let post = caught.borrow_mut().take().unwrap();
    let now_us = net.now_us;
    net.members[provider].node.receive(&post.subject, &post.payload, now_us);
    net.pass();
    net.wait(30);
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::Unavailable)));
}

#[test]
fn a_module_that_goes_away_gets_no_new_calls() {
    let mut net = Net::new();
    let [(caller, call), (provider, stream)] = stream(&mut net);
    net.members[provider].engine.go_away(60_000, "");
    net.pass();
    let new = net.call(caller, "provider");
    assert_eq!(result(&net.told(caller), new), Err(Some(StreamErrorCode::NotFound)));
    net.members[provider].engine.try_send(stream, b"still here").unwrap();
    net.pass();
    assert_eq!(result(&net.told(caller), call), Ok(b"still here".to_vec()));
}

#[test]
fn pipes_that_nobody_needs_are_given_up() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"yes");
    assert!(result(&net.told(caller), call).is_ok());
    net.posts.clear();
    // Once each node makes sure that all has come.
    net.wait(5000);
    assert!(net.posts.len() <= 4);
    net.posts.clear();
    net.wait(45_000);
    assert_eq!((net.stats(caller).peers, net.posts.len()), (1, 0), "a pipe without streams costs nothing");
    net.wait(15_000);
    assert_eq!((net.stats(caller).peers, net.stats(provider).peers), (0, 0));
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"again");
    assert_eq!(result(&net.told(caller), call), Ok(b"again".to_vec()));
}

#[test]
fn pipes_are_not_given_up_while_a_call_is_on_its_way() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"yes");
    assert!(result(&net.told(caller), call).is_ok());
    // The next one is on its way for a while, and the minute is over.
    net.wait(58_000);
    let late = std::rc::Rc::new(std::cell::RefCell::new(None));
    let kept = late.clone();
    net.fate = Box::new(move |post| {
        if post.subject.contains("s-provider") {
            *kept.borrow_mut() = Some(post.clone());
            return Fate::Lost;
        }
        Fate::Arrives
    });
    let call = net.call(caller, "provider");
    net.members[provider].told.clear();
    let post = late.borrow_mut().take().unwrap();
    net.wait_but_for(provider, 3500);
    net.deliver(&post);
    net.pass();
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"late");
    assert_eq!(result(&net.told(caller), call), Ok(b"late".to_vec()));
}

#[test]
fn a_node_that_was_away_is_told_which_pipes_are_over() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"yes");
    assert!(result(&net.told(caller), call).is_ok());
    net.wait(3000);
    let endpoint = net.endpoint(provider);
    // It is away for a moment, and somebody calls meanwhile.
    net.kill(provider);
    let call = net.unary(caller, Target::DynamicEndpoint(endpoint), b"question");
    net.wait(1500);
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::Unavailable)));
    net.members[provider].is_dead = false;
    net.wait(9000);
    let call = net.call(caller, "provider");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"again");
    assert_eq!(result(&net.told(caller), call), Ok(b"again".to_vec()));
}

#[test]
fn outcomes_are_those_of_the_specification() {
    // What `how` reads are the events; the outcome says the same.
    let mut net = Net::new();
    let ends = stream(&mut net);
    net.kill(ends[1].0);
    net.wait(1500);
    let engine = &mut net.members[ends[0].0].engine;
    let over = std::iter::from_fn(|| engine.poll_event()).find_map(|event| match event {
        ixt_core::connection::Event::Over(_, outcome) => Some(outcome),
        _ => None,
    });
    let told = over.is_none_or(
        |outcome| matches!(outcome, Outcome::Failed(failure) if failure.code == StreamErrorCode::Unavailable),
    );
    assert!(told);
}
