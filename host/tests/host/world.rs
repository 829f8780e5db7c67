//! Modules that are nothing but connection engines, and the host between them.

use ixt_core::connection::{Config, Connection, Event, Key};
use ixt_core::flow;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{CloseReason, InteractionKind, StreamErrorCode, StreamId};
use ixt_host::{FromHost, Host, LinkId, Peer, Policy, Refusal, ServiceOffer, Settings, ToHost};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Opened(Key, InteractionKind, Vec<u8>),
    Message(Key, Vec<u8>),
    Stream(Key, flow::Event),
    Over(Key),
    Ended,
    Other,
}

pub(crate) struct Module {
    pub(crate) engine: Connection,
    pub(crate) link: LinkId,
    pub(crate) told: Vec<Told>,
    pub(crate) name: String,
    control: Option<Key>,
}

pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) modules: Vec<Module>,
    pub(crate) now_us: u64,
    next_id: u64,
}

pub(crate) const START_US: u64 = 1_790_000_000_000_000;
pub(crate) const ME: u32 = 1000;

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with(Settings::default(), policy)
    }

    pub(crate) fn with(settings: Settings, policy: Policy) -> Self {
        let host = Host::new(settings, policy, [7; 32], START_US).unwrap();
        Self { host, modules: Vec::new(), now_us: START_US, next_id: 1 }
    }

    pub(crate) fn id(&mut self) -> StreamId {
        self.next_id += 1;
        let mut id = [0xb6; 16];
        id[8..].copy_from_slice(&self.next_id.to_be_bytes());
        StreamId::new(id).unwrap()
    }

    /// A connection that has announced nothing.
    pub(crate) fn connect(&mut self, config: Config, uid: u32) -> usize {
        let link = self.host.connect(Peer::with_uid(uid), self.now_us).unwrap();
        let id = self.id();
        let engine = Connection::new(config, id, self.now_us).unwrap();
        self.modules.push(Module { engine, link, told: Vec::new(), name: String::new(), control: None });
        self.pass();
        self.modules.last_mut().unwrap().told.clear();
        self.modules.len() - 1
    }

    /// Announces a module, and says whether the host took it.
    pub(crate) fn announce(
        &mut self,
        module: usize,
        name: &str,
        services: &[ServiceOffer],
        topics: &[&str],
        token: &[u8],
    ) -> Result<(), StreamErrorCode> {
        let context = InvocationContext::builder()
            .target(Target::Service(ixt_host::SERVICE.into()))
            .build()
            .unwrap()
            .encode();
        let id = self.id();
        let told = ToHost::Announce {
            module: name.into(),
            services: services.to_vec(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            token: token.to_vec(),
        };
        let engine = &mut self.modules[module].engine;
        let key = engine.open(id, InteractionKind::BidiStream, &context).unwrap();
        engine.try_send(key, &told.encode()).unwrap();
        self.modules[module].control = Some(key);
        self.modules[module].name = name.into();
        self.pass();
        let events = self.events(module);
        match events.iter().find_map(|told| code(told, key)) {
            Some(code) => Err(code),
            None => {
                let accepted = FromHost::Accepted.encode();
                assert!(events.contains(&Told::Message(key, accepted)), "{events:?}");
                Ok(())
            }
        }
    }

    /// A module with one service of the same name, which anybody may call.
    pub(crate) fn module(&mut self, name: &str) -> usize {
        let module = self.connect(Config::default(), ME);
        self.announce(module, name, &[offer(name, "")], &[], b"").unwrap();
        module
    }

    /// Says something to the host and gives its answer.
    pub(crate) fn ask(&mut self, module: usize, message: &ToHost) -> Option<FromHost> {
        let key = self.modules[module].control.unwrap();
        self.modules[module].engine.try_send(key, &message.encode()).unwrap();
        self.pass();
        self.events(module).into_iter().find_map(|told| match told {
            Told::Message(from, payload) if from == key => Some(FromHost::decode(&payload).unwrap()),
            _ => None,
        })
    }

    /// The context of a call by this module.
    pub(crate) fn context(&self, module: usize, target: Target) -> InvocationContext {
        InvocationContext::builder()
            .source_module(self.modules[module].name.as_str())
            .target(target)
            .build()
            .unwrap()
    }

    pub(crate) fn open(
        &mut self,
        module: usize,
        kind: InteractionKind,
        context: &InvocationContext,
    ) -> (Key, StreamId) {
        let id = self.id();
        (self.modules[module].engine.open(id, kind, &context.encode()).unwrap(), id)
    }

    /// A unary call to a service, sent.
    pub(crate) fn call(&mut self, module: usize, service: &str) -> Key {
        let context = self.context(module, Target::Service(service.into()));
        self.unary(module, &context, b"question")
    }

    pub(crate) fn unary(&mut self, module: usize, context: &InvocationContext, payload: &[u8]) -> Key {
        let (key, _) = self.open(module, InteractionKind::Unary, context);
        let engine = &mut self.modules[module].engine;
        engine.try_send(key, payload).unwrap();
        engine.close(key, CloseReason::Completed).unwrap();
        self.pass();
        key
    }

    pub(crate) fn answer(&mut self, module: usize, key: Key, payload: &[u8]) {
        let engine = &mut self.modules[module].engine;
        engine.try_send(key, payload).unwrap();
        engine.close(key, CloseReason::Completed).unwrap();
        self.pass();
    }

    /// What the module was told since the last time.
    pub(crate) fn events(&mut self, module: usize) -> Vec<Told> {
        let module = &mut self.modules[module];
        while let Some(event) = module.engine.poll_event() {
            module.told.push(tell(event));
        }
        std::mem::take(&mut module.told)
    }

    /// The stream that was opened to the module.
    pub(crate) fn opened(&mut self, module: usize) -> Option<Key> {
        self.events(module)
            .iter()
            .find_map(|told| if let Told::Opened(key, ..) = told { Some(*key) } else { None })
    }

    pub(crate) fn refusals(&mut self) -> Vec<Refusal> {
        std::iter::from_fn(|| self.host.poll_refusal()).collect()
    }

    /// Passes all bytes until there are none.
    pub(crate) fn pass(&mut self) {
        let mut buffer = vec![0; 32 << 10];
        loop {
            let mut quiet = true;
            for module in &mut self.modules {
                while let filled @ 1.. = module.engine.poll_transmit(&mut buffer) {
                    quiet = false;
                    self.host.receive(module.link, &buffer[..filled], self.now_us);
                }
            }
            while let Some(link) = self.host.poll_writable() {
                while let filled @ 1.. = self.host.poll_transmit(link, &mut buffer) {
                    quiet = false;
                    if let Some(module) = self.modules.iter_mut().find(|module| module.link == link) {
                        let mut incoming = module.engine.receive(&buffer[..filled], self.now_us);
                        while let Some(event) = incoming.next() {
                            module.told.push(tell(event));
                        }
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }
}

pub(crate) fn offer(name: &str, requires: &str) -> ServiceOffer {
    ServiceOffer { name: name.into(), kinds: vec![], requires: requires.into() }
}

/// The code with which a stream failed.
pub(crate) fn code(told: &Told, of: Key) -> Option<StreamErrorCode> {
    match told {
        Told::Stream(key, flow::Event::Failed(failure)) if *key == of => Some(failure.code),
        _ => None,
    }
}

/// How a call went: the answer, or the code.
pub(crate) fn result(events: &[Told], of: Key) -> Result<Vec<u8>, Option<StreamErrorCode>> {
    let answer = events.iter().find_map(|told| match told {
        Told::Message(key, payload) if *key == of => Some(payload.clone()),
        _ => None,
    });
    answer.ok_or_else(|| events.iter().find_map(|told| code(told, of)))
}

fn tell(event: Event<'_>) -> Told {
    match event {
        Event::Opened { stream, kind, context, .. } => Told::Opened(stream, kind, context.to_vec()),
        Event::Message { stream, payload, .. } => Told::Message(stream, payload.to_vec()),
        Event::Stream(stream, event) => Told::Stream(stream, event),
        Event::Over(stream, _) => Told::Over(stream),
        Event::Ended(_) => Told::Ended,
        _ => Told::Other,
    }
}
