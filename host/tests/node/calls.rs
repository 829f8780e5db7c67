//! Calls of all kinds and to all targets.

use ixt_core::flow::Event;
use ixt_core::invocation::Target;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

use crate::net::{Net, Told, offer, result, service};

#[test]
fn a_unary_call_is_one_message_there_and_one_back() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    for round in 0..3 {
        net.posts.clear();
        let call = net.call(caller, "provider");
        let stream = net.opened(provider).unwrap();
        net.say(provider, stream, b"answer");
        assert_eq!(result(&net.told(caller), call), Ok(b"answer".to_vec()));
        let subjects: Vec<_> =
            net.posts.iter().map(|(subject, _)| subject.split('.').nth(1).unwrap()).collect();
        if round > 0 {
            assert_eq!(subjects, ["s-provider", "i-caller"]);
        }
    }
    assert_eq!((net.stats(caller).streams, net.stats(provider).streams), (0, 0));
}

#[test]
fn streams_run_both_ways_under_credit() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let (call, _) = net.open(caller, InteractionKind::BidiStream, service("provider"));
    net.pass();
    let stream = net.opened(provider).unwrap();
    let mut sent = [0_u32; 2];
    let mut got = [0_u32; 2];
    for _ in 0..200 {
        for (end, (member, key)) in [(caller, call), (provider, stream)].into_iter().enumerate() {
            while net.members[member].engine.try_send(key, &sent[end].to_be_bytes()).is_ok() {
                sent[end] += 1;
            }
        }
        net.pass();
        for (end, (member, key)) in [(caller, call), (provider, stream)].into_iter().enumerate() {
            for told in net.told(member) {
                if let Told::Message(_, payload) = told {
                    assert_eq!(payload, got[end].to_be_bytes());
                    got[end] += 1;
                    net.members[member].engine.consume(key, 1).unwrap();
                }
            }
        }
        net.pass();
    }
    assert!(got[0] > 1000 && got[1] > 1000, "{got:?}");
    for (member, key) in [(caller, call), (provider, stream)] {
        net.members[member].engine.close(key, CloseReason::Completed).unwrap();
    }
    net.pass();
    for member in [caller, provider] {
        assert!(net.told(member).iter().any(|told| matches!(told, Told::Over(_))));
        assert_eq!(net.stats(member).streams, 0);
    }
}

#[test]
fn a_reader_that_sleeps_stops_its_sender() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let (call, _) = net.open(caller, InteractionKind::ClientStream, service("provider"));
    net.pass();
    let _ = net.opened(provider).unwrap();
    let mut sent = 0;
    for _ in 0..100 {
        while net.members[caller].engine.try_send(call, &[0; 1000]).is_ok() {
            sent += 1;
        }
        net.pass();
    }
    // The reader's window, and what two nodes let be under way.
    assert!((64..=64 + 2 * 256).contains(&sent), "{sent}");
}

#[test]
fn large_messages_go_in_parts() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let large: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
    let call = net.unary(caller, service("provider"), &large);
    net.wait(30);
    let told = net.told(provider);
    let stream = told.iter().find_map(|told| match told {
        Told::Opened(key, ..) => Some(*key),
        _ => None,
    });
    let stream = stream.unwrap();
    assert!(told.contains(&Told::Message(stream, large.clone())));
    // Others go on between the parts.
    let other = net.call(caller, "provider");
    let second = net.opened(provider).unwrap();
    net.say(provider, second, b"quick");
    net.say(provider, stream, &large);
    let told = net.told(caller);
    assert_eq!((result(&told, call), result(&told, other)), (Ok(large), Ok(b"quick".to_vec())));
}

#[test]
fn providers_share_the_calls_and_a_caller_does_not_answer_itself() {
    let mut net = Net::new();
    let settings = ixt_host::node::NodeSettings::default;
    let caller = net.join("one", &[offer("work", "")], ixt_host::Policy::open(), settings());
    let others: Vec<_> = ["two", "three", "three"]
        .map(|name| net.join(name, &[offer("work", "")], ixt_host::Policy::open(), settings()))
        .into();
    for _ in 0..9 {
        let call = net.call(caller, "work");
        let (member, stream) =
            others.iter().find_map(|member| Some((*member, net.opened(*member)?))).unwrap();
        net.say(member, stream, net.members[member].name.clone().as_bytes());
        assert!(result(&net.told(caller), call).is_ok());
    }
    assert!(others.iter().all(|member| net.stats(*member).peers == 1));
}

#[test]
fn what_nobody_answers_is_said_at_once() {
    let mut net = Net::new();
    let caller = net.module("caller");
    for target in [
        service("nobody"),
        service("caller"),
        Target::Module("nobody".into()),
        Target::DynamicEndpoint("0".repeat(32)),
        Target::DynamicEndpoint(format!("{}.{:016x}.caller", "0".repeat(32), 7)),
        Target::Reply([7; 16]),
    ] {
        let call = net.unary(caller, target.clone(), b"x");
        let code = result(&net.told(caller), call).unwrap_err();
        let expected = match target {
            Target::DynamicEndpoint(ref name) if name.len() > 32 => StreamErrorCode::Unavailable,
            _ => StreamErrorCode::NotFound,
        };
        assert_eq!(code, Some(expected), "{target:?}");
    }
    assert_eq!(net.stats(caller).leaving, 0);
}

