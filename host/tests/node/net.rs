//! Modules with their nodes, and a server of messages between them that can lose, double and hold back.

use std::collections::VecDeque;

use ixt_core::connection::{Config, Connection, Event, Key};
use ixt_core::flow;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{CloseReason, InteractionKind, StreamErrorCode, StreamId};
use ixt_host::node::{Node, NodeSettings, NodeStats, Subscription};
use ixt_host::{FromHost, Policy, ServiceOffer, ToHost};

pub(crate) const START_US: u64 = 1_790_000_000_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Opened(Key, StreamId, InteractionKind),
    Message(Key, Vec<u8>),
    Stream(Key, flow::Event),
    Over(Key),
    Other,
}

pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) engine: Connection,
    pub(crate) node: Node,
    pub(crate) told: Vec<Told>,
    listens: Vec<Subscription>,
    control: Option<Key>,
    /// Nothing of it is carried any more, and nothing to it.
    pub(crate) is_dead: bool,
}

/// A message under way.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) from: usize,
    pub(crate) subject: String,
    pub(crate) reply: Option<String>,
    pub(crate) payload: Vec<u8>,
}

/// What becomes of a message.
pub(crate) enum Fate {
    Arrives,
    Lost,
    Doubled,
}

pub(crate) struct Net {
    pub(crate) members: Vec<Member>,
    pub(crate) now_us: u64,
    /// Of the modules that join.
    pub(crate) config: Config,
    /// Decides for each message.
    pub(crate) fate: Box<dyn FnMut(&Post) -> Fate>,
    /// All that was published.
    pub(crate) posts: Vec<(String, usize)>,
    next_id: u64,
    turn: usize,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self {
            members: Vec::new(),
            now_us: START_US,
            config: Config::default(),
            fate: Box::new(|_| Fate::Arrives),
            posts: Vec::new(),
            next_id: 0,
            turn: 0,
        }
    }

    pub(crate) fn id(&mut self) -> StreamId {
        self.next_id += 1;
        let mut id = [0xb6; 16];
        id[8..].copy_from_slice(&self.next_id.to_be_bytes());
        StreamId::new(id).unwrap()
    }

    /// A module that has one service of the same name, and wants broadcasts of `news`.
    pub(crate) fn module(&mut self, name: &str) -> usize {
        self.join(name, &[offer(name, "")], Policy::open(), NodeSettings::default())
    }

    pub(crate) fn join(
        &mut self,
        name: &str,
        services: &[ServiceOffer],
        policy: Policy,
        settings: NodeSettings,
    ) -> usize {
        let id = self.id();
        let seed = [self.members.len() as u8 + 1; 32];
        self.members.push(Member {
            name: name.into(),
            engine: Connection::new(self.config.clone(), id, self.now_us).unwrap(),
            node: Node::new(settings, policy, seed, self.now_us).unwrap(),
            told: Vec::new(),
            listens: Vec::new(),
            control: None,
            is_dead: false,
        });
        let member = self.members.len() - 1;
        self.pass();
        let context = InvocationContext::builder().target(Target::Service(ixt_host::SERVICE.into()));
        let told = ToHost::Announce {
            module: name.into(),
            services: services.to_vec(),
            topics: vec!["news".into()],
            token: vec![],
        };
        let id = self.id();
        let engine = &mut self.members[member].engine;
        let key = engine.open(id, InteractionKind::BidiStream, &context.build().unwrap().encode()).unwrap();
        engine.try_send(key, &told.encode()).unwrap();
        self.members[member].control = Some(key);
        self.pass();
        assert!(self.told(member).contains(&Told::Message(key, FromHost::Accepted.encode())));
        member
    }

    pub(crate) fn endpoint(&mut self, member: usize) -> String {
        let key = self.members[member].control.unwrap();
        self.members[member].engine.try_send(key, &ToHost::OpenEndpoint(1).encode()).unwrap();
        self.pass();
        self.told(member)
            .into_iter()
            .find_map(|told| match told {
                Told::Message(from, payload) if from == key => match FromHost::decode(&payload).unwrap() {
                    FromHost::Endpoint { name, .. } => Some(name),
                    _ => None,
                },
                _ => None,
            })
            .unwrap()
    }

    /// Ends the stream on which the member is announced.
    pub(crate) fn withdraw(&mut self, member: usize) {
        let key = self.members[member].control.unwrap();
        self.members[member].engine.close(key, CloseReason::Completed).unwrap();
        self.pass();
    }

    pub(crate) fn context(&self, member: usize, target: Target) -> InvocationContext {
        let name = self.members[member].name.as_str();
        InvocationContext::builder().source_module(name).target(target).build().unwrap()
    }

    pub(crate) fn open(&mut self, member: usize, kind: InteractionKind, target: Target) -> (Key, StreamId) {
        let (id, context) = (self.id(), self.context(member, target));
        (self.members[member].engine.open(id, kind, &context.encode()).unwrap(), id)
    }

    /// Sends the one message of a direction that has one.
    pub(crate) fn say(&mut self, member: usize, key: Key, payload: &[u8]) {
        let engine = &mut self.members[member].engine;
        engine.try_send(key, payload).unwrap();
        engine.close(key, CloseReason::Completed).unwrap();
        self.pass();
    }

    pub(crate) fn unary(&mut self, member: usize, target: Target, payload: &[u8]) -> Key {
        let (key, _) = self.open(member, InteractionKind::Unary, target);
        self.say(member, key, payload);
        key
    }

    pub(crate) fn call(&mut self, member: usize, service: &str) -> Key {
        self.unary(member, Target::Service(service.into()), b"question")
    }

    pub(crate) fn told(&mut self, member: usize) -> Vec<Told> {
        let member = &mut self.members[member];
        while let Some(event) = member.engine.poll_event() {
            member.told.push(tell(event));
        }
        std::mem::take(&mut member.told)
    }

    /// The stream that was opened to the member.
    pub(crate) fn opened(&mut self, member: usize) -> Option<Key> {
        self.told(member)
            .iter()
            .find_map(|told| if let Told::Opened(key, ..) = told { Some(*key) } else { None })
    }

    pub(crate) fn stats(&self, member: usize) -> NodeStats {
        self.members[member].node.stats()
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now_us + ms * 1000;
        while let Some(next) = self.next_timeout().filter(|next| *next <= until) {
            self.now_us = self.now_us.max(next);
            for member in self.members.iter_mut().filter(|member| !member.is_dead) {
                member.node.handle_timeout(self.now_us);
                member.engine.handle_timeout(self.now_us);
            }
            self.pass();
        }
        self.now_us = until;
    }

    /// The same, but this member does not see it.
    pub(crate) fn wait_but_for(&mut self, member: usize, ms: u64) {
        let was_dead = std::mem::replace(&mut self.members[member].is_dead, true);
        self.wait(ms);
        self.members[member].is_dead = was_dead;
    }

    fn next_timeout(&mut self) -> Option<u64> {
        let alive = self.members.iter_mut().filter(|member| !member.is_dead);
        alive.filter_map(|member| member.node.next_timeout()).min()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self, member: usize) {
        self.members[member].is_dead = true;
    }

    /// Carries all until nothing moves.
    pub(crate) fn pass(&mut self) {
        let mut buffer = vec![0; 32 << 10];
        let mut posts = VecDeque::new();
        loop {
            let mut is_quiet = true;
            for (from, member) in self.members.iter_mut().enumerate() {
                if member.is_dead {
                    continue;
                }
                while let filled @ 1.. = member.engine.poll_transmit(&mut buffer) {
                    is_quiet = false;
                    member.node.read_local(&buffer[..filled], self.now_us);
                }
                while let Some(change) = member.node.poll_subscription() {
                    if change.is_wanted {
                        member.listens.push(change);
                    } else {
                        member.listens.retain(|old| old.subject != change.subject);
                    }
                }
                member.node.subscribed();
                while let filled @ 1.. = member.node.poll_local(&mut buffer) {
                    is_quiet = false;
                    let mut incoming = member.engine.receive(&buffer[..filled], self.now_us);
                    while let Some(event) = incoming.next() {
                        member.told.push(tell(event));
                    }
                }
                while let Some(out) = member.node.poll_publish() {
                    assert!(out.payload.len() <= 1 << 20);
                    let (subject, reply) = (out.subject.to_owned(), out.reply.map(str::to_owned));
                    posts.push_back(Post { from, subject, reply, payload: out.payload.to_vec() });
                }
            }
            while let Some(post) = posts.pop_front() {
                is_quiet = false;
                self.posts.push((post.subject.clone(), post.payload.len()));
                match (self.fate)(&post) {
                    Fate::Lost => {}
                    Fate::Arrives => self.deliver(&post),
                    Fate::Doubled => {
                        self.deliver(&post);
                        self.deliver(&post);
                    }
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    /// As a server does, which does not echo.
    pub(crate) fn deliver(&mut self, post: &Post) {
        let hears = |member: &Member, is_shared: bool| {
            member
                .listens
                .iter()
                .any(|listen| listen.is_shared == is_shared && matches(&listen.subject, &post.subject))
        };
        let others = |is_shared: bool| -> Vec<usize> {
            let all = self.members.iter().enumerate();
            let others = all.filter(|(at, member)| *at != post.from && !member.is_dead);
            others.filter(|(_, member)| hears(member, is_shared)).map(|(at, _)| at).collect()
        };
        let (mut to, shared) = (others(false), others(true));
        self.turn += 1;
        to.extend(shared.get(self.turn % shared.len().max(1)));
        if to.is_empty()
            && let Some(reply) = &post.reply
        {
            self.members[post.from].node.no_responders(reply, self.now_us);
        }
        for to in to {
            self.members[to].node.receive(&post.subject, &post.payload, self.now_us);
        }
    }
}

fn matches(pattern: &str, subject: &str) -> bool {
    let (pattern, subject): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), subject.split('.').collect());
    pattern.len() == subject.len()
        && pattern.iter().zip(&subject).all(|(pattern, token)| *pattern == "*" || pattern == token)
}

pub(crate) fn offer(name: &str, requires: &str) -> ServiceOffer {
    ServiceOffer { name: name.into(), kinds: vec![], requires: requires.into() }
}

pub(crate) fn service(name: &str) -> Target {
    Target::Service(name.into())
}

/// How a stream ended, or the answer.
pub(crate) fn result(told: &[Told], of: Key) -> Result<Vec<u8>, Option<StreamErrorCode>> {
    for told in told {
        match told {
            Told::Message(key, payload) if *key == of => return Ok(payload.clone()),
            Told::Stream(key, flow::Event::Failed(failure)) if *key == of => return Err(Some(failure.code)),
            _ => {}
        }
    }
    Err(None)
}

fn tell(event: Event<'_>) -> Told {
    match event {
        Event::Opened { stream, id, kind, .. } => Told::Opened(stream, id, kind),
        Event::Message { stream, payload, .. } => Told::Message(stream, payload.to_vec()),
        Event::Stream(stream, event) => Told::Stream(stream, event),
        Event::Over(stream, _) => Told::Over(stream),
        _ => Told::Other,
    }
}
