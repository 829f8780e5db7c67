//! Frames to bytes and back: `Native.encodeFrame` and its likes.
//!
//! # Safety
//! All of these are called by the JVM alone, with an environment of the calling thread and with arrays that are
//! not null unless that is said.

use std::ptr::null_mut;

use ixt_core::ErrorKind;
use ixt_core::stream::{FrameRef, StreamId, frames};
use ixt_core::wire::{Split, split};
use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jint, jlong, jlongArray, jobject};

use crate::env::{Env, Pinned, flag, limits};
use crate::record::{FRAME, frame_of, longs_of_frame};

/// The largest segment table that is read: 16 segments and their number.
const TABLE: usize = 72;

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

/// The bytes of one frame that is too large for the scratch; `text` may be null.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_encodeLarge(
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
        let (tag, id, numbers) = (tag.into(), (high, low), (x, y));
        let (text, limits) = (env.bytes(text), limits(max_payload));
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

/// As `encodeLarge`, into the memory of a direct buffer from `at` up to `end`; gives how many bytes.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_encodeLargeTo(
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
    buffer: jobject,
    at: jint,
    end: jint,
) -> jint {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(0, |env| {
        let (text, start) = (env.bytes(text), env.address(buffer) as *mut u8);
        let room = (end as usize).checked_sub(at as usize).ok_or(ErrorKind::InvalidArgument)?;
        if start.is_null() {
            return Err(ErrorKind::InvalidArgument.into());
        }
        // SAFETY: the caller's places are within the buffer, which lives through the call, and whoever uses it
        // meanwhile on another thread breaks the buffer's own rule.
        let out = unsafe { std::slice::from_raw_parts_mut(start.add(at as usize), room) };
        let pinned = Pinned::new(env, bytes)?;
        let frame = frame_of(tag.into(), (high, low), (x, y), &text, pinned.bytes())?;
        Ok(frame.encode_to_slice(out, limits(max_payload))? as jint)
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
        let mut table = [0; TABLE];
        let table = table.get_mut(..length.min(TABLE)).unwrap_or_default();
        env.read(bytes, offset as usize, table);
        Ok(match split(table, most)? {
            Split::Message(size) => size as jlong,
            Split::Incomplete(size) if size <= length => size as jlong,
            Split::Incomplete(size) => !(size as jlong),
        })
    })
}
