//! The streams of a connection: where each stands, by its key and by its id.

use std::collections::{HashMap, VecDeque};

use foldhash::quality::FixedState;

use super::lane::Lane;
use super::relay::Relay;
use crate::flow::{Role, Stream};
use crate::stream::{StreamFrame, StreamId};

/// Names a stream of one connection, from its open until [`Event::Over`](super::Event::Over). A key whose
/// stream is over names no other stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// The key with this number, for languages that carry the number.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Its number; never 0.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    fn new(place: Place, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(place))
    }

    fn place(self) -> Place {
        self.0 as Place
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Where a stream stands, while it lives.
pub(super) type Place = u32;

/// A stream and what of it has not left yet.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) body: Body,
    pub(super) lane: Lane,
    /// Bytes that it may still send in this turn; below 0 after a large frame.
    pub(super) deficit: i64,
    pub(super) flags: Flags,
}

/// Who decides what happens on a stream.
#[derive(Debug)]
pub(super) enum Body {
    /// The credit engine: an end of the stream is here.
    Stream(Stream),
    /// A host: the stream goes through.
    Relay(Relay),
}

impl Entry {
    pub(super) fn new(body: Body) -> Self {
        Self { body, lane: Lane::default(), deficit: 0, flags: Flags::default() }
    }

    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.body {
            Body::Stream(stream) => Some(stream),
            Body::Relay(_) => None,
        }
    }

    pub(super) fn relay(&mut self) -> Option<&mut Relay> {
        match &mut self.body {
            Body::Stream(_) => None,
            Body::Relay(relay) => Some(relay),
        }
    }

    pub(super) fn id(&self) -> Option<StreamId> {
        match &self.body {
            Body::Stream(stream) => stream.id(),
            Body::Relay(relay) => Some(relay.id),
        }
    }

    pub(super) fn role(&self) -> Role {
        match &self.body {
            Body::Stream(stream) => stream.role(),
            Body::Relay(relay) => relay.role,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        match &self.body {
            Body::Stream(stream) => stream.has_ended(),
            Body::Relay(relay) => relay.done,
        }
    }

    pub(super) fn has_events(&self) -> bool {
        matches!(&self.body, Body::Stream(stream) if stream.has_events())
    }

    pub(super) fn has_transmit(&self) -> bool {
        match &self.body {
            Body::Stream(stream) => stream.has_transmit(),
            Body::Relay(relay) => relay.has_transmit(),
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<StreamFrame> {
        match &mut self.body {
            Body::Stream(stream) => stream.poll_transmit(),
            Body::Relay(relay) => relay.poll_transmit(),
        }
    }

    /// Whether the oldest frame that waits may leave.
    pub(super) fn may_leave(&self) -> bool {
        match &self.body {
            Body::Stream(_) => true,
            Body::Relay(relay) => relay.may_leave(),
        }
    }
}

/// Which lists a stream stands in, and what it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// It has data and waits for its turn.
    pub(super) in_turn: bool,
    /// It has control frames.
    pub(super) has_control: bool,
    /// It has events.
    pub(super) has_events: bool,
    /// The application knows nothing of it and never will.
    pub(super) silent: bool,
    /// A host is to be told that frames of it have left.
    pub(super) has_left: bool,
}

#[derive(Debug)]
struct Slot {
    /// Of the next stream that will stand here; ascends, never 0.
    generation: u32,
    entry: Option<Entry>,
}

/// Slots in a page. Pages are never moved, so that growing copies nothing and keeps no empty half.
const PAGE: usize = 64;

/// What an id stands for once its stream has ended.
const ENDED: Place = Place::MAX;

/// What is known of an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    Live(Place),
    Ended,
    Never,
}

#[derive(Debug)]
pub(super) struct Table {
    pages: Vec<Vec<Slot>>,
    free: Vec<Place>,
    places: HashMap<StreamId, Place, FixedState>,
    /// Ended ids, oldest first.
    ended: VecDeque<StreamId>,
    remembered: usize,
    live: usize,
    /// The stream of the last frame: frames of one stream often come together.
    last: Option<(StreamId, Place)>,
}

impl Table {
    pub(super) fn new(seed: u64, remembered: usize) -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            ended: VecDeque::new(),
            remembered,
            live: 0,
            last: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn find(&mut self, id: StreamId) -> Known {
        if let Some((last, place)) = self.last
            && last == id
        {
            return Known::Live(place);
        }
        match self.places.get(&id) {
            Some(&ENDED) => Known::Ended,
            Some(&place) => {
                self.last = Some((id, place));
                Known::Live(place)
            }
            None => Known::Never,
        }
    }

    /// Whether the id lives or is remembered.
    pub(super) fn knows(&self, id: StreamId) -> bool {
        self.places.contains_key(&id)
    }

    /// Adds a stream whose id is not known yet.
    pub(super) fn insert(&mut self, id: StreamId, body: Body) -> (Place, Key) {
        let place = self.free.pop().unwrap_or_else(|| self.grow());
        self.places.insert(id, place);
        self.live += 1;
        let mut generation = 0;
        if let Some(slot) = self.slot_mut(place) {
            generation = slot.generation;
            slot.entry = Some(Entry::new(body));
        }
        (place, Key::new(place, generation))
    }

