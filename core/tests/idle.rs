//! What an idle stream keeps: both halves of one end, the struct and what it holds on the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ixt_core::flow::{Config, Event, Received, Stream};
use ixt_core::stream::{InteractionKind, StreamId};

/// What an idle stream may take.
const BOUND: usize = 256;

struct Held;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does all the work; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Held {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Held = Held;

fn drain(from: &mut Stream, to: &mut Stream) -> usize {
    let mut events = 0;
    while let Some(event) = from.poll_event() {
        assert!(matches!(event, Event::Credit(_)));
        events += 1;
    }
    while let Some(frame) = from.poll_transmit() {
        let _ = to.receive(frame.as_ref());
    }
    events
}

#[test]
fn an_idle_stream_is_small() {
    let id = StreamId::new([7; 16]).unwrap();
    let before = HELD.get();
    let mut opener = Stream::opener(InteractionKind::BidiStream, Config::default().with_window(8));
    let mut responder = Stream::responder(Config::default().with_window(8));
    let open = opener.open(id, 8, &[]).unwrap();
    assert!(matches!(responder.receive(open), Received::Opened(_)));
    let mut events = 0;
    // Messages both ways, so that credit has passed both ways; then nothing is under way.
    for _ in 0..100 {
        drain(&mut responder, &mut opener);
        events += drain(&mut opener, &mut responder);
        let _ = responder.receive(opener.try_send(b"there").unwrap());
        responder.consume(1).unwrap();
        let _ = opener.receive(responder.try_send(b"back").unwrap());
        opener.consume(1).unwrap();
        drain(&mut opener, &mut responder);
    }
    assert!(events > 10, "credit came as events");
    drain(&mut responder, &mut opener);
    drain(&mut opener, &mut responder);

    let size = size_of::<Stream>();
    let heap = usize::try_from(HELD.get() - before).unwrap();
    println!("idle stream: {size} bytes and {} on the heap, both halves of one end", heap / 2);
    assert!(heap > 0, "the queue of events was counted");
    assert!(size + heap / 2 <= BOUND, "{size} + {heap} / 2");
}
