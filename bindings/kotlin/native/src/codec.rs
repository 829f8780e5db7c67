//! Frames to bytes and back: `Native.encodeFrame` and its likes.
//!
//! # Safety
//! All of these are called by the JVM alone, with an environment of the calling thread and with arrays that are
//! not null unless that is said.

use std::ptr::null_mut;

use ixt_core::invocation::ContextRef;
use ixt_core::stream::{FrameRef, StreamId, frames};
use ixt_core::wire::{Split, split};
use ixt_core::{ErrorKind, Result};
use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jint, jlong, jlongArray};

use crate::env::{Env, Pinned, SMALL, flag, limits};
use crate::record::{FRAME, frame_of, longs_of_frame};

/// More than the head of any frame, and its padding.
const HEAD: usize = 96;

/// The two longs of an id of bytes.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_streamId(
    env: *mut JNIEnv,
    _: jclass,
    bytes: jbyteArray,
    out: jlongArray,
) -> jboolean {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(false, |env| {
        let (high, low) = crate::record::longs_of(StreamId::from_slice(&env.bytes(bytes))?);
        env.write_longs(out, &[high, low]);
        Ok(flag(true))
    })
}

/// The bytes of one frame; `text` and `bytes` may be null.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_encodeFrame(
    env: *mut JNIEnv,
    _: jclass,
    tag: jint,
    high: jlong,
    low: jlong,
    x: jlong,
    y: jlong,
    text: jbyteArray,
    bytes: jbyteArray,
    max_payload: jint,
) -> jbyteArray {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(null_mut(), |env| {
        let limits = limits(max_payload);
        let length = if bytes.is_null() { 0 } else { env.length(bytes) };
        let text = env.bytes(text);
        let (tag, id, numbers) = (tag.into(), (high, low), (x, y));
        if length <= SMALL {
            let mut content = [0; SMALL];
            let content = content.get_mut(..length).unwrap_or_default();
            if length > 0 {
                env.read(bytes, 0, content);
            }
            let frame = frame_of(tag, id, numbers, &text, content)?;
            if text.is_empty() {
                let mut out = [0; SMALL + HEAD];
                let written = frame.encode_to_slice(&mut out, limits)?;
                return Ok(env.array_of(out.get(..written).unwrap_or_default()));
            }
            let mut out = Vec::new();
            frame.encode_into(&mut out, limits)?;
            return Ok(env.array_of(&out));
        }
        // The array is made before anything is pinned, and takes the bytes without another copy.
        let size = {
            let pinned = Pinned::new(env, bytes)?;
            let frame = frame_of(tag, id, numbers, &text, pinned.bytes())?;
            match frame.encode_to_slice(&mut [], limits) {
                Err(error) if error.kind() != ErrorKind::BufferTooSmall => return Err(error),
                _ => frame.encoded_len(),
            }
        };
        let array = env.new_array(size);
        if array.is_null() {
            return Ok(array);
        }
        let pinned = Pinned::new(env, bytes)?;
        let mut out = Pinned::new(env, array)?;
        frame_of(tag, id, numbers, &text, pinned.bytes())?.encode_to_slice(out.bytes_mut(), limits)?;
        Ok(array)
    })
}

/// The bytes of many frames. `heads` holds for each: tag, id (two), two numbers, length of the text, length of
/// the bytes; `content` the texts and bytes in the same order.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_encodeBatch(
    env: *mut JNIEnv,
    _: jclass,
    heads: jlongArray,
    content: jbyteArray,
    max_payload: jint,
) -> jbyteArray {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(null_mut(), |env| {
        let (heads, limits) = (env.longs(heads), limits(max_payload));
        let content = env.bytes(content);
        let mut rest = content.as_slice();
        let mut take = |length: jlong| -> Result<&[u8]> {
            let (taken, left) = rest.split_at_checked(length as usize).ok_or(ErrorKind::InvalidArgument)?;
            rest = left;
            Ok(taken)
        };
        let mut out = Vec::with_capacity(content.len() + heads.len() / 7 * HEAD);
        for head in heads.as_chunks::<7>().0 {
            let [tag, high, low, x, y, text, bytes] = *head;
            let (text, bytes) = (take(text)?, take(bytes)?);
            frame_of(tag, (high, low), (x, y), text, bytes)?.encode_into(&mut out, limits)?;
        }
        Ok(env.array_of(&out))
    })
}

/// Decodes one whole frame into the nine longs of `out`.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_decodeFrame(
    env: *mut JNIEnv,
    _: jclass,
    bytes: jbyteArray,
    offset: jint,
    length: jint,
    max_payload: jint,
    canonical: jboolean,
    out: jlongArray,
) -> jboolean {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(false, |env| {
        let (base, limits) = (offset as usize, limits(max_payload));
        let longs = env.lend(bytes, base, length as usize, |input| {
            let frame = if canonical {
                FrameRef::decode_canonical(input, limits)
            } else {
                FrameRef::decode_within(input, limits)
            };
            Ok(longs_of_frame(&frame?, input, base))
        })?;
        env.write_longs(out, &longs);
        Ok(flag(true))
    })
}

/// Decodes whole frames into `out`, up to `most`, nine longs each behind one that says how many bytes they are;
/// gives how many there are.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_decodeBatch(
    env: *mut JNIEnv,
    _: jclass,
    bytes: jbyteArray,
    offset: jint,
    length: jint,
    max_payload: jint,
    most: jint,
    out: jlongArray,
) -> jint {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(0, |env| {
        let base = offset as usize;
        let longs = env.lend(bytes, base, length as usize, |input| {
            let mut batch = frames(input, limits(max_payload));
            let mut longs = Vec::with_capacity(1 + most as usize * FRAME);
            longs.push(0);
            for next in batch.by_ref().take(most as usize) {
                match next {
                    Ok((_, frame)) => longs.extend(longs_of_frame(&frame, input, base)),
                    Err(error) if longs.len() == 1 => return Err(error),
                    Err(_) => break,
                }
            }
            if let Some(consumed) = longs.first_mut() {
                *consumed = batch.consumed() as jlong;
            }
            Ok(longs)
        })?;
        env.write_longs(out, &longs);
        Ok((longs.len() / FRAME) as jint)
    })
}

/// Where the first message ends: its size, or the complement of what is needed before more can be said.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_split(
    env: *mut JNIEnv,
    _: jclass,
    bytes: jbyteArray,
    offset: jint,
    length: jint,
    max_payload: jint,
) -> jlong {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(0, |env| {
        let most = limits(max_payload).max_message();
        // The table alone is read.
        let length = length as usize;
        let mut table = [0; SMALL];
        let table = table.get_mut(..length.min(SMALL)).unwrap_or_default();
        env.read(bytes, offset as usize, table);
        Ok(match split(table, most)? {
            Split::Message(size) => size as jlong,
            Split::Incomplete(size) if size <= length => size as jlong,
            Split::Incomplete(size) => !(size as jlong),
        })
    })
}

/// Whether a context of these bytes has a capability.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_hasCapability(
    env: *mut JNIEnv,
    _: jclass,
    context: jbyteArray,
    required: jbyteArray,
) -> jboolean {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(false, |env| {
        let required = env.bytes(required);
        env.lend(context, 0, env.length(context), |context| {
            let context = ContextRef::decode(context)?;
            // What is not text is no name of a capability.
            let required = std::str::from_utf8(&required).unwrap_or_default();
            Ok(flag(context.actor().has_capability(required)))
        })
    })
}
