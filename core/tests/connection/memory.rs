//! What a connection keeps and what it allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ixt_core::connection::{Config, Event};
use ixt_core::stream::{CloseReason, InteractionKind};

use crate::pipe::{Pipe, stream_id};

/// The bound on what an open stream may take, of one end.
const BOUND: usize = 600;
const STREAMS: usize = 100_000;

struct Held;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does all the work; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Held {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as isize);
        CALLS.set(CALLS.get() + 1);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.set(HELD.get() + size as isize - layout.size() as isize);
        CALLS.set(CALLS.get() + 1);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Held = Held;

#[test]
fn a_hundred_thousand_streams_are_small() {
    let mut config = Config::default();
    (config.max_streams, config.max_opens) = (STREAMS as u32, STREAMS as u32);
    let mut pipe = Pipe::new(config);
    let before = HELD.get();
    let mut keys = Vec::with_capacity(STREAMS);
    for number in 0..STREAMS as u64 {
        let key = pipe.here.engine.open(stream_id(number), InteractionKind::BidiStream, &[]).unwrap();
        pipe.here.engine.try_send(key, b"hello").unwrap();
        keys.push(key);
        if number % 64 == 0 {
            pipe.pass();
            // One after the other, so that what it answers is not counted as what it keeps.
            for told in pipe.there.events() {
                if let crate::pipe::Told::Message(stream, ..) = told {
                    pipe.there.engine.consume(stream, 1).unwrap();
                    pipe.there.engine.try_send(stream, b"back").unwrap();
                }
            }
            pipe.pass();
            pipe.here.events();
        }
    }
    pipe.pass();
    pipe.there.events();
    pipe.here.events();
    drop(std::mem::take(&mut pipe.here.told));
    drop(std::mem::take(&mut pipe.there.told));
    let keys_bytes = keys.capacity() * size_of_val(&keys[0]);
    let each = (HELD.get() - before - keys_bytes as isize) / (2 * STREAMS as isize);
    println!("100,000 streams: {each} bytes each, of one end");
    assert_eq!((pipe.here.engine.len(), pipe.there.engine.len()), (STREAMS, STREAMS));
    assert!(each > 200 && each <= BOUND as isize, "{each}");
}

#[test]
fn in_steady_state_no_frame_allocates() {
    let mut pipe = Pipe::new(Config::default());
    let calls: Vec<_> = (0..10).map(|number| pipe.open(number, InteractionKind::BidiStream)).collect();
    let mut buffer = vec![0; 64 << 10];
    let mut messages = 0;
    let mut round = |pipe: &mut Pipe, size: usize| {
        let now_us = pipe.now_us;
        for (call, _) in &calls {
            for _ in 0..8 {
                pipe.here.engine.try_send(*call, &[5; 2048][..size]).unwrap();
            }
        }
        let mut done = [None; 80];
        let mut count = 0;
        loop {
            let filled = pipe.here.engine.poll_transmit(&mut buffer);
            if filled == 0 {
                break;
            }
            // Cut anywhere, so that frames come in parts.
            for part in buffer[..filled].chunks(10_007) {
                let mut incoming = pipe.there.engine.receive(part, now_us);
                while let Some(event) = incoming.next() {
                    if let Event::Message { stream, .. } = event {
                        done[count] = Some(stream);
                        count += 1;
                    }
                }
            }
        }
        messages += count;
        for stream in done.iter().flatten() {
            pipe.there.engine.consume(*stream, 1).unwrap();
        }
        let filled = pipe.there.engine.poll_transmit(&mut buffer);
        let mut incoming = pipe.here.engine.receive(&buffer[..filled], now_us);
        while incoming.next().is_some() {}
    };
    for size in [64, 1024] {
        for _ in 0..50 {
            round(&mut pipe, size);
        }
        let before = CALLS.get();
        for _ in 0..100 {
            round(&mut pipe, size);
        }
        assert_eq!(CALLS.get() - before, 0, "messages of {size} bytes");
    }
    assert_eq!(messages, 2 * 150 * 80);
}

#[test]
fn ended_streams_leave_nothing_behind() {
    let mut config = Config::default();
    (config.remembered, config.max_opens) = (100, u32::MAX);
    let mut pipe = Pipe::new(config);
    let call = |pipe: &mut Pipe, number: u64| {
        let call = pipe.here.engine.open(stream_id(number), InteractionKind::Unary, &[]).unwrap();
        pipe.here.engine.try_send(call, b"question").unwrap();
        pipe.here.engine.close(call, CloseReason::Completed).unwrap();
        pipe.pass();
        let answer = pipe.there.opened();
        pipe.there.engine.try_send(answer, b"answer").unwrap();
        pipe.there.engine.close(answer, CloseReason::Completed).unwrap();
        pipe.pass();
        pipe.here.events();
        pipe.there.events();
    };
    (0..1000).for_each(|number| call(&mut pipe, number));
    let before = HELD.get();
    (1000..20_000).for_each(|number| call(&mut pipe, number));
    assert!(HELD.get() - before < 4096, "{}", HELD.get() - before);
    assert!(pipe.here.engine.is_empty() && pipe.there.engine.is_empty());
}
