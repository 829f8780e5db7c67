//! A peer that keeps no rule: frames that are nearly right, and bytes that are none.

use std::collections::BTreeMap;

use capnp::message::{Builder, HeapAllocator};
use ixt_core::Limits;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameRef, InteractionKind, StreamErrorCode, StreamId,
};
use ixt_core::wire::generated::connection_capnp::{EndReason, connection_message};

use crate::input::Input;

/// What the peer has written and nobody has read yet.
#[derive(Debug)]
pub struct Hostile {
    /// Bytes on the way.
    pub wire: Vec<u8>,
    /// Something else than frames was written, so nothing is known of what the other end reads.
    pub is_raw: bool,
    control: StreamId,
    /// The next sequence of each stream.
    next: BTreeMap<StreamId, u64>,
}

/// What the peer puts into its frames.
pub trait Content {
    /// The id of a stream.
    fn id(&mut self, input: &mut Input<'_>) -> StreamId;
    /// The context of an open.
    fn context(&mut self, input: &mut Input<'_>, id: StreamId) -> Vec<u8>;
    /// The payload of a message.
    fn payload(&mut self, input: &mut Input<'_>) -> Vec<u8>;
}

impl Hostile {
    /// A peer with this control stream, which has said nothing.
    pub fn new(control: StreamId) -> Self {
        Self { wire: Vec::new(), is_raw: false, control, next: BTreeMap::new() }
    }

    /// Writes a frame.
    pub fn write(&mut self, frame: &FrameRef<'_>) {
        frame.encode_into(&mut self.wire, Limits::with_max_payload(1 << 20)).expect("within the limits");
    }

    /// Opens the control stream and says hello.
    pub fn greet(&mut self, input: &mut Input<'_>) {
        let context = InvocationContext::builder()
            .target(Target::Service(ixt_core::connection::SERVICE.into()))
            .build()
            .expect("within the limits")
            .encode();
        self.write(&Frame::open(self.control, InteractionKind::BidiStream, 16, &context));
        let max_payload = [16, 100, 1000, 1 << 20][input.below(4)];
        let (max_streams, credit) = (input.number(), input.number());
        self.say(|message| {
            let mut hello = message.init_hello();
            hello.set_version(1);
            hello.set_max_payload(max_payload);
            hello.set_max_streams(max_streams);
            hello.set_initial_credit(credit);
        });
    }

    fn say(&mut self, fill: impl FnOnce(connection_message::Builder<'_>)) {
        let mut message = Builder::new(HeapAllocator::new());
        fill(message.init_root());
        let payload = capnp::serialize::write_message_to_words(&message);
        self.message(self.control, &payload);
    }

    /// Writes a message, of the sequence that is due.
    pub fn message(&mut self, id: StreamId, payload: &[u8]) {
        let sequence = self.sequence(id);
        self.write(&Frame::data(id, sequence, payload));
    }

    fn sequence(&mut self, id: StreamId) -> u64 {
        let next = self.next.entry(id).or_default();
        *next += 1;
        *next - 1
    }

    /// Writes something. `other` is the control stream of the other end, where it is known.
    pub fn act(&mut self, input: &mut Input<'_>, content: &mut impl Content, other: Option<StreamId>) {
        // Mostly the number that is due.
        let ahead = |byte: u8| if byte < 232 { 0 } else { u64::from(byte) };
        match input.byte() % 20 {
            0..=3 => {
                let id = content.id(input);
                let kind = InteractionKind::from_raw(u16::from(input.byte() % 5));
                let (credit, context) = (input.number(), content.context(input, id));
                self.next.insert(id, 0);
                self.write(&Frame::open(id, kind, credit, &context));
            }
            4..=7 => {
                let (id, ahead) = (content.id(input), ahead(input.byte()));
                let payload = content.payload(input);
                let sequence = self.sequence(id);
                self.write(&Frame::data(id, sequence.wrapping_add(ahead), &payload));
            }
            8 | 9 => {
                let id = content.id(input);
                let sequence = self.next.get(&id).copied().unwrap_or(0).wrapping_add(ahead(input.byte()));
                let reason = CloseReason::from_raw(u16::from(input.byte() % 6));
                self.write(&Frame::close(id, reason, sequence));
            }
            10 | 11 => {
                let (id, frames) = (content.id(input), input.number());
                self.write(&Frame::credit(id, frames));
            }
            12 => {
                let code = StreamErrorCode::from_raw(u16::from(input.byte() % 14));
                self.write(&Frame::error(content.id(input), code, 0, "hostile", &[]));
            }
            13 => {
                let reason = CancelReason::from_raw(u16::from(input.byte() % 9));
                self.write(&Frame::cancel(content.id(input), reason, "hostile"));
            }
            14 => match input.byte() % 16 {
                0 => self.greet(input),
                1 => self.say(|mut message| message.set_pong(1)),
                2 => self.say(|message| {
                    let mut away = message.init_going_away();
                    away.set_reason(EndReason::Shutdown);
                }),
                3 => self.say(|message| {
                    let mut away = message.init_going_away();
                    away.set_reason(EndReason::Overload);
                }),
                _ => {
                    let number = input.byte().into();
                    self.say(|mut message| message.set_ping(number));
                }
            },
            15 => {
                if let Some(other) = other {
                    self.write(&Frame::credit(other, u32::from(input.byte() % 32)));
                }
            }
            16 => {
                // A kind of frame that is not known: the tag of a credit frame stands in its fifth word.
                let at = self.wire.len();
                let frame: FrameRef<'_> = Frame::credit(content.id(input), 1);
                self.write(&frame);
                self.wire[at + 40] = 6 + input.byte() % 4;
            }
            17 => {
                // The table says a segment more, which is empty, so that the frame has another shape.
                let (id, payload) = (content.id(input), content.payload(input));
                let sequence = self.sequence(id);
                let frame: FrameRef<'_> = Frame::data(id, sequence, &payload);
                let bytes = frame.encode().expect("within the limits");
                self.wire.extend(crate::shape::in_two_segments(&bytes).expect("of one segment"));
            }
            18 if !self.wire.is_empty() => {
                self.is_raw = true;
                let at = usize::from(input.byte()) % self.wire.len();
                self.wire[at] ^= input.byte();
            }
            _ => {
                self.is_raw = true;
                let count = input.below(64);
                self.wire.extend_from_slice(input.bytes(count));
            }
        }
    }

    /// Takes so many of the bytes that are on the way.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.wire.len());
        self.wire.drain(..count).collect()
    }
}
