//! The functions of nodes as C calls them, for Miri, as `border_tests` has those of streams: `tests/node.c` says more
//! of what they do.

#![allow(clippy::expect_used, clippy::indexing_slicing)]
// What one test calls is one program in C.
#![allow(clippy::multiple_unsafe_ops_per_block)]

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use ixt_core::connection::{Config, Connection, Event};
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{InteractionKind, StreamId};
use ixt_host::{ServiceOffer, ToHost};

use crate::node::{
    IXT_NODE_OVERHEAD, ixt_node_config_t, ixt_node_drained_t, ixt_node_message_t, ixt_node_packed_t,
    ixt_node_stats_t, ixt_node_subscription_t,
};

/// What a C program knows of a handle.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

#[rustfmt::skip]
unsafe extern "C" {
    fn ixt_node_config_init(config: *mut ixt_node_config_t) -> i32;
    fn ixt_node_new(config: *const ixt_node_config_t, policy: *const u8, length: usize, seed: *const u8, now_us: u64, node: *mut *mut Opaque, error: *mut Opaque) -> i32;
    fn ixt_node_free(node: *mut Opaque);
    fn ixt_node_read_local(node: *mut Opaque, bytes: *const u8, length: usize, now_us: u64) -> i32;
    fn ixt_node_receive(node: *mut Opaque, subject: *const u8, subject_length: usize, payload: *const u8, payload_length: usize, now_us: u64) -> i32;
    fn ixt_node_no_responders(node: *mut Opaque, subject: *const u8, length: usize, now_us: u64) -> i32;
    fn ixt_node_poll_subscription(node: *mut Opaque, subscription: *mut ixt_node_subscription_t) -> i32;
    fn ixt_node_subscribed(node: *mut Opaque) -> i32;
    fn ixt_node_poll_publish(node: *mut Opaque, message: *mut ixt_node_message_t) -> i32;
    fn ixt_node_drain(node: *mut Opaque, local: *mut u8, local_capacity: usize, out: *mut u8, capacity: usize, messages: *mut ixt_node_packed_t, message_capacity: usize, drained: *mut ixt_node_drained_t) -> i32;
    fn ixt_node_stats(node: *mut Opaque, stats: *mut ixt_node_stats_t) -> i32;
}

const OK: i32 = 0;
const NOW_US: u64 = 1_790_000_000_000_000;
const ROOM: usize = (64 << 10) + IXT_NODE_OVERHEAD;

struct Node(*mut Opaque);

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: it was made by ixt_node_new() and is freed once.
        unsafe { ixt_node_free(self.0) }
    }
}

fn copied(data: *const u8, length: usize) -> Vec<u8> {
    // SAFETY: the header promises so many bytes until the next call.
    if length == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(data, length) }.to_vec() }
}

/// Subject, reply, payload.
type Message = [Vec<u8>; 3];

impl Node {
    fn new(seed: u8) -> Self {
        let (mut config, mut made) = (MaybeUninit::uninit(), null_mut());
        // SAFETY: all pointers lead to memory of the size that is said.
        unsafe {
            assert_eq!(ixt_node_config_init(config.as_mut_ptr()), OK);
            config.assume_init_mut().max_message = 64 << 10;
            let seed = [seed; 32];
            let (at, out) = (seed.as_ptr(), &mut made);
            assert_eq!(ixt_node_new(config.as_ptr(), null(), 0, at, NOW_US, out, null_mut()), OK);
        }
        Self(made)
    }

    fn subscriptions(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let mut told = MaybeUninit::<ixt_node_subscription_t>::uninit();
            // SAFETY: as above.
            let told = unsafe {
                assert_eq!(ixt_node_poll_subscription(self.0, told.as_mut_ptr()), OK);
                told.assume_init()
            };
            if told.subject_length == 0 {
                return all;
            }
            all.push(copied(told.subject, told.subject_length));
        }
    }

    fn poll(&self) -> Option<Message> {
        let mut message = MaybeUninit::<ixt_node_message_t>::uninit();
        // SAFETY: as above.
        let message = unsafe {
            assert_eq!(ixt_node_poll_publish(self.0, message.as_mut_ptr()), OK);
            message.assume_init()
        };
        (message.subject_length > 0).then(|| {
            [
                copied(message.subject, message.subject_length),
                copied(message.reply, message.reply_length),
                copied(message.payload, message.payload_length),
            ]
        })
    }

    /// What the module is to read, and all messages.
    fn drain(&self) -> (Vec<u8>, Vec<Message>, ixt_node_drained_t) {
        let (mut bytes, mut all) = (Vec::new(), Vec::new());
        let mut out = vec![0; ROOM];
        loop {
            let mut local = [const { MaybeUninit::<u8>::uninit() }; 500];
            let mut messages = [const { MaybeUninit::<ixt_node_packed_t>::uninit() }; 2];
            let mut drained = MaybeUninit::<ixt_node_drained_t>::uninit();
            let (to, room) = (local.as_mut_ptr().cast(), messages.as_mut_ptr().cast());
            // SAFETY: as above; what is read was written, as the function says.
            let drained = unsafe {
                let (out, drained_to) = (out.as_mut_ptr(), drained.as_mut_ptr());
                assert_eq!(ixt_node_drain(self.0, to, 500, out, ROOM, room, 2, drained_to), OK);
                drained.assume_init()
            };
            // SAFETY: as above.
            bytes.extend(local.iter().take(drained.local).map(|byte| unsafe { byte.assume_init() }));
            for message in messages.iter().take(drained.count) {
                // SAFETY: as above.
                let message = unsafe { message.assume_init_ref() };
                let parts = [message.subject, message.reply, message.payload];
                all.push(parts.map(|part| part.get(&out).expect("within the buffer").to_vec()));
            }
            if !drained.more {
                return (bytes, all, drained);
            }
        }
    }

    fn read_local(&self, bytes: &[u8]) {
        let block = bytes.to_vec().into_boxed_slice();
        // SAFETY: as above.
        unsafe { assert_eq!(ixt_node_read_local(self.0, block.as_ptr(), block.len(), NOW_US), OK) };
    }

    fn receive(&self, [subject, _, payload]: &Message) {
        let (subject, payload) = (subject.clone().into_boxed_slice(), payload.clone().into_boxed_slice());
        let (at, size) = (payload.as_ptr(), payload.len());
        // SAFETY: as above.
        unsafe {
            assert_eq!(ixt_node_receive(self.0, subject.as_ptr(), subject.len(), at, size, NOW_US), OK)
        };
    }
}

