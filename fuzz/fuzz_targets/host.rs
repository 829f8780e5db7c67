//! The host between two modules that keep every rule and two peers that keep none. Whatever these send, cut anywhere:
//! nothing panics, what waits stays within the settings, the figures agree with each other, the two modules are
//! neither accused nor lose a message nor hear a word that was not said, and in the end nothing is left.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use ixt_core::connection::{Config, Connection};
use ixt_core::flow::Outcome;
use ixt_core::invocation::{ContextRef, InvocationContext, Subject, Target};
use ixt_core::stream::{FrameBody, FrameRef, InteractionKind, StreamId};
use ixt_fuzz::app::{App, STAMP};
use ixt_fuzz::hostile::{Content, Hostile};
use ixt_fuzz::input::{ALL, Input};
use ixt_fuzz::watch::Watch;
use ixt_host::{
    FromHost, Host, LinkId, Peer, Policy, ServiceOffer, Settings, Stats, TapFilter, TapId, ToHost,
};
use libfuzzer_sys::fuzz_target;

const START_US: u64 = 1_790_000_000_000_000;
const POLICY: &str = r#"
[module.a]
uid = 1
provide = ["sa"]
subscribe = ["t"]
call = ["*"]
capabilities = ["x.*"]
[module.b]
uid = 2
provide = ["sb"]
call = ["*"]
capabilities = ["x.*"]
[module.c]
uid = 3
provide = ["sc", "s"]
subscribe = ["t"]
call = ["*"]
capabilities = ["x.*"]
ingress = true
[module.d]
uid = 4
provide = ["s"]
subscribe = ["t"]
call = ["sa", "c", "t"]
subjects = ["external"]
"#;
/// The largest payload that any of them may send.
const LARGEST: usize = 2000;
/// A frame has so many bytes more than its payload at most.
const FRAME: usize = LARGEST + 64;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut world = World::new(&mut input);
    while !input.is_empty() {
        world.step(&mut input);
        world.check();
    }
    world.end();
});