#[test]
fn modules_endpoints_and_replies_are_called() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("pro.vider"));
    let call = net.unary(caller, Target::Module("pro.vider".into()), b"to the module");
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"yes");
    assert_eq!(result(&net.told(caller), call), Ok(b"yes".to_vec()));

    let endpoint = net.endpoint(provider);
    assert!(endpoint.ends_with(".pro.vider"));
    let third = net.module("third");
    for member in [third, caller] {
        let call = net.unary(member, Target::DynamicEndpoint(endpoint.clone()), b"to the endpoint");
        let stream = net.opened(provider).unwrap();
        net.say(provider, stream, b"endpoint");
        assert_eq!(result(&net.told(member), call), Ok(b"endpoint".to_vec()));
    }

    let (call, id) = net.open(caller, InteractionKind::Unary, service("pro.vider"));
    net.say(caller, call, b"who are you");
    let stream = net.opened(provider).unwrap();
    let reply = net.unary(provider, Target::Reply(*id.as_bytes()), b"who are you yourself");
    let asked = net.opened(caller).unwrap();
    net.say(caller, asked, b"caller");
    assert_eq!(result(&net.told(provider), reply), Ok(b"caller".to_vec()));
    net.say(provider, stream, b"provider");
    assert_eq!(result(&net.told(caller), call), Ok(b"provider".to_vec()));
    // Nobody else may.
    let stolen = net.unary(third, Target::Reply(*id.as_bytes()), b"me too");
    assert_eq!(result(&net.told(third), stolen), Err(Some(StreamErrorCode::NotFound)));
}

#[test]
fn a_broadcast_reaches_all_others() {
    let mut net = Net::new();
    let members: Vec<_> = ["a", "b", "c"].map(|name| net.module(name)).into();
    for topic in ["news", ""] {
        let call = net.unary(members[0], Target::Broadcast(topic.into()), b"fresh");
        assert_eq!(result(&net.told(members[0]), call), Ok(vec![]));
        for member in &members[1..] {
            let told = net.told(*member);
            assert!(told.iter().any(|told| matches!(told, Told::Message(_, what) if what == b"fresh")));
        }
    }
    net.unary(members[0], Target::Broadcast("other".into()), b"fresh");
    assert_eq!(net.opened(members[1]), None);
}

#[test]
fn a_call_is_cancelled_before_it_is_taken_and_after() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    for pass in [false, true] {
        let (call, _) = net.open(caller, InteractionKind::ClientStream, service("provider"));
        if pass {
            net.pass();
        }
        net.members[caller].engine.cancel(call, CancelReason::UserRequested, "").unwrap();
        net.pass();
        net.wait(30);
        let told = net.told(provider);
        let opened = told.iter().any(|told| matches!(told, Told::Opened(..)));
        let cancelled = told.iter().any(|told| {
            matches!(told, Told::Stream(_, Event::Cancelled(told)) if told.reason == CancelReason::UserRequested)
        });
        assert_eq!((opened, cancelled), (pass, pass), "{told:?}");
        assert_eq!((net.stats(caller).streams, net.stats(provider).streams), (0, 0));
    }
}

#[test]
fn a_slow_answer_is_told_to_be_taken() {
    let mut net = Net::new();
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let call = net.call(caller, "provider");
    assert_eq!(net.stats(caller).leaving, 1);
    net.wait(25);
    assert_eq!(net.stats(caller).leaving, 0);
    net.wait(20_000);
    let stream = net.opened(provider).unwrap();
    net.say(provider, stream, b"late");
    assert_eq!(result(&net.told(caller), call), Ok(b"late".to_vec()));
}

#[test]
fn who_is_there_is_told_to_who_asks() {
    let mut net = Net::new();
    let caller = net.module("caller");
    for number in 0..100 {
        net.module(&format!("other-{number}"));
    }
    let (call, _) = net.open(caller, InteractionKind::ServerStream, service("ixt.admin"));
    net.say(caller, call, br#"{"list":"modules"}"#);
    let mut names = std::collections::BTreeSet::new();
    let mut over = false;
    for _ in 0..30 {
        net.wait(20);
        for told in net.told(caller) {
            match told {
                Told::Message(key, line) if key == call => {
                    let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
                    names.insert(line["name"].as_str().unwrap().to_owned());
                    assert_eq!(line["services"][0]["name"], line["name"]);
                    net.members[caller].engine.consume(call, 1).unwrap();
                }
                Told::Over(key) => over |= key == call,
                _ => {}
            }
        }
        net.pass();
    }
    assert_eq!((names.len(), over), (101, true));
    let (call, _) = net.open(caller, InteractionKind::ServerStream, service("ixt.admin"));
    net.say(caller, call, br#"{"list":"streams"}"#);
    assert_eq!(result(&net.told(caller), call), Err(Some(StreamErrorCode::InvalidArgument)));
}

#[test]
fn one_way_goes_on_without_the_clock() {
    let mut net = Net::new();
    // More than may be under way through a node.
    (net.config.window, net.config.initial_credit) = (1024, 1024);
    let (caller, provider) = (net.module("caller"), net.module("provider"));
    let (call, _) = net.open(caller, InteractionKind::ClientStream, service("provider"));
    net.pass();
    let stream = net.opened(provider).unwrap();
    let (mut sent, mut got) = (0, 0);
    for turn in 0..1000 {
        let before = (sent, got);
        while sent < 20_000 && net.members[caller].engine.try_send(call, &[7; 64]).is_ok() {
            sent += 1;
        }
        net.pass();
        for told in net.told(provider) {
            if let Told::Message(..) = told {
                got += 1;
                net.members[provider].engine.consume(stream, 1).unwrap();
            }
        }
        net.pass();
        if got == 20_000 {
            return;
        }
        assert!(before != (sent, got), "it stands still in turn {turn} at {before:?}");
    }
}
