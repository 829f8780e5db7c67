//! What the codecs allocate: encoding once, decoding nothing, and never more than the input warrants.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ixt_core::Limits;
use ixt_core::invocation::{ContextRef, InvocationContext, Subject, Target};
use ixt_core::stream::{FrameRef, StreamErrorCode, StreamFrame, StreamId};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn count(size: usize) {
    COUNT.set(COUNT.get() + 1);
    LARGEST.set(LARGEST.get().max(size));
}

// SAFETY: the system's allocator does all the work; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates, and how much at most at once.
fn allocations<T>(work: impl FnOnce() -> T) -> (usize, usize) {
    COUNT.set(0);
    LARGEST.set(0);
    let result = work();
    let counted = (COUNT.get(), LARGEST.get());
    drop(result);
    counted
}

fn context(members: usize) -> InvocationContext {
    let builder = InvocationContext::builder()
        .correlation_id([7; 16])
        .source_module("gateway")
        .target(Target::Service("echo".into()))
        .subject(Subject::Operator("alice".into()))
        .token_ref(b"handle");
    let fill = |builder: ixt_core::invocation::ContextBuilder, at| {
        builder.capability(format!("fs.{at}")).metadata(format!("key.{at}"), "value")
    };
    (0..members).fold(builder, fill).build().unwrap()
}

#[test]
fn encoding_allocates_the_output_and_nothing_else() {
    let id = StreamId::new([1; 16]).unwrap();
    let frame = StreamFrame::data(id, 7, vec![5; 1000]);
    assert_eq!(allocations(|| frame.encode()), (1, frame.encoded_len()));
    let context = context(8);
    assert_eq!(allocations(|| context.encode()), (1, context.encoded_len()));

    let mut room = vec![0; 4096];
    assert_eq!(allocations(|| frame.encode_to_slice(&mut room, Limits::DEFAULT).unwrap()).0, 0);
    assert_eq!(allocations(|| context.encode_to_slice(&mut room).unwrap()).0, 0);
}

#[test]
fn decoding_what_we_write_allocates_nothing() {
    let id = StreamId::new([1; 16]).unwrap();
    for frame in [
        StreamFrame::data(id, 7, vec![5; 1000]),
        StreamFrame::error(id, StreamErrorCode::Internal, 7, "message".into(), vec![1, 2, 3]),
    ] {
        let bytes = frame.encode().unwrap();
        assert_eq!(allocations(|| FrameRef::decode(&bytes).unwrap()).0, 0);
    }
    for members in [0, 1, 8] {
        let bytes = context(members).encode();
        assert_eq!(allocations(|| ContextRef::decode(&bytes).unwrap()).0, 0, "{members}");
    }
}

#[test]
fn decoding_allocates_no_more_than_the_lists_at_their_limits() {
    // 64 entries of two references each.
    const LISTS: usize = 64 * 2 * size_of::<&str>();
    for members in [9, 64] {
        let bytes = context(members).encode();
        let (_, largest) = allocations(|| ContextRef::decode(&bytes).unwrap());
        assert!(largest <= LISTS, "{members}: {largest}");
    }

    // Lists that say they are longer than any memory, and the rest of what a byte can do.
    let bytes = context(12).encode();
    for at in 8..bytes.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            let (_, largest) =
                allocations(|| (ContextRef::decode(&bad).is_ok(), FrameRef::decode(&bad).is_ok()));
            assert!(largest <= LISTS, "byte {at} = {byte}: {largest}");
        }
    }
}