fn id(number: u32) -> StreamId {
    let mut id = [0xa5; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    StreamId::new(id).expect("not nil")
}

/// What passes between the host and one peer.
struct Pipe {
    link: LinkId,
    from_host: Vec<u8>,
    watch: Watch,
}

/// A module that keeps the rules.
struct Module {
    name: &'static str,
    app: App,
    pipe: Pipe,
    to_host: Vec<u8>,
}

/// A peer that keeps none.
struct Bad {
    name: &'static str,
    uid: u32,
    peer: Hostile,
    pipe: Pipe,
    /// Streams to the host itself which have not ended, as far as it was told.
    asked: BTreeSet<StreamId>,
    /// Names of endpoints that it was given.
    endpoints: Vec<String>,
}

struct World {
    settings: Settings,
    host: Host,
    modules: [Module; 2],
    bad: [Bad; 2],
    now_us: u64,
    number: u32,
    before: Stats,
    tap: Option<TapId>,
}

fn pipe(host: &mut Host, uid: u32, now_us: u64) -> Pipe {
    let link = host.connect(Peer::with_uid(uid), now_us).expect("there is room");
    Pipe { link, from_host: Vec::new(), watch: Watch::default() }
}

fn to_host(module: &str, services: &[&str], topics: &[&str]) -> Vec<u8> {
    let offer = |name: &&str| ServiceOffer {
        name: (*name).into(),
        kinds: vec![],
        requires: if *name == "sb" { "x.y".into() } else { String::new() },
    };
    ToHost::Announce {
        module: module.into(),
        services: services.iter().map(offer).collect(),
        topics: topics.iter().map(|topic| (*topic).into()).collect(),
        token: vec![],
    }
    .encode()
}

fn context(source: &str, target: Target) -> Vec<u8> {
    let builder = InvocationContext::builder().source_module(source).target(target).capability("x.y");
    builder.build().expect("within the limits").encode()
}

/// Both modules stamp what they send, and the host says who sends it.
fn is_stamped(context: &[u8]) -> bool {
    ContextRef::decode(context).is_ok_and(|context| {
        ["a", "b"].contains(&context.source_module()) && !matches!(context.target(), Target::Broadcast(_))
    })
}

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let mut settings = Settings::default();
        settings.connection.max_payload = LARGEST as u32;
        settings.connection.max_streams = [4, 16][input.below(2)];
        settings.connection.initial_credit = [0, 1, 3, 15][input.below(4)];
        settings.connection.idle_ms = 0;
        settings.under_way = [1, 4, 256][input.below(3)];
        settings.max_queued_stream = [FRAME, 3 * FRAME][input.below(2)];
        settings.max_queued_connection = [2 * FRAME, 5 * FRAME][input.below(2)];
        settings.max_connections = 4;
        settings.max_ended = 16;
        let policy = Policy::from_toml(POLICY).expect("a policy");
        let mut host =
            Host::new(settings.clone(), policy, [7; 32], START_US).expect("settings that make sense");
        let mut number = 0;
        let modules = ["a", "b"].map(|name| {
            number += 1;
            let mut config = Config::default();
            config.max_payload = [300, 1000, 2000, 1 << 20][input.below(4)];
            config.max_streams = [2, 8][input.below(2)];
            config.window = [1, 2, 8, 64][input.below(4)];
            config.initial_credit = config.window.min(input.below(4) as u32);
            config.idle_ms = 0;
            let app = App::new(Connection::new(config, id(1000 + number), START_US).expect("settings"));
            Module { name, app, pipe: pipe(&mut host, number, START_US), to_host: Vec::new() }
        });
        let bad = ["c", "d"].map(|name| {
            number += 1;
            Bad::new(name, number, &mut host, START_US)
        });
        let (now_us, before) = (START_US, Stats::default());
        let mut world = Self { settings, host, modules, bad, now_us, number: 100, before, tap: None };
        world.pass();
        for module in &mut world.modules {
            module.app.told.is_stamped = Some(is_stamped);
            let context = context("", Target::Service(ixt_host::SERVICE.into()));
            let key = module.app.open(id(1010 + module.link()), InteractionKind::BidiStream, &context);
            let key = key.expect("a stream to the host");
            module.app.told.kept = Some(key);
            module.app.told.streams.get_mut(&key).expect("it lives").is_stamped = false;
        }
        world.pass();
        for (which, services, topics) in [(0, ["sa"], &["t"][..]), (1, ["sb"], &[][..])] {
            let module = &mut world.modules[which];
            let announce = to_host(module.name, &services, topics);
            let key = module.app.told.kept.expect("it was opened");
            module.app.engine.try_send(key, &announce).expect("credit");
        }
        world.pass();
        assert_eq!(world.host.modules().len(), 2);
        // Mostly these begin as they should.
        for bad in &mut world.bad {
            if !input.byte().is_multiple_of(8) {
                bad.begin(input);
            }
        }
        world.deliver_all();
        world
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let which = usize::from(choice >> 7);
        match choice % 16 {
            0..=4 => {
                let other = self.bad[1 - which].endpoints.clone();
                // An id that nobody has seen yet cannot be guessed.
                let live = self.host.streams().iter().map(|stream| stream.id).collect();
                self.bad[which].act(input, self.now_us, other, live);
            }
            5 | 6 => {
                let bad = &mut self.bad[which];
                let bytes = bad.peer.take(input.size());
                self.host.receive(bad.pipe.link, &bytes, self.now_us);
            }
            7 => self.open(which, input),
            8 | 9 => self.modules[which].app.act(input),
            10 => {
                let module = &mut self.modules[which];
                let mut buffer = vec![0; input.size()];
                let filled = module.app.engine.poll_transmit(&mut buffer);
                module.to_host.extend_from_slice(&buffer[..filled]);
            }
            11 => {
                let module = &mut self.modules[which];
                let size = input.size().min(module.to_host.len());
                let bytes: Vec<u8> = module.to_host.drain(..size).collect();
                self.host.receive(module.pipe.link, &bytes, self.now_us);
            }
            12 => {
                let module = &mut self.modules[which];
                let size = input.size().min(module.pipe.from_host.len());
                let bytes: Vec<u8> = module.pipe.from_host.drain(..size).collect();
                module.app.read(&bytes, self.now_us, None);
                module.app.hear();
            }
            13 => {
                let size = input.size();
                self.leave(input.below(4), size);
            }
            14 => match input.byte() % 4 {
                0 => self.again(which, input),
                1 => {
                    self.now_us += u64::from(input.byte()) * 1000;
                    self.host.handle_timeout(self.now_us);
                    self.modules.iter_mut().for_each(|module| module.app.engine.handle_timeout(self.now_us));
                }
                2 => self.tap(input),
                _ => {
                    while let Some(refusal) = self.host.poll_refusal() {
                        assert!(refusal.to_json().starts_with('{'));
                    }
                    while self.host.poll_ended().is_some() {}
                }
            },
            _ => self.all_leaves(),
        }
    }

    /// Opens a stream of a module.
    fn open(&mut self, which: usize, input: &mut Input<'_>) {
        self.number += 1;
        let id = id(self.number);
        let [module, other] = if which == 0 { ["a", "b"] } else { ["b", "a"] };
        let kind = InteractionKind::from_raw(u16::from(input.byte() % 4));
        let (target, is_stamped) = match input.byte() % 12 {
            0..=3 => (Target::Service(format!("s{other}")), true),
            4 => (Target::Module(other.into()), true),
            5 => (Target::Module("c".into()), false),
            6 | 7 => (Target::Service("s".into()), false),
            8 => (Target::Broadcast(["t", ""][input.below(2)].into()), false),
            9 => {
                let seen: Vec<_> =
                    self.modules[which].app.told.streams.values().map(|seen| seen.id).collect();
                (Target::Reply(*seen[input.below(seen.len())].as_bytes()), false)
            }
            10 => match self.bad[0].endpoints.first() {
                Some(name) => (Target::DynamicEndpoint(name.clone()), false),
                None => (Target::Service("nobody".into()), false),
            },
            _ => (Target::Service("sc".into()), false),
        };
        let app = &mut self.modules[which].app;
        if let Some(key) = app.open(id, kind, &context(module, target))
            && let Some(seen) = app.told.streams.get_mut(&key)
        {
            seen.is_stamped = is_stamped;
        }
    }

    /// A connection is lost, and another one made.
    fn again(&mut self, which: usize, input: &mut Input<'_>) {
        let old = &self.bad[which];
        let (name, uid) = (old.name, old.uid);
        self.host.transport_ended(old.pipe.link);
        self.bad[which] = Bad::new(name, uid, &mut self.host, self.now_us);
        if !input.byte().is_multiple_of(8) {
            self.bad[which].begin(input);
        }
    }

    fn tap(&mut self, input: &mut Input<'_>) {
        match self.tap {
            None => {
                let module = ["a", "c", "d"].get(input.below(6)).map(|name| (*name).to_owned());
                self.tap = Some(self.host.open_tap(TapFilter { module, target: None }));
            }
            Some(tap) if input.byte() < 32 => {
                self.host.close_tap(tap);
                assert!(self.host.poll_tap(tap).is_none());
                self.tap = None;
            }
            Some(tap) => {
                while let Some(frame) = self.host.poll_tap(tap) {
                    assert!(FrameRef::decode(&frame).is_ok());
                }
                assert_eq!(self.host.missed(tap), 0);
            }
        }
    }

    /// At most so many bytes leave to one peer. Gives their number.
    fn leave(&mut self, which: usize, size: usize) -> usize {
        let mut buffer = vec![0; size];
        let link = match which {
            0 | 1 => self.modules[which].pipe.link,
            _ => self.bad[which - 2].pipe.link,
        };
        let filled = self.host.poll_transmit(link, &mut buffer);
        let bytes = &buffer[..filled];
        // Of all that was waiting at once, by stream.
        let mut data: BTreeMap<StreamId, usize> = BTreeMap::new();
        let mut count = |frame: &FrameRef<'_>, length: usize| {
            if let FrameBody::Data(_) = frame.body {
                *data.entry(frame.stream_id).or_default() += length;
            }
        };
        match which {
            0 | 1 => {
                let pipe = &mut self.modules[which].pipe;
                pipe.watch.read(bytes, count);
                pipe.from_host.extend_from_slice(bytes);
            }
            _ => {
                let bad = &mut self.bad[which - 2];
                bad.pipe.watch.read(bytes, |frame, length| {
                    count(frame, length);
                    hear(&mut bad.asked, &mut bad.endpoints, frame);
                });
            }
        }
        // One frame may have been under way already.
        for (id, bytes) in &data {
            assert!(*bytes <= self.settings.max_queued_stream + FRAME, "{bytes} bytes of {id} waited");
        }
        let all: usize = data.values().sum();
        assert!(all <= self.settings.max_queued_connection + FRAME, "{all} bytes waited");
        filled
    }

    /// All that may leave the host leaves it, and was counted.
    fn all_leaves(&mut self) {
        let before = self.host.stats().queued_bytes;
        let mut left = 0;
        for which in 0..4 {
            while let filled @ 1.. = self.leave(which, ALL) {
                left += filled;
            }
        }
        let waits = self.host.stats().queued_bytes;
        assert!(before <= left + waits, "{before} waited, {left} left, {waits} wait");
    }

    fn deliver_all(&mut self) {
        for bad in &mut self.bad {
            self.host.receive(bad.pipe.link, &bad.peer.take(usize::MAX), self.now_us);
        }
    }

    /// Passes all, of the modules both ways.
    fn pass(&mut self) {
        let mut buffer = vec![0; 1 << 14];
        loop {
            let mut quiet = true;
            for module in &mut self.modules {
                while let filled @ 1.. = module.app.engine.poll_transmit(&mut buffer) {
                    quiet = false;
                    module.to_host.extend_from_slice(&buffer[..filled]);
                }
                self.host.receive(module.pipe.link, &std::mem::take(&mut module.to_host), self.now_us);
            }
            for which in 0..4 {
                while self.leave(which, 1 << 14) > 0 {
                    quiet = false;
                }
            }
            for module in &mut self.modules {
                let bytes = std::mem::take(&mut module.pipe.from_host);
                module.app.read(&bytes, self.now_us, None);
                module.app.hear();
            }
            if quiet && self.modules.iter().all(|module| !module.app.engine.has_transmit()) {
                return;
            }
        }
    }

    fn check(&mut self) {
        for module in &mut self.modules {
            let app = &mut module.app;
            app.hear();
            app.check(usize::MAX / 2, 0);
            assert!(!app.engine.has_ended(), "{}: {:?}", module.name, app.engine.end_reason());
            let stats = app.engine.stats();
            assert_eq!((stats.violations, stats.unknown), (0, 0), "{}", module.name);
            let kept = app.told.kept.and_then(|key| app.told.streams.get(&key));
            assert!(kept.is_some_and(|seen| seen.over.is_none()), "announced no more: {kept:?}");
        }
        let (stats, modules, streams) = (self.host.stats(), self.host.modules(), self.host.streams());
        assert_eq!((stats.modules, stats.streams, stats.connections), (modules.len(), streams.len(), 4));
        assert!(stats.blocked <= stats.streams && stats.refused >= self.before.refused);
        for side in [0, 1] {
            assert!(stats.frames[side] >= self.before.frames[side]);
            assert!(stats.bytes[side] >= self.before.bytes[side]);
        }
        self.before = stats;
        let most = self.settings.under_way.max(self.settings.connection.initial_credit).max(1);
        for stream in &streams {
            for side in [0, 1] {
                let under_way = stream.credit[side] + stream.waiting[side];
                assert!(under_way <= most, "{under_way} frames are under way: {stream:?}");
            }
        }
        let busy: usize = modules.iter().map(|module| module.busy).sum();
        assert!(busy <= streams.len(), "{busy} streams are answered: {streams:?}");
        // A module is announced for as long as its stream to the host lives.
        for bad in self.bad.iter().filter(|bad| !bad.peer.is_raw && bad.asked.is_empty()) {
            let left = modules.iter().find(|module| module.link == bad.pipe.link);
            assert!(left.is_none(), "announced, and by nobody: {left:?}");
        }
    }

    fn end(mut self) {
        for bad in &self.bad {
            self.host.transport_ended(bad.pipe.link);
        }
        // What the two modules have begun can end in order.
        self.pass();
        for _ in 0..200 {
            if self.modules.iter().all(|module| module.app.engine.len() == 1) {
                break;
            }
            self.modules.iter_mut().for_each(|module| module.app.finish());
            self.pass();
        }
        let told = self.modules.each_ref().map(|module| &module.app.told);
        assert!(self.host.streams().is_empty(), "{:?} {told:?}", self.host.streams());
        for module in &self.modules {
            assert_eq!(module.app.engine.len(), 1, "{}: {:?}", module.name, module.app.told);
        }
        agree(&self.modules);
        assert_eq!(self.host.stats().queued_bytes, 0);
        assert_eq!((self.host.modules().len(), self.host.connections()), (2, 2));

        // Going away ends the streams to the host too, when its time has come.
        self.host.go_away(1, "the end");
        self.pass();
        self.now_us += 1000;
        self.host.handle_timeout(self.now_us);
        self.pass();
        for module in &self.modules {
            assert!(module.app.engine.is_empty(), "{}: {:?}", module.name, module.app.told);
        }
        assert!(self.host.modules().is_empty());
        for module in &mut self.modules {
            self.host.transport_ended(module.pipe.link);
        }
        let stats = self.host.stats();
        assert_eq!((stats.connections, stats.modules, stats.streams, stats.queued_bytes), (0, 0, 0, 0));
        assert_eq!((self.host.poll_writable(), self.host.next_timeout()), (None, None));
    }
}

