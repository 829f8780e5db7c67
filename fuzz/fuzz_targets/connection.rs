//! The connection engine. One end against a peer that may send anything, cut anywhere, while its application gives
//! commands and time goes on; and two ends, driven at random over pipes that deliver any number of bytes at
//! once, which never accuse each other, deliver in order, and are rid of every stream in the end.
#![no_main]

use std::collections::BTreeMap;

use ixt_core::connection::{Config, Connection, EndReason};
use ixt_core::flow::{By, Outcome};
use ixt_core::invocation::InvocationContext;
use ixt_core::stream::{CancelReason, InteractionKind, StreamId};
use ixt_fuzz::app::App;
use ixt_fuzz::hostile::{Content, Hostile};
use ixt_fuzz::input::{ALL, Input};
use ixt_fuzz::watch::Watch;
use libfuzzer_sys::fuzz_target;

const START_US: u64 = 1_790_000_000_000_000;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    if input.byte() & 1 == 0 { hostile_peer(&mut input) } else { two_ends(&mut input) }
});

fn id(number: u32) -> StreamId {
    let mut id = [0xa5; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    StreamId::new(id).expect("not nil")
}

fn config(input: &mut Input<'_>) -> Config {
    let mut config = Config::default();
    config.max_payload = [16, 16, 1000, 5000][input.below(4)];
    config.max_streams = [1, 2, 3, 16][input.below(4)];
    config.window = [1, 2, 8, 64][input.below(4)];
    config.initial_credit = (input.byte() % 4).into();
    config.initial_credit = config.initial_credit.min(config.window);
    config.max_queued_stream = [1, 100, 4000, 1 << 20][input.below(4)];
    config.max_queued = [1, 300, 20_000, 1 << 20][input.below(4)];
    config.max_opens = 1000;
    config
}

/// An encoded context with a deadline of so many milliseconds, or the empty one.
fn context(input: &mut Input<'_>, now_us: u64) -> Vec<u8> {
    match input.byte() {
        late @ 224.. => InvocationContext::builder()
            .deadline_ms(now_us / 1000 + u64::from(late % 16))
            .build()
            .expect("within the limits")
            .encode(),
        _ => Vec::new(),
    }
}

// ---- one end, and a peer that keeps no rule ----

/// Few ids, which the end uses too, and anything in the frames.
struct Anything {
    now_us: u64,
}

impl Content for Anything {
    fn id(&mut self, input: &mut Input<'_>) -> StreamId {
        match input.byte() {
            250 => id(OWN),
            251 => id(THEIRS),
            number => id((number % 16).into()),
        }
    }

    fn context(&mut self, input: &mut Input<'_>, _: StreamId) -> Vec<u8> {
        if input.byte() == 255 { vec![1, 2, 3] } else { context(input, self.now_us) }
    }

    fn payload(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        vec![7; input.size().min(1200)]
    }
}

const OWN: u32 = 1000;
const THEIRS: u32 = 1001;

fn hostile_peer(input: &mut Input<'_>) {
    let mut config = config(input);
    config.max_violations = [0, 1, 3, 100][input.below(4)];
    config.max_opens = [0, 2, 5, 1000][input.below(4)];
    (config.idle_ms, config.keepalive_ms) = [(0, 0), (0, 20), (50, 0), (50, 20)][input.below(4)];
    let (max_queued, max_streams) = (config.max_queued, config.max_streams as usize);
    let mut app = App::new(Connection::new(config, id(OWN), START_US).expect("settings that make sense"));
    app.told.is_peer_hostile = true;
    let mut peer = Hostile::new(id(THEIRS));
    let mut watch = Watch::default();
    let mut now_us = START_US;
    // Mostly it begins as it should.
    if !input.byte().is_multiple_of(8) {
        peer.greet(input);
        app.read(&peer.take(usize::MAX), now_us, None);
    }
    // An application that does not take its events at once.
    let is_lazy = input.byte().is_multiple_of(4);
    let mut number = 0;
    while !input.is_empty() {
        match input.byte() % 16 {
            0..=5 => peer.act(input, &mut Anything { now_us }, Some(id(OWN))),
            6..=8 => {
                let most = is_lazy.then(|| input.below(4));
                app.read(&peer.take(input.size()), now_us, most);
            }
            9 => {
                // The ids of both sides meet now and then.
                number += 1;
                let number = if input.byte() < 32 { number % 16 } else { number + 16 };
                let kind = InteractionKind::from_raw(u16::from(input.byte() % 4));
                app.open(id(number), kind, &context(input, now_us));
            }
            10..=12 => app.act(input),
            13 => transmit(&mut app, &mut watch, input.size()),
            14 => {
                now_us += u64::from(input.byte()) * 1000;
                app.engine.handle_timeout(now_us);
                assert!(app.engine.next_timeout().is_none_or(|next| next > now_us), "it is due already");
            }
            _ => match input.byte() {
                0..8 => app.engine.end(EndReason::Shutdown, "it is enough"),
                grace @ 8..32 => app.go_away(u32::from(grace) * 2),
                _ => app.read(&peer.take(usize::MAX), now_us, None),
            },
        }
        if !is_lazy {
            app.hear();
        }
        app.check(max_queued, 5000);
        let theirs = app.told.streams.values().filter(|seen| !seen.is_opener && seen.over.is_none());
        assert!(theirs.count() <= max_streams, "more than the peer may open");
    }
    app.hear();
    let end = app.told.ended.clone();
    if let Some(end) = &end {
        // What leaves are whole frames, unless the peer has said that it reads no more.
        transmit(&mut app, &mut watch, ALL);
        assert!(watch.is_whole() || end.by == By::Peer);
        nothing_more(&mut app, &mut peer, now_us);
    }
    app.engine.transport_ended();
    app.hear();
    app.check(max_queued, 5000);
    assert!(
        app.told.ended.is_some() && end.is_none_or(|end| app.told.ended == Some(end)),
        "the first end decides"
    );
    nothing_more(&mut app, &mut peer, now_us);
}

fn transmit(app: &mut App, watch: &mut Watch, size: usize) {
    let mut buffer = vec![0; size];
    loop {
        let filled = app.engine.poll_transmit(&mut buffer);
        watch.read(&buffer[..filled], |_, _| {});
        // A small buffer is one that is passed once.
        if filled == 0 || size < ALL {
            return;
        }
    }
}

/// After the end nothing leaves and nothing is told, whatever comes.
fn nothing_more(app: &mut App, peer: &mut Hostile, now_us: u64) {
    let live: Vec<_> = app.told.streams.keys().copied().collect();
    for key in live {
        assert!(app.engine.try_send(key, b"late").is_err());
        assert!(app.engine.wait(key).is_err());
        assert!(app.engine.cancel(key, CancelReason::Shutdown, "").is_ok());
    }
    assert!(app.engine.open(id(5000), InteractionKind::Unary, &[]).is_err());
    peer.greet(&mut Input(&[]));
    app.read(&peer.take(usize::MAX), now_us, None);
    app.engine.ping();
    app.engine.go_away(0, "");
    app.engine.end(EndReason::Overload, "");
    app.engine.handle_timeout(u64::MAX);
    app.hear();
    assert_eq!((app.engine.next_timeout(), app.engine.queued(), app.engine.has_transmit()), (None, 0, false));
    assert_eq!(app.engine.poll_transmit(&mut [0; 100]), 0);
}

// ---- two ends ----

struct Pair {
    apps: [App; 2],
    /// What each has sent and the other has not read.
    wires: [Vec<u8>; 2],
    watches: [Watch; 2],
    now_us: u64,
}

impl Pair {
    fn new(configs: [Config; 2]) -> Self {
        let mut number = OWN;
        let apps = configs.map(|config| {
            number += 1;
            App::new(Connection::new(config, id(number), START_US).expect("settings that make sense"))
        });
        let mut pair =
            Self { apps, wires: Default::default(), watches: Default::default(), now_us: START_US };
        pair.pass();
        assert!(pair.apps.iter().all(|app| app.told.established));
        pair
    }

    fn send(&mut self, from: usize, size: usize) -> usize {
        let mut buffer = vec![0; size];
        let filled = self.apps[from].engine.poll_transmit(&mut buffer);
        self.watches[from].read(&buffer[..filled], |_, _| {});
        self.wires[from].extend_from_slice(&buffer[..filled]);
        filled
    }

    fn deliver(&mut self, from: usize, size: usize, most: Option<usize>) {
        let size = size.min(self.wires[from].len());
        let bytes: Vec<u8> = self.wires[from].drain(..size).collect();
        self.apps[1 - from].read(&bytes, self.now_us, most);
    }

    /// Passes all, until nothing is left.
    fn pass(&mut self) {
        loop {
            let mut quiet = true;
            for from in [0, 1] {
                while self.send(from, 1 << 14) > 0 {
                    quiet = false;
                }
                self.deliver(from, usize::MAX, None);
                self.apps[1 - from].hear();
                self.apps[from].hear();
            }
            if quiet && self.apps.iter().all(|app| !app.engine.has_transmit()) {
                return;
            }
        }
    }

    fn time(&mut self, us: u64) {
        self.now_us += us;
        for app in &mut self.apps {
            app.engine.handle_timeout(self.now_us);
        }
    }
}

fn two_ends(input: &mut Input<'_>) {
    let mut configs = [config(input), config(input)];
    for config in &mut configs {
        (config.idle_ms, config.keepalive_ms) = (0, 20);
    }
    let queues = configs.each_ref().map(|config| config.max_queued);
    let is_lazy = input.byte().is_multiple_of(4);
    let mut pair = Pair::new(configs);
    let mut number = 0;
    while !input.is_empty() {
        let choice = input.byte();
        let which = usize::from(choice >> 7);
        match choice % 16 {
            0 | 1 => {
                number += 1;
                let kind = InteractionKind::from_raw(u16::from(input.byte() % 4));
                let context = context(input, pair.now_us);
                pair.apps[which].open(id(number), kind, &context);
            }
            2..=8 => pair.apps[which].act(input),
            9..=11 => {
                pair.send(which, input.size());
            }
            12..=14 => {
                let most = is_lazy.then(|| input.below(4));
                pair.deliver(which, input.size(), most);
            }
            _ => match input.byte() {
                grace @ 0..4 => pair.apps[which].go_away(grace.into()),
                us => pair.time(u64::from(us) * 50),
            },
        }
        for (app, max_queued) in pair.apps.iter_mut().zip(queues) {
            if !is_lazy {
                app.hear();
            }
            app.check(max_queued, 5000);
        }
        fair(&pair);
    }
    // All that is under way arrives.
    pair.pass();
    fair(&pair);
    let by_hand = input.byte() == 0;
    if by_hand {
        // Whatever was done before, streams can end in order.
        for _ in 0..100 {
            if pair.apps.iter().all(|app| app.engine.is_empty()) {
                break;
            }
            pair.apps.iter_mut().for_each(App::finish);
            pair.pass();
        }
    } else {
        pair.apps[0].go_away(1);
        pair.pass();
        pair.time(1000);
        pair.pass();
    }
    fair(&pair);
    agree(&pair.apps);
    for app in &mut pair.apps {
        assert!(app.engine.is_empty(), "{:?}", app.told);
        assert!(by_hand || app.told.drained == 1, "{:?}", app.told);
        assert_eq!(app.engine.queued(), 0);
        app.engine.transport_ended();
        app.hear();
        assert_eq!(app.told.ended.as_ref().map(|end| end.reason), Some(EndReason::Transport));
    }
}

fn fair(pair: &Pair) {
    for app in &pair.apps {
        assert!(!app.engine.has_ended(), "{:?}", app.engine.end_reason());
        let stats = app.engine.stats();
        assert_eq!(
            (stats.violations, stats.unknown.min(u64::from(!app.told.is_going))),
            (0, 0),
            "{:?}",
            app.told
        );
    }
}

/// What arrived was sent, and where both ends say that it is complete, it is.
fn agree([here, there]: &[App; 2]) {
    let others: BTreeMap<_, _> = there.told.streams.values().map(|seen| (seen.id, seen)).collect();
    for one in here.told.streams.values() {
        let Some(other) = others.get(&one.id) else { continue };
        let (opener, responder) = if one.is_opener { (one, *other) } else { (*other, one) };
        assert!(opener.got <= responder.sent && responder.got <= opener.sent, "{opener:?} {responder:?}");
        if let (Some(Outcome::Completed(_)), Some(Outcome::Completed(_))) = (&opener.over, &responder.over) {
            let both_ways = opener.kind == InteractionKind::BidiStream;
            assert_eq!(opener.got, responder.sent, "{opener:?} {responder:?}");
            assert!(!both_ways || responder.got == opener.sent, "{opener:?} {responder:?}");
        }
    }
}
