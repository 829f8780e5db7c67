//! What a node has for the client of NATS and for its module.

use std::mem::MaybeUninit;
use std::ptr;

use ixt_core::{Error, ErrorKind};
use ixt_host::node::Outgoing;

use crate::ffi::{BytesOut, PackedOut};
use crate::guard::{guard, required};
use crate::span::ixt_span_t;
use crate::status::ixt_status_t;

use super::{command, ixt_node_t};

/// What to listen to, or no more.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_node_subscription_t {
    /// The subject, with wildcards: UTF-8 without a NUL. Borrowed until the next call on the node.
    pub subject: *const u8,
    /// Bytes of it; 0 where there is nothing.
    pub subject_length: usize,
    /// Whether each message goes to one of all who listen: in the queue group IXT_NODE_QUEUE.
    pub is_shared: bool,
    /// False where it is to be given up.
    pub is_wanted: bool,
}

/// Takes the next subject to listen to, or to give up. When it gives nothing more: once the server has taken all of
/// them, ixt_node_subscribed().
///
/// subscription: written on success; its subject is borrowed until the next call on the node, and has length 0 where
/// there is none.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_poll_subscription(
    node: Option<&mut ixt_node_t>,
    subscription: Option<&mut MaybeUninit<ixt_node_subscription_t>>,
) -> ixt_status_t {
    guard(|| {
        let out = required(subscription)?;
        command(node, |this| {
            this.given = this.next.take().or_else(|| this.node.poll_subscription());
            let given = this.given.as_ref();
            out.write(ixt_node_subscription_t {
                subject: given.map_or(ptr::null(), |given| given.subject.as_ptr()),
                subject_length: given.map_or(0, |given| given.subject.len()),
                is_shared: given.is_some_and(|given| given.is_shared),
                is_wanted: given.is_some_and(|given| given.is_wanted),
            });
            Ok(())
        })
    })
}

/// A message to be published. All of it is borrowed until the next call on the node.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_node_message_t {
    /// Where to: UTF-8 without a NUL.
    pub subject: *const u8,
    /// Bytes of the subject; 0 where there is no message.
    pub subject_length: usize,
    /// The reply subject.
    pub reply: *const u8,
    /// Bytes of the reply subject; 0 where the message has none.
    pub reply_length: usize,
    /// The message.
    pub payload: *const u8,
    /// Bytes of the message.
    pub payload_length: usize,
}

/// Takes the next message that leaves. Ask for no more than the client takes: what is not asked for waits in the node
/// within bounds, and whoever sends too quickly waits with it.
///
/// message: written on success; borrowed until the next call on the node; its subject has length 0 where there is
/// none.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_poll_publish(
    node: Option<&mut ixt_node_t>,
    message: Option<&mut MaybeUninit<ixt_node_message_t>>,
) -> ixt_status_t {
    guard(|| {
        let out = required(message)?;
        command(node, |this| {
            let part = |part: &[u8]| match part {
                [] => (ptr::null(), 0),
                part => (part.as_ptr(), part.len()),
            };
            let (mut subject, mut reply, mut payload) = (part(&[]), part(&[]), part(&[]));
            if let Some(message) = this.node.poll_publish() {
                subject = part(message.subject.as_bytes());
                reply = part(message.reply.unwrap_or_default().as_bytes());
                payload = part(message.payload);
            }
            out.write(ixt_node_message_t {
                subject: subject.0,
                subject_length: subject.1,
                reply: reply.0,
                reply_length: reply.1,
                payload: payload.0,
                payload_length: payload.1,
            });
            Ok(())
        })
    })
}

/// A message to be published, in the buffer that ixt_node_drain() has filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_node_packed_t {
    /// Where to.
    pub subject: ixt_span_t,
    /// The reply subject; of length 0 where the message has none.
    pub reply: ixt_span_t,
    /// The message.
    pub payload: ixt_span_t,
}

/// What ixt_node_drain() gave.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_node_drained_t {
    /// As ixt_node_next_timeout(): 0 for never.
    pub at_us: u64,
    /// Bytes for the module to read from its pipe.
    pub local: usize,
    /// Messages to be published.
    pub count: usize,
    /// There may be more than there was room for, for the module or to be published: another call is due.
    pub more: bool,
    /// ixt_node_poll_subscription() has something.
    pub has_subscription: bool,
    /// As ixt_node_has_ended().
    pub has_ended: bool,
}