/// What a peer without rules is told of its streams to the host.
fn hear(asked: &mut BTreeSet<StreamId>, endpoints: &mut Vec<String>, frame: &FrameRef<'_>) {
    match frame.body {
        FrameBody::Error(_) | FrameBody::Close(_) | FrameBody::Cancel(_) => {
            asked.remove(&frame.stream_id);
        }
        FrameBody::Data(data) => {
            if let Ok(FromHost::Endpoint { name, .. }) = FromHost::decode(data.payload) {
                endpoints.push(name);
            }
        }
        _ => {}
    }
}

/// Of streams between the two modules: what arrived was sent, and where both say that it is complete, it is.
fn agree([here, there]: &[Module; 2]) {
    let others: BTreeMap<_, _> = there.app.told.streams.values().map(|seen| (seen.id, seen)).collect();
    for one in here.app.told.streams.values().filter(|seen| seen.is_stamped) {
        let Some(other) = others.get(&one.id).filter(|other| other.is_stamped) else { continue };
        if one.is_opener == other.is_opener {
            continue;
        }
        let (opener, responder) = if one.is_opener { (one, *other) } else { (*other, one) };
        assert!(opener.got <= responder.sent && responder.got <= opener.sent, "{opener:?} {responder:?}");
        if let (Some(Outcome::Completed(_)), Some(Outcome::Completed(_))) = (&opener.over, &responder.over) {
            let both_ways = opener.kind == InteractionKind::BidiStream;
            assert_eq!(opener.got, responder.sent, "{opener:?} {responder:?}");
            assert!(!both_ways || responder.got == opener.sent, "{opener:?} {responder:?}");
        }
    }
}

