//! Two ends, and what passes between them when a test says so.

use ixt_core::connection::{Config, Connection, Event, Key};
use ixt_core::flow;
use ixt_core::stream::{InteractionKind, StreamId};

/// An event that owns its bytes, told shortly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Established,
    Opened(Key, InteractionKind, Vec<u8>),
    Message(Key, u64, Vec<u8>),
    Stream(Key, flow::Event),
    Over(Key, flow::Outcome),
    Other(Event<'static>),
}

pub(crate) fn tell(event: Event<'_>) -> Told {
    match event {
        Event::Established { .. } => Told::Established,
        Event::Opened { stream, kind, context, .. } => Told::Opened(stream, kind, context.to_vec()),
        Event::Message { stream, sequence, payload } => Told::Message(stream, sequence, payload.to_vec()),
        Event::Stream(stream, event) => Told::Stream(stream, event),
        Event::Over(stream, outcome) => Told::Over(stream, outcome),
        Event::UnknownStream(id) => Told::Other(Event::UnknownStream(id)),
        Event::Pong { round_trip_us } => Told::Other(Event::Pong { round_trip_us }),
        Event::GoingAway { reason, grace_ms, message } => {
            Told::Other(Event::GoingAway { reason, grace_ms, message })
        }
        Event::Drained => Told::Other(Event::Drained),
        Event::Ended(end) => Told::Other(Event::Ended(end)),
        other => panic!("{other:?}"),
    }
}

pub(crate) struct End {
    pub(crate) engine: Connection,
    pub(crate) told: Vec<Told>,
}

impl End {
    pub(crate) fn new(config: Config, id: u8, now_us: u64) -> Self {
        let engine = Connection::new(config, stream_id(u64::MAX - u64::from(id)), now_us).unwrap();
        Self { engine, told: Vec::new() }
    }

    /// All that it wants to send, in pieces of this size.
    pub(crate) fn transmit(&mut self, size: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = vec![0; size];
        loop {
            match self.engine.poll_transmit(&mut buffer) {
                0 => return all,
                filled => all.extend_from_slice(&buffer[..filled]),
            }
        }
    }

    /// Takes bytes in.
    pub(crate) fn read(&mut self, bytes: &[u8], now_us: u64) {
        let mut incoming = self.engine.receive(bytes, now_us);
        while let Some(event) = incoming.next() {
            self.told.push(tell(event));
        }
    }

    /// What has been told since the last time.
    pub(crate) fn events(&mut self) -> Vec<Told> {
        while let Some(event) = self.engine.poll_event() {
            self.told.push(tell(event));
        }
        std::mem::take(&mut self.told)
    }

    pub(crate) fn opened(&mut self) -> Key {
        let events = self.events();
        events
            .iter()
            .find_map(|told| if let Told::Opened(key, ..) = told { Some(*key) } else { None })
            .unwrap_or_else(|| panic!("{events:?}"))
    }
}

pub(crate) struct Pipe {
    pub(crate) here: End,
    pub(crate) there: End,
    pub(crate) now_us: u64,
    /// Bytes that an end hands over or takes in at once.
    pub(crate) size: usize,
}

pub(crate) const START_US: u64 = 1_790_000_000_000_000;

impl Pipe {
    /// Both ends, established, with nothing left to tell.
    pub(crate) fn new(config: Config) -> Self {
        Self::of(config.clone(), config)
    }

    pub(crate) fn of(here: Config, there: Config) -> Self {
        let mut pipe = Self::fresh(here, there);
        pipe.pass();
        assert_eq!(pipe.here.events(), [Told::Established]);
        assert_eq!(pipe.there.events(), [Told::Established]);
        pipe
    }

    pub(crate) fn fresh(here: Config, there: Config) -> Self {
        Self {
            here: End::new(here, 1, START_US),
            there: End::new(there, 2, START_US),
            now_us: START_US,
            size: 64 << 10,
        }
    }

    /// Passes everything in both directions until nothing is left.
    pub(crate) fn pass(&mut self) {
        loop {
            let sent = self.here.transmit(self.size);
            let answered = self.there.transmit(self.size);
            if sent.is_empty() && answered.is_empty() {
                return;
            }
            sent.chunks(self.size).for_each(|read| self.there.read(read, self.now_us));
            answered.chunks(self.size).for_each(|read| self.here.read(read, self.now_us));
        }
    }

    /// Opens a stream from here, and gives its keys here and there.
    pub(crate) fn open(&mut self, number: u64, kind: InteractionKind) -> (Key, Key) {
        let here = self.here.engine.open(stream_id(number), kind, &[]).unwrap();
        self.pass();
        (here, self.there.opened())
    }

    /// Lets time go on.
    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now_us += ms * 1000;
        self.here.engine.handle_timeout(self.now_us);
        self.there.engine.handle_timeout(self.now_us);
    }
}

pub(crate) fn stream_id(number: u64) -> StreamId {
    let mut id = [0xa5; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    StreamId::new(id).unwrap()
}
