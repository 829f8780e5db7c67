//! Contexts, whole: `Native.contextFrom` and its likes.
//!
//! What is built comes as one array: longs, then texts, each behind its length as a long. What a context says goes
//! out as longs in the second half of the scratch, with offsets into its canonical bytes in place of copies; where
//! these are not the caller's own, they follow the longs at [`BYTES`].
//!
//! # Safety
//! All of these are called by the JVM alone, with an environment of the calling thread and with arrays that are
//! not null. `scratch` is as in the module `scratch`.

use std::ptr::null_mut;

use ixt_core::invocation::{ChildSpec, ContextRef, InvocationContext, Subject, Target};
use ixt_core::wire::MAX_CONTEXT;
use ixt_core::{Error, ErrorKind, Result};
use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jint, jlong};

use crate::env::{Env, flag};
use crate::record::place;
use crate::scratch::{Input, SIZE, halves};

/// Where canonical bytes stand in the output, behind all longs that there can be.
const BYTES: usize = 8 << 10;
const _: () = assert!(BYTES + MAX_CONTEXT <= SIZE);

/// A native method with the second half of the scratch as `$out`.
macro_rules! natives {
    ($($(#[$doc:meta])* fn $name:ident($env:ident, $out:ident $(, $argument:ident: $type:ty)*); $body:block)+) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        unsafe extern "system" fn $name(
            env: *mut JNIEnv, _: jclass, scratch: jlong $(, $argument: $type)*
        ) -> jint {
            // SAFETY: see the module.
            let (env, (_, $out)) = unsafe { (Env::new(env), halves(scratch)) };
            env.run(0, |$env| $body)
        }
    )+};
}

natives! {
    /// Tells what these bytes say; 0 where they are canonical, else how many canonical bytes there are.
    fn Java_io_github_hdv_ixt_internal_Native_contextFrom(env, out, bytes: jbyteArray, canonical: jboolean); {
        env.lend(bytes, 0, env.length(bytes), |input| {
            let context = ContextRef::decode(input)?;
            let (longs, room) = out.split_at_mut(BYTES);
            let length = context.encode_to_slice(room)?;
            let encoded = room.get(..length).unwrap_or_default();
            if encoded == input {
                tell(&context, input, longs);
                return Ok(0);
            }
            if canonical {
                return Err(ErrorKind::NotCanonical.into());
            }
            tell(&ContextRef::decode(encoded)?, encoded, longs);
            Ok(length as jint)
        })
    }

    /// Builds a context: correlation id (high, low), span, parent span, flags, deadline, tags of target and subject,
    /// how many capabilities and metadata entries; texts of source, target, subject, token, these. How many
    /// canonical bytes it has.
    fn Java_io_github_hdv_ixt_internal_Native_contextOf(env, out, parts: jbyteArray); {
        env.lend(parts, 0, env.length(parts), |parts| {
            let mut parts = Input::new(parts);
            let [high, low, span, parent, flags, deadline] = parts.longs()?;
            let [target, subject, capabilities, entries] = parts.longs()?;
            let mut builder = ContextRef::builder()
                .correlation_id((u128::from(high as u64) << 64 | u128::from(low as u64)).to_be_bytes())
                .span_id(span.to_be_bytes())
                .parent_span_id(parent.to_be_bytes())
                .trace_flags(flags as u8)
                .deadline_ms(deadline as u64)
                .source_module(parts.text()?)
                .target(target_of(target, parts.content()?)?)
                .subject(subject_of(subject, parts.text()?))
                .token_ref(parts.content()?);
            for _ in 0..capabilities {
                builder = builder.capability(parts.text()?);
            }
            for _ in 0..entries {
                builder = builder.metadata(parts.text()?, parts.text()?);
            }
            let context = builder.build()?;
            hand_out(out, |room| context.encode_to_slice(room))
        })
    }

    /// The runtime's own context.
    fn Java_io_github_hdv_ixt_internal_Native_contextSystem(_env, out); {
        hand_out(out, |room| InvocationContext::system().encode_to_slice(room))
    }

    /// Builds the context of a further invocation: span, deadline, tag of the target, how many capabilities (-1 for
    /// the parent's) and metadata entries; texts of source, target, these.
    fn Java_io_github_hdv_ixt_internal_Native_contextChild(env, out, parent: jbyteArray, parts: jbyteArray); {
        let parent = env.bytes(parent);
        env.lend(parts, 0, env.length(parts), |parts| {
            let mut parts = Input::new(parts);
            let [span, deadline, target, capabilities, entries] = parts.longs()?;
            let source = parts.text()?;
            let target = target_of(target, parts.content()?)?.to_owned();
            let mut spec = ChildSpec::new(span.to_be_bytes(), source, target).deadline_ms(deadline as u64);
            if capabilities >= 0 {
                let patterns: Result<Vec<&str>> = (0..capabilities).map(|_| parts.text()).collect();
                spec = spec.capabilities(patterns?);
            }
            for _ in 0..entries {
                spec = spec.metadata(parts.text()?, parts.text()?);
            }
            let child = ContextRef::decode(&parent)?.child(spec)?;
            hand_out(out, |room| child.encode_to_slice(room))
        })
    }
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

/// Whether the deadline of a context has passed.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_deadlineElapsed(
    env: *mut JNIEnv,
    _: jclass,
    context: jbyteArray,
    now: jlong,
) -> jboolean {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(false, |env| {
        env.lend(context, 0, env.length(context), |context| {
            Ok(flag(ContextRef::decode(context)?.deadline_elapsed(now as u64)))
        })
    })
}