/// Room in the buffer of ixt_node_drain() beside that of the largest message: for subjects, the longest of which is
/// the name of a topic that fills its context, escaped.
pub const IXT_NODE_OVERHEAD: usize = 131072;

/// All outputs of a node in one call, for where calls cost: what ixt_node_poll_local() gives, what
/// ixt_node_poll_publish() gives, packed, and what there is besides. Only subscriptions are taken one by one.
///
/// local: room for `local_capacity` bytes for the module; 0 where none are wanted now. out: room for `capacity` bytes,
/// in which messages are packed, of at least `max_message` + IXT_NODE_OVERHEAD; it takes as many messages as surely
/// fit. messages: room for `message_capacity` messages, of which the first `drained->count` are written, as places in
/// `out`; where it is 0 none are wanted now, and `capacity` may be 0. drained: written on success.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL for less `capacity` than that, and nothing has changed;
/// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_drain(
    node: Option<&mut ixt_node_t>,
    local: BytesOut,
    local_capacity: usize,
    out: BytesOut,
    capacity: usize,
    messages: PackedOut,
    message_capacity: usize,
    drained: Option<&mut MaybeUninit<ixt_node_drained_t>>,
) -> ixt_status_t {
    guard(|| {
        let drained = required(drained)?;
        let (local, out) = (local.get(local_capacity)?, out.get(capacity)?);
        let messages = messages.get(message_capacity)?;
        command(node, |this| {
            if !messages.is_empty() && out.len() < this.room {
                return Err(ErrorKind::BufferTooSmall.into());
            }
            let (mut filled, mut packed) = (0, Packed { out, end: 0, messages, count: 0 });
            loop {
                let before = (filled, packed.count);
                while let Some(room) = local.get_mut(filled..)
                    && let given @ 1.. = this.node.poll_local(room)
                {
                    filled += given;
                }
                while packed.has_room(this.room)
                    && let Some(message) = this.node.poll_publish()
                {
                    packed.add(message)?;
                }
                // What left for one side may have made something for the other one.
                if before == (filled, packed.count) {
                    break;
                }
            }
            if this.next.is_none() {
                this.next = this.node.poll_subscription();
            }
            let is_full = !packed.messages.is_empty() && !packed.has_room(this.room);
            drained.write(ixt_node_drained_t {
                at_us: this.node.next_timeout().unwrap_or(0),
                local: filled,
                count: packed.count,
                more: is_full || (filled > 0 && filled == local.len()),
                has_subscription: this.next.is_some(),
                has_ended: this.node.has_ended(),
            });
            Ok(())
        })
    })
}

/// Messages in the caller's buffer.
struct Packed<'a> {
    out: &'a mut [u8],
    end: usize,
    messages: &'a mut [ixt_node_packed_t],
    count: usize,
}

impl Packed<'_> {
    /// Whether there is room for one more, however large it is.
    fn has_room(&self, most: usize) -> bool {
        self.count < self.messages.len() && self.out.len() - self.end >= most
    }

    fn add(&mut self, message: Outgoing<'_>) -> Result<(), Error> {
        let mut put = |part: &[u8]| {
            let rest = self.out.get_mut(self.end..).ok_or(ErrorKind::BufferTooSmall)?;
            let room = rest.get_mut(..part.len()).ok_or(ErrorKind::BufferTooSmall)?;
            room.copy_from_slice(part);
            let offset = u32::try_from(self.end).map_err(|_| ErrorKind::InvalidArgument)?;
            self.end += part.len();
            let length = u32::try_from(part.len()).map_err(|_| ErrorKind::InvalidArgument)?;
            Ok::<_, Error>(if length == 0 { ixt_span_t::default() } else { ixt_span_t { offset, length } })
        };
        let packed = ixt_node_packed_t {
            subject: put(message.subject.as_bytes())?,
            reply: put(message.reply.unwrap_or_default().as_bytes())?,
            payload: put(message.payload)?,
        };
        if let Some(slot) = self.messages.get_mut(self.count) {
            *slot = packed;
            self.count += 1;
        }
        Ok(())
    }
}