/// A module that is announced.
fn module(name: &str, seed: u8) -> (Connection, Node) {
    let (id, node) = (StreamId::new([seed; 16]).expect("an id"), Node::new(seed));
    let mut engine = Connection::new(Config::default(), id, NOW_US).expect("a connection");
    exchange(&mut engine, &node);
    let context = InvocationContext::builder().target(Target::Service(ixt_host::SERVICE.into()));
    let context = context.build().expect("valid").encode();
    let services = vec![ServiceOffer { name: name.into(), kinds: vec![], requires: String::new() }];
    let told = ToHost::Announce { module: name.into(), services, topics: vec![], token: vec![] };
    let id = StreamId::new([seed + 100; 16]).expect("an id");
    let key = engine.open(id, InteractionKind::BidiStream, &context).expect("opens");
    engine.try_send(key, &told.encode()).expect("sends");
    assert_eq!(exchange(&mut engine, &node), 0);
    assert!(node.drain().2.has_subscription);
    let listens = node.subscriptions();
    assert_eq!(listens.len(), 6);
    assert!(listens.contains(&format!("ixt.s-{name}.*").into_bytes()));
    // SAFETY: as above.
    unsafe { assert_eq!(ixt_node_subscribed(node.0), OK) };
    // It asks the server whether it has come so far, by what nobody listens to.
    let [_, reply, asked] = node.poll().expect("the question");
    assert!(!reply.is_empty() && asked.is_empty());
    let reply = reply.into_boxed_slice();
    // SAFETY: as above.
    unsafe { assert_eq!(ixt_node_no_responders(node.0, reply.as_ptr(), reply.len(), NOW_US), OK) };
    assert_eq!(exchange(&mut engine, &node), 1);
    (engine, node)
}

/// Carries bytes between a module and its node, and gives how many messages the module was sent.
fn exchange(engine: &mut Connection, node: &Node) -> usize {
    let (mut out, mut messages) = (vec![0; 4096], 0);
    loop {
        let filled = engine.poll_transmit(&mut out);
        node.read_local(&out[..filled]);
        let (bytes, _, _) = node.drain();
        let mut incoming = engine.receive(&bytes, NOW_US);
        while let Some(event) = incoming.next() {
            messages += usize::from(matches!(event, Event::Message { .. }));
        }
        if filled == 0 && bytes.is_empty() {
            return messages;
        }
    }
}

#[test]
fn a_call_between_two_nodes() {
    let ((mut caller, from), (_provider, to)) = (module("caller", 1), module("provider", 2));
    let context = InvocationContext::builder()
        .source_module("caller")
        .target(Target::Service("provider".into()))
        .build()
        .expect("valid")
        .encode();
    let id = StreamId::new([9; 16]).expect("an id");
    let key = caller.open(id, InteractionKind::Unary, &context).expect("opens");
    caller.try_send(key, b"question").expect("sends");
    let mut out = vec![0; 4096];
    let filled = caller.poll_transmit(&mut out);
    from.read_local(&out[..filled]);
    let first = from.poll().expect("the open");
    assert_eq!(first[0], b"ixt.s-provider.caller");
    assert!(first[1].starts_with(b"ixt.i-caller.caller."));
    assert_eq!(from.poll(), None);
    to.receive(&first);
    // The answering node says hello before it takes the stream.
    let (_, hello, _) = to.drain();
    assert_eq!(hello.len(), 1);
    assert!(hello[0][0].starts_with(b"ixt.i-caller.provider."));
    from.receive(&hello[0]);
    let (_, back, drained) = from.drain();
    assert!(!back.is_empty() && drained.at_us >= NOW_US && !drained.has_ended);
    back.iter().for_each(|message| to.receive(message));
    let (asked, _, _) = to.drain();
    assert!(asked.windows(8).any(|part| part == b"question"));
    let mut stats = MaybeUninit::<ixt_node_stats_t>::uninit();
    // SAFETY: as above.
    let stats = unsafe {
        assert_eq!(ixt_node_stats(to.0, stats.as_mut_ptr()), OK);
        stats.assume_init()
    };
    assert_eq!((stats.peers, stats.streams, stats.gaps, stats.malformed), (1, 1, 0, 0));
}