/// Milliseconds to the deadline of a context; 0 without one.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_remaining(
    env: *mut JNIEnv,
    _: jclass,
    context: jbyteArray,
    now: jlong,
    skew: jlong,
) -> jlong {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(0, |env| {
        env.lend(context, 0, env.length(context), |context| {
            let left = ContextRef::decode(context)?.remaining(now as u64, skew as u64);
            Ok(left.unwrap_or(0) as jlong)
        })
    })
}

/// The W3C header of a context; null for none.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_io_github_hdv_ixt_internal_Native_traceparent(
    env: *mut JNIEnv,
    _: jclass,
    context: jbyteArray,
) -> jbyteArray {
    // SAFETY: see the module.
    unsafe { Env::new(env) }.run(null_mut(), |env| {
        let header = ContextRef::decode(&env.bytes(context))?.traceparent();
        Ok(header.map_or(null_mut(), |header| env.array_of(header.as_bytes())))
    })
}

/// Encodes a context that has no bytes of the caller's, and tells what it says.
fn hand_out(out: &mut [u8; SIZE], encode: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<jint> {
    let (longs, room) = out.split_at_mut(BYTES);
    let length = encode(room)?;
    let encoded = room.get(..length).unwrap_or_default();
    tell(&ContextRef::decode(encoded)?, encoded, longs);
    Ok(length as jint)
}

/// What a context says, as longs: correlation id (high, low), span, parent span, flags, deadline, tags of target and
/// subject, how many capabilities and metadata entries; then the places (offset, length) in `bytes` of source,
/// target, subject, token, and these.
fn tell(context: &ContextRef<'_>, bytes: &[u8], out: &mut [u8]) {
    let mut out = out.as_chunks_mut::<8>().0.iter_mut();
    let mut put = |long: jlong| {
        if let Some(room) = out.next() {
            *room = long.to_ne_bytes();
        }
    };
    let (high, low) = halves_of(context.correlation_id());
    let (target, actor) = (context.target(), context.actor());
    let subject = actor.subject();
    let target_text = match target {
        Target::Service(text)
        | Target::Module(text)
        | Target::Broadcast(text)
        | Target::DynamicEndpoint(text) => text,
        _ => "",
    };
    let subject_text = match subject {
        Subject::External(text) | Subject::Operator(text) | Subject::Module(text) => text,
        _ => "",
    };
    for long in [
        high,
        low,
        jlong::from_be_bytes(context.span_id()),
        jlong::from_be_bytes(context.parent_span_id()),
        context.trace_flags().into(),
        context.deadline_ms().unwrap_or(0) as jlong,
        target.tag().into(),
        subject.tag().into(),
        actor.capabilities().len() as jlong,
        context.metadata().len() as jlong,
    ] {
        put(long);
    }
    let mut put_both = |(first, second): (jlong, jlong)| {
        put(first);
        put(second);
    };
    put_both(place(context.source_module().as_bytes(), bytes, 0));
    put_both(match target {
        Target::Reply(id) => halves_of(id),
        _ => place(target_text.as_bytes(), bytes, 0),
    });
    let mut put_place = |part: &[u8]| put_both(place(part, bytes, 0));
    put_place(subject_text.as_bytes());
    put_place(actor.token_ref().expose());
    for capability in actor.capabilities() {
        put_place(capability.as_bytes());
    }
    for entry in context.metadata() {
        put_place(entry.key.as_bytes());
        put_place(entry.value.as_bytes());
    }
}

fn halves_of(id: [u8; 16]) -> (jlong, jlong) {
    let both = u128::from_be_bytes(id);
    ((both >> 64) as jlong, both as jlong)
}

fn target_of(tag: jlong, content: &[u8]) -> Result<Target<&str>> {
    let text = || text_of(content, "target");
    Ok(match tag {
        0 => Target::Service(text()?),
        1 => Target::Module(text()?),
        2 => Target::Broadcast(text()?),
        3 => Target::reply(content)?,
        4 => Target::DynamicEndpoint(text()?),
        other => Target::Unknown(other as u16),
    })
}

fn subject_of(tag: jlong, text: &str) -> Subject<&str> {
    match tag {
        0 => Subject::External(text),
        1 => Subject::Operator(text),
        2 => Subject::Module(text),
        3 => Subject::System,
        other => Subject::Unknown(other as u16),
    }
}

/// The other side has made UTF-8 of all that is text.
fn text_of<'a>(content: &'a [u8], field: &'static str) -> Result<&'a str> {
    std::str::from_utf8(content).map_err(|_| Error::new(ErrorKind::BadText).in_field(field))
}

impl<'a> Input<'a> {
    fn longs<const N: usize>(&mut self) -> Result<[jlong; N]> {
        let mut longs = [0; N];
        for long in &mut longs {
            *long = self.long()?;
        }
        Ok(longs)
    }

    /// Bytes behind their length.
    fn content(&mut self) -> Result<&'a [u8]> {
        let length = self.long()?;
        self.bytes(length as usize)
    }

    fn text(&mut self) -> Result<&'a str> {
        text_of(self.content()?, "")
    }
}