impl Module {
    fn link(&self) -> u32 {
        self.pipe.link.raw() as u32
    }
}

impl Bad {
    fn new(name: &'static str, uid: u32, host: &mut Host, now_us: u64) -> Self {
        let peer = Hostile::new(id(2000 + uid));
        Self { name, uid, peer, pipe: pipe(host, uid, now_us), asked: BTreeSet::new(), endpoints: vec![] }
    }

    /// Says hello and announces itself.
    fn begin(&mut self, input: &mut Input<'_>) {
        self.peer.greet(input);
        let id = id(3000 + self.uid);
        let context = context("", Target::Service(ixt_host::SERVICE.into()));
        self.asked.insert(id);
        self.peer.write(&ixt_core::stream::Frame::open(id, InteractionKind::BidiStream, 100, &context));
        let services: &[&str] = if self.name == "c" { &["sc", "s"] } else { &["s"] };
        let announce = to_host(self.name, services, &["t"]);
        self.peer.message(id, &announce);
    }

    fn act(&mut self, input: &mut Input<'_>, now_us: u64, mut endpoints: Vec<String>, live: Vec<StreamId>) {
        endpoints.extend(self.endpoints.iter().cloned());
        let mut lies =
            Lies { name: self.name, uid: self.uid, now_us, endpoints, live, asked: &mut self.asked };
        self.peer.act(input, &mut lies, self.pipe.watch.control());
    }
}

