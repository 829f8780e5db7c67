//! Small frames, by the memory that both sides see: `Native.encode` and its likes.
//!
//! Each function of JNI that reads or makes an array costs more than to encode a frame. So a thread has a direct
//! buffer, `io.github.hdv.ixt.internal.Scratch`: the caller puts the input at its front, calls with numbers alone, and
//! takes the output from its second half.
//!
//! # Safety
//! All of these are called by the JVM alone, with an environment of the calling thread. `scratch` is the address of
//! the calling thread's buffer of twice [`SIZE`] bytes, of which nobody else knows, and lengths are within its half.

use ixt_core::flow::Ticket;
use ixt_core::stream::FrameRef;
use ixt_core::{ErrorKind, Result};
use jni_sys::{JNIEnv, jboolean, jclass, jint, jlong, jobject};

use crate::env::{Env, flag, limits};
use crate::record::{frame_of, longs_of_frame};
use crate::stream::engine;

/// Bytes of the input, and of the output.
pub(crate) const SIZE: usize = 32 << 10;
/// More than the head of any frame, and its padding.
const ROOM: usize = 96;

/// The two halves of a scratch.
///
/// # Safety
/// See the module.
pub(crate) unsafe fn halves<'a>(scratch: jlong) -> (&'a [u8; SIZE], &'a mut [u8; SIZE]) {
    let input = scratch as *mut [u8; SIZE];
    // SAFETY: the caller's; the halves do not overlap.
    unsafe { (&*input, &mut *input.add(1)) }
}

fn front(input: &[u8], length: usize) -> Result<&[u8]> {
    input.get(..length).ok_or(ErrorKind::InvalidArgument.into())
}

/// Where a direct buffer is; 0 where that cannot be told.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_address(
    env: *mut JNIEnv,
    _: jclass,
    buffer: jobject,
) -> jlong {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(0, |env| Ok(env.address(buffer)))
}

/// Encodes one frame, whose text and bytes are the input; gives how many bytes of output there are.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_encode(
    env: *mut JNIEnv,
    _: jclass,
    scratch: jlong,
    tag: jint,
    high: jlong,
    low: jlong,
    x: jlong,
    y: jlong,
    text: jint,
    bytes: jint,
    max_payload: jint,
) -> jint {
    // SAFETY: see the module.
    let (env, (input, output)) = unsafe { (Env::new(env), halves(scratch)) };
    env.run(0, |_| {
        let content = front(input, text as usize + bytes as usize)?;
        let (text, bytes) = content.split_at(text as usize);
        let frame = frame_of(tag.into(), (high, low), (x, y), text, bytes)?;
        Ok(frame.encode_to_slice(output, limits(max_payload))? as jint)
    })
}

/// Encodes so many frames; gives how many bytes of output there are. Each is in the input: one long (tag in 16 bits, a
/// bit for an id, a bit for more, the length of the bytes in the upper half); the id (two longs) where it is another
/// one than that of the frame before; a number; where there is more a second number and the length of the text; the
/// text; the bytes.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_encodeMany(
    env: *mut JNIEnv,
    _: jclass,
    scratch: jlong,
    count: jint,
    max_payload: jint,
) -> jint {
    // SAFETY: see the module.
    let (env, (input, output)) = unsafe { (Env::new(env), halves(scratch)) };
    env.run(0, |_| {
        let limits = limits(max_payload);
        let (mut input, mut written, mut id) = (Input::new(input), 0, (0, 0));
        for _ in 0..count {
            let head = input.long()?;
            if head & OTHER_ID != 0 {
                id = (input.long()?, input.long()?);
            }
            let x = input.long()?;
            let (y, text) = if head & MORE != 0 { (input.long()?, input.long()?) } else { (0, 0) };
            let (text, bytes) = (input.bytes(text as usize)?, input.bytes((head >> 32) as usize)?);
            let frame = frame_of(head & 0xffff, id, (x, y), text, bytes)?;
            written += frame.encode_to_slice(output.get_mut(written..).unwrap_or_default(), limits)?;
        }
        Ok(written as jint)
    })
}

/// Where a frame of a batch has an id of its own.
const OTHER_ID: jlong = 1 << 16;
/// Where it has a second number and a text.
const MORE: jlong = 1 << 17;

/// What is left of the input.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(length).ok_or(ErrorKind::InvalidArgument)?;
        self.0 = left;
        Ok(taken)
    }

    pub(crate) fn long(&mut self) -> Result<jlong> {
        let (taken, left) = self.0.split_first_chunk().ok_or(ErrorKind::InvalidArgument)?;
        self.0 = left;
        Ok(jlong::from_ne_bytes(*taken))
    }
}

/// Decodes one whole frame, which is the input, into nine longs of output.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_decode(
    env: *mut JNIEnv,
    _: jclass,
    scratch: jlong,
    length: jint,
    max_payload: jint,
    canonical: jboolean,
) -> jboolean {
    // SAFETY: see the module.
    let (env, (input, output)) = unsafe { (Env::new(env), halves(scratch)) };
    env.run(false, |_| {
        let (input, limits) = (front(input, length as usize)?, limits(max_payload));
        let frame = if canonical {
            FrameRef::decode_canonical(input, limits)
        } else {
            FrameRef::decode_within(input, limits)
        };
        for (long, out) in longs_of_frame(&frame?, input, 0).iter().zip(output.as_chunks_mut::<8>().0) {
            *out = long.to_ne_bytes();
        }
        Ok(flag(true))
    })
}

/// Sends the input as one message, by a free credit or where there is one by that of a ticket; gives how many bytes
/// of output its frame is, or 0 where there is no credit.
///
/// # Safety
/// As the module's, and for `stream` as that of `stream`.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_send(
    env: *mut JNIEnv,
    _: jclass,
    scratch: jlong,
    stream: jlong,
    waited: jboolean,
    ticket: jlong,
    length: jint,
) -> jint {
    // SAFETY: see the module.
    let (env, (input, output), engine) = unsafe { (Env::new(env), halves(scratch), engine(stream)) };
    env.run(0, |_| {
        // A credit that is spent on a frame without room would be lost.
        let payload = front(input, (length as usize).saturating_add(ROOM))
            .and_then(|_| front(input, length as usize))?;
        let frame = engine.offer(payload, waited.then(|| Ticket::from_raw(ticket as u64)))?;
        frame.map_or(Ok(0), |frame| Ok(frame.encode_to_slice(output, engine.limits)? as jint))
    })
}