    /// Takes a stream away and remembers its id.
    pub(super) fn remove(&mut self, place: Place) -> Option<(Key, Entry)> {
        let slot = self.slot_mut(place)?;
        let entry = slot.entry.take()?;
        let key = Key::new(place, slot.generation);
        slot.generation = slot.generation.wrapping_add(1).max(1);
        self.free.push(place);
        self.live -= 1;
        self.last = None;
        if let Some(id) = entry.id() {
            if self.remembered == 0 {
                self.places.remove(&id);
            } else {
                if self.ended.len() == self.remembered
                    && let Some(oldest) = self.ended.pop_front()
                {
                    self.places.remove(&oldest);
                }
                self.ended.push_back(id);
                self.places.insert(id, ENDED);
            }
        }
        Some((key, entry))
    }

    /// The stream with this key, while it lives.
    pub(super) fn resolve(&self, key: Key) -> Option<Place> {
        let slot = self.slot(key.place())?;
        (slot.generation == key.generation() && slot.entry.is_some()).then_some(key.place())
    }

    pub(super) fn key(&self, place: Place) -> Option<Key> {
        Some(Key::new(place, self.slot(place)?.generation))
    }

    /// The stream with this key, while it lives.
    #[inline]
    pub(super) fn live_mut(&mut self, key: Key) -> Option<(Place, &mut Entry)> {
        let place = key.place();
        let slot = self.slot_mut(place).filter(|slot| slot.generation == key.generation())?;
        Some((place, slot.entry.as_mut()?))
    }

    /// The stream that stands here, with its key.
    #[inline]
    pub(super) fn keyed_mut(&mut self, place: Place) -> Option<(Key, &mut Entry)> {
        let slot = self.slot_mut(place)?;
        Some((Key::new(place, slot.generation), slot.entry.as_mut()?))
    }

    pub(super) fn get(&self, place: Place) -> Option<&Entry> {
        self.slot(place)?.entry.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Entry> {
        self.slot_mut(place)?.entry.as_mut()
    }

    /// All streams that live, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.pages.iter().flatten().enumerate().filter_map(|(place, slot)| {
            Some((Key::new(place as Place, slot.generation), slot.entry.as_ref()?))
        })
    }

    /// The first stream that lives at `from` or behind it.
    pub(super) fn next_live(&self, from: Place) -> Option<Place> {
        let end = self.pages.len() * PAGE;
        (from..end as Place).find(|place| self.get(*place).is_some())
    }

    fn slot(&self, place: Place) -> Option<&Slot> {
        self.pages.get(place as usize / PAGE)?.get(place as usize % PAGE)
    }

    fn slot_mut(&mut self, place: Place) -> Option<&mut Slot> {
        self.pages.get_mut(place as usize / PAGE)?.get_mut(place as usize % PAGE)
    }

    /// A place that was never used.
    fn grow(&mut self) -> Place {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let before = (self.pages.len() - 1) * PAGE;
        let Some(page) = self.pages.last_mut() else { return 0 };
        page.push(Slot { generation: 1, entry: None });
        (before + page.len() - 1) as Place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Config;
    use crate::stream::InteractionKind;

    fn id(number: u64) -> StreamId {
        StreamId::from_words(7, number).unwrap()
    }

    fn stream(number: u64) -> Body {
        let mut stream = Stream::opener(InteractionKind::Unary, Config::default());
        stream.open(id(number), 0, &[]).unwrap();
        Body::Stream(stream)
    }

    #[test]
    fn a_key_names_one_stream_and_no_later_one() {
        let mut table = Table::new(1, 8);
        let (place, key) = table.insert(id(1), stream(1));
        assert_eq!(table.resolve(key), Some(place));
        assert_eq!(table.find(id(1)), Known::Live(place));
        assert_eq!(table.remove(place).map(|(key, _)| key), Some(key));
        assert_eq!(table.resolve(key), None);
        let (again, newer) = table.insert(id(2), stream(2));
        assert_eq!(again, place, "the place is used again");
        assert_ne!(newer, key);
        assert_eq!((table.resolve(key), table.resolve(newer)), (None, Some(place)));
        assert_eq!(table.resolve(Key::from_raw(0)), None);
        assert_eq!(table.resolve(Key::from_raw(u64::MAX)), None);
    }

    #[test]
    fn so_many_ended_ids_are_remembered_and_no_more() {
        let mut table = Table::new(1, 3);
        for number in 0..5 {
            let (place, _) = table.insert(id(number), stream(number));
            table.remove(place);
        }
        let known: Vec<_> = (0..5).map(|number| table.find(id(number)) == Known::Ended).collect();
        assert_eq!(known, [false, false, true, true, true]);
        assert_eq!((table.places.len(), table.ended.len(), table.len()), (3, 3, 0));
    }

    #[test]
    fn pages_are_filled_in_order() {
        let mut table = Table::new(1, 0);
        let keys: Vec<_> = (0..200).map(|number| table.insert(id(number), stream(number)).1).collect();
        assert_eq!(table.iter().map(|(key, _)| key).collect::<Vec<_>>(), keys);
        table.remove(5);
        assert_eq!(
            (table.next_live(5), table.next_live(199), table.next_live(200)),
            (Some(6), Some(199), None)
        );
        assert_eq!(table.find(id(5)), Known::Never, "nothing is remembered");
    }
}