/// What a peer without rules says to a host.
struct Lies<'a> {
    name: &'static str,
    uid: u32,
    now_us: u64,
    endpoints: Vec<String>,
    /// Ids of streams that go through.
    live: Vec<StreamId>,
    asked: &'a mut BTreeSet<StreamId>,
}

impl Content for Lies<'_> {
    fn id(&mut self, input: &mut Input<'_>) -> StreamId {
        match input.byte() {
            // The one to the host, and those that modules use.
            240.. => id(3000 + self.uid),
            224.. if !self.live.is_empty() => self.live[input.below(self.live.len())],
            number => id((number % 16).into()),
        }
    }

    fn context(&mut self, input: &mut Input<'_>, id_of: StreamId) -> Vec<u8> {
        let target = match input.byte() % 16 {
            0..=4 => Target::Service(["sa", "sb", "sc", "s"][input.below(4)].to_owned()),
            5 => {
                self.asked.insert(id_of);
                Target::Service(ixt_host::SERVICE.to_owned())
            }
            6..=8 => Target::Module(["a", "b", "c", "d"][input.below(4)].to_owned()),
            9 | 10 => Target::Broadcast(["t", ""][input.below(2)].to_owned()),
            11 => Target::Reply(*id(input.byte().into()).as_bytes()),
            12 => match self.endpoints.last() {
                Some(name) => Target::DynamicEndpoint(name.clone()),
                None => Target::DynamicEndpoint("0".repeat(32)),
            },
            13 => return vec![1, 2, 3],
            14 => return Vec::new(),
            _ => Target::Service(ixt_core::connection::SERVICE.to_owned()),
        };
        let mut builder = InvocationContext::builder().target(target);
        let claims = input.byte();
        builder = builder.source_module(if claims % 16 == 15 { "a" } else { self.name });
        if claims & 16 == 0 {
            builder = builder.capability("x.y");
        }
        if claims & 0xe0 == 0x20 {
            builder = builder.deadline_ms(self.now_us / 1000 + u64::from(input.byte() % 4));
        }
        if claims & 0xe0 == 0x40 {
            builder = builder.subject(Subject::External("e".to_owned())).metadata("tenant", "t");
        }
        if claims & 0xe0 == 0x60 {
            builder = builder.span_id([input.byte() % 4; 8]).parent_span_id([input.byte() % 4; 8]);
        }
        builder.build().expect("within the limits").encode()
    }

    fn payload(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        match input.byte() % 8 {
            0 => {
                let name = if input.byte() < 32 { "a" } else { self.name };
                let services: &[&str] = &["sc", "s", "sa"][..input.below(4)];
                to_host(name, services, &["t"][..input.below(2)])
            }
            1 | 2 => ToHost::OpenEndpoint(input.byte().into()).encode(),
            3 => ToHost::CloseEndpoint(self.endpoints.first().cloned().unwrap_or_default()).encode(),
            4 => Vec::new(),
            _ => vec![7; input.size().min(LARGEST).max(STAMP)],
        }
    }
}
