//! One endpoint of one stream: `Native.streamSend` and its likes.
//!
//! # Safety
//! All of these are called by the JVM alone, with an environment of the calling thread. `stream` is what
//! `streamOpener`, `streamResponder` or `streamSender` gave and `streamFree` has not taken, and one thread at a
//! time uses it: `io.github.hdv.ixt.Stream` has the lock. Arrays are not null unless that is said.

use std::ptr::null_mut;

use ixt_core::flow::{By, Config, Effect, Event, Half, Outcome, Received, Stream, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, FrameRef, InteractionKind, StreamErrorCode};
use ixt_core::wire::{MESSAGE_OVERHEAD, Split, split};
use ixt_core::{Error, ErrorKind, Limits, Result};
use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jint, jlong, jlongArray};

use crate::env::{Env, flag, limits};
use crate::record::{frame_of, id_of, longs_of, place};

/// Longs of one event: kind, two numbers, bytes (offset, length).
const EVENT: usize = 5;
/// Longs before the events: bytes consumed, frames ignored, events.
const HEADER: usize = 3;
/// Events of one call; what is beyond stays in the engine for the next one.
const EVENTS: usize = 64;

/// What a handle of `Native` points to.
pub(crate) struct Engine {
    stream: Stream,
    pub(crate) limits: Limits,
    /// What one call tells, kept for the next one's.
    longs: Vec<jlong>,
    /// Frames to transmit, kept for the next call's.
    out: Vec<u8>,
}

impl Engine {
    fn into_handle(stream: Stream, limits: Limits) -> jlong {
        Box::into_raw(Box::new(Self { stream, limits, longs: Vec::new(), out: Vec::new() })) as jlong
    }

    fn begin(&mut self) {
        self.longs.clear();
        self.longs.resize(HEADER, 0);
        self.out.clear();
    }

    fn has_room(&self) -> bool {
        self.longs.len() < HEADER + EVENTS * EVENT
    }

    /// Takes events of the engine as long as there is room; whether all were taken.
    fn tell(&mut self) -> bool {
        while self.has_room() {
            let Some(event) = self.stream.poll_event() else { return true };
            let longs = match event {
                Event::Credit(frames) => [2, frames.into(), 0, 0, 0],
                Event::Ready(ticket) => [3, ticket.raw() as jlong, 0, 0, 0],
                Event::Ended(ticket) => [4, ticket.raw() as jlong, 0, 0, 0],
                Event::Closed(reason) => [5, reason.raw().into(), 0, 0, 0],
                Event::Finished => [6, 0, 0, 0, 0],
                // What else there is to say stands in the outcome.
                Event::Failed(_) => [7, 0, 0, 0, 0],
                Event::Cancelled(_) => [8, 0, 0, 0, 0],
                Event::Violation(violation) => [9, violation as jlong, 0, 0, 0],
                _ => continue,
            };
            self.longs.extend(longs);
        }
        false
    }

    /// Takes one frame, which borrows from `input`; whether it was ignored.
    fn take(&mut self, frame: FrameRef<'_>, input: &[u8], base: usize) -> bool {
        match self.stream.receive(frame) {
            Received::Opened(open) => {
                let (at, length) = place(open.context, input, base);
                let kind = jlong::from(open.interaction.raw());
                self.longs.extend([0, kind, open.initial_credit.into(), at, length]);
            }
            Received::Data(data) => {
                let (at, length) = place(data.payload, input, base);
                self.longs.extend([1, data.sequence as jlong, 0, at, length]);
            }
            Received::Done => {}
            Received::Ignored => return true,
        }
        false
    }

    /// Takes frames as long as there is room for what each may cause first; how many bytes they were.
    fn receive(&mut self, input: &[u8], base: usize) -> Result<()> {
        let mut consumed = 0;
        let mut told = self.tell();
        let mut ignored = 0;
        let mut first = true;
        while told && self.has_room() {
            let rest = input.get(consumed..).unwrap_or_default();
            let frame = match next_frame(rest, self.limits) {
                Ok(None) => break,
                Ok(Some((frame, length))) => {
                    consumed += length;
                    frame
                }
                // The frames before it count; the next call begins with it.
                Err(error) if first => return Err(error),
                Err(_) => break,
            };
            first = false;
            ignored += jlong::from(self.take(frame, input, base));
            told = self.tell();
        }
        self.head(consumed as jlong, ignored);
        Ok(())
    }

    fn head(&mut self, consumed: jlong, ignored: jlong) {
        let events = (self.longs.len().saturating_sub(HEADER) / EVENT) as jlong;
        if let Some(head) = self.longs.first_chunk_mut::<HEADER>() {
            *head = [consumed, ignored, events];
        }
    }

    /// Writes what was told to `longs`, and gives the frames to transmit; null for none.
    fn hand_over(&mut self, env: &Env, longs: jlongArray) -> Result<jbyteArray> {
        while let Some(frame) = self.stream.poll_transmit() {
            frame.encode_into(&mut self.out, self.limits)?;
        }
        env.write_longs(longs, &self.longs);
        Ok(if self.out.is_empty() { null_mut() } else { env.array_of(&self.out) })
    }

    /// Sends by a free credit, or by that of a ticket, and gives the frame; none where there is no credit.
    pub(crate) fn offer<'p>(
        &mut self,
        payload: &'p [u8],
        ticket: Option<Ticket>,
    ) -> Result<Option<FrameRef<'p>>> {
        let sent = match ticket {
            None => self.stream.try_send(payload),
            Some(ticket) => self.stream.send_with(ticket, payload),
        };
        match sent {
            Err(error) if error.kind() == ErrorKind::CreditExhausted => Ok(None),
            sent => sent.map(Some),
        }
    }

    /// As [`offer`](Self::offer), from array to array; null where there is no credit.
    fn send(&mut self, env: &Env, ticket: Option<Ticket>, payload: jbyteArray) -> Result<jbyteArray> {
        let payload = env.bytes(payload);
        let limits = self.limits;
        let Some(frame) = self.offer(&payload, ticket)? else { return Ok(null_mut()) };
        let mut out = Vec::new();
        frame.encode_into(&mut out, limits)?;
        Ok(env.array_of(&out))
    }
}

/// The engine of a handle.
///
/// # Safety
/// See the module.
pub(crate) unsafe fn engine<'a>(stream: jlong) -> &'a mut Engine {
    // SAFETY: the caller's.
    unsafe { &mut *(stream as *mut Engine) }
}

/// The first frame of a byte stream and its size; none where it is not whole. The limit for messages holds. A
/// payload above the stream's own limit is let through, for it is the engine that fails the stream then.
fn next_frame(bytes: &[u8], limits: Limits) -> Result<Option<(FrameRef<'_>, usize)>> {
    let Split::Message(length) = split(bytes, limits.max_message())? else { return Ok(None) };
    let wider = Limits::with_max_payload(limits.max_payload().saturating_add(MESSAGE_OVERHEAD));
    let message = bytes.get(..length).unwrap_or_default();
    Ok(Some((FrameRef::decode_within(message, wider)?, length)))
}

/// The settings; a window of 0 is none.
fn config(limits: Limits, window: jlong, agreed: jint) -> Result<Config> {
    let config = Config::default().with_limits(limits).with_agreed_credit(agreed as u32);
    Ok(match u32::try_from(window) {
        Ok(0) => config,
        Ok(window) if window <= ixt_core::wire::MAX_CREDIT => config.with_window(window),
        _ => return Err(Error::new(ErrorKind::InvalidArgument).in_field("window")),
    })
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::BadText).in_field("message"))
}

fn half(half: Half) -> jlong {
    half as jlong
}

/// Defines native methods of `Native`, each with a panic guard.
macro_rules! native {
    ($($(#[doc = $doc:literal])+ fn $name:ident($env:ident $(, $argument:ident: $type:ty)*) -> $result:ty, $failed:expr; $body:block)+) => {
        $(
            $(#[doc = $doc])+
            #[unsafe(no_mangle)]
            unsafe extern "system" fn $name(env: *mut JNIEnv, _: jclass $(, $argument: $type)*) -> $result {
                // SAFETY: see the module.
                unsafe { Env::new(env) }.run($failed, |$env| $body)
            }
        )+
    };
}

/// The engine of the handle in scope.
macro_rules! engine {
    ($stream:expr) => {{
        // SAFETY: see the module.
        unsafe { engine($stream) }
    }};
}

native! {
    /// The end that will open a stream of this kind.
    fn Java_io_github_hdv_ixt_internal_Native_streamOpener(
        _env, kind: jint, max_payload: jint, window: jlong, agreed: jint
    ) -> jlong, 0; {
        let limits = limits(max_payload);
        let kind = InteractionKind::from_raw(kind as u16);
        Ok(Engine::into_handle(Stream::opener(kind, config(limits, window, agreed)?), limits))
    }

    /// The end that will answer an open.
    fn Java_io_github_hdv_ixt_internal_Native_streamResponder(
        _env, max_payload: jint, window: jlong, agreed: jint
    ) -> jlong, 0; {
        let limits = limits(max_payload);
        Ok(Engine::into_handle(Stream::responder(config(limits, window, agreed)?), limits))
    }

    /// The sending end alone of a stream that is open already.
    fn Java_io_github_hdv_ixt_internal_Native_streamSender(
        _env, high: jlong, low: jlong, credit: jint, max_payload: jint
    ) -> jlong, 0; {
        let limits = limits(max_payload);
        let config = Config::default().with_limits(limits);
        Ok(Engine::into_handle(Stream::sender(id_of(high, low)?, credit as u32, config), limits))
    }

    /// Takes the handle back.
    fn Java_io_github_hdv_ixt_internal_Native_streamFree(_env, stream: jlong) -> (), (); {
        // SAFETY: see the module; nobody uses it from here on.
        drop(unsafe { Box::from_raw(stream as *mut Engine) });
        Ok(())
    }

    /// Opens the stream and gives the frame to transmit.
    fn Java_io_github_hdv_ixt_internal_Native_streamOpen(
        env, stream: jlong, high: jlong, low: jlong, credit: jint, context: jbyteArray
    ) -> jbyteArray, null_mut(); {
        let context = env.bytes(context);
        let engine = engine!(stream);
        let frame = engine.stream.open(id_of(high, low)?, credit as u32, &context)?;
        engine.out.clear();
        frame.encode_into(&mut engine.out, engine.limits)?;
        Ok(env.array_of(&engine.out))
    }

    /// Sends one message that is too large for the scratch, by a free credit or where there is one by that of a
    /// ticket, and gives its frame; null where there is no credit.
    fn Java_io_github_hdv_ixt_internal_Native_sendLarge(
        env, stream: jlong, waited: jboolean, ticket: jlong, payload: jbyteArray
    ) -> jbyteArray, null_mut(); {
        engine!(stream).send(env, waited.then(|| Ticket::from_raw(ticket as u64)), payload)
    }

    /// Queues for one credit.
    fn Java_io_github_hdv_ixt_internal_Native_streamWait(_env, stream: jlong) -> jlong, 0; {
        Ok(engine!(stream).stream.wait()?.raw() as jlong)
    }

    /// Gives a ticket up.
    fn Java_io_github_hdv_ixt_internal_Native_streamDropTicket(
        _env, stream: jlong, ticket: jlong
    ) -> (), (); {
        engine!(stream).stream.drop_ticket(Ticket::from_raw(ticket as u64));
        Ok(())
    }

    /// Grants by hand.
    fn Java_io_github_hdv_ixt_internal_Native_streamGrant(_env, stream: jlong, frames: jint) -> (), (); {
        engine!(stream).stream.grant(frames as u32)
    }

    /// The application is done with so many messages.
    fn Java_io_github_hdv_ixt_internal_Native_streamConsume(_env, stream: jlong, frames: jint) -> (), (); {
        engine!(stream).stream.consume(frames as u32)
    }

    /// Ends this end's direction; false where it had ended before.
    fn Java_io_github_hdv_ixt_internal_Native_streamClose(
        _env, stream: jlong, reason: jint
    ) -> jboolean, false; {
        let effect = engine!(stream).stream.close(CloseReason::from_raw(reason as u16))?;
        Ok(flag(effect == Effect::Done))
    }

    /// Ends the stream as failed; false where it had ended before.
    fn Java_io_github_hdv_ixt_internal_Native_streamFail(
        env, stream: jlong, code: jint, message: jbyteArray, details: jbyteArray
    ) -> jboolean, false; {
        let (message, details) = (text(env.bytes(message))?, env.bytes(details));
        let code = StreamErrorCode::from_raw(code as u16);
        Ok(flag(engine!(stream).stream.fail(code, &message, &details)? == Effect::Done))
    }

    /// Ends the stream as cancelled; false where it had ended before.
    fn Java_io_github_hdv_ixt_internal_Native_streamCancel(
        env, stream: jlong, reason: jint, message: jbyteArray
    ) -> jboolean, false; {
        let message = text(env.bytes(message))?;
        let reason = CancelReason::from_raw(reason as u16);
        Ok(flag(engine!(stream).stream.cancel(reason, &message)? == Effect::Done))
    }

    /// Tells the time, in milliseconds since the Unix epoch.
    fn Java_io_github_hdv_ixt_internal_Native_streamTime(_env, stream: jlong, now: jlong) -> (), (); {
        engine!(stream).stream.handle_timeout(now as u64);
        Ok(())
    }

    /// When the time matters; 0 for never.
    fn Java_io_github_hdv_ixt_internal_Native_streamNextTimeout(_env, stream: jlong) -> jlong, 0; {
        Ok(engine!(stream).stream.next_timeout().unwrap_or(0) as jlong)
    }

    /// Takes whole frames of the peer and drains: what happened to `out`, and the frames to transmit; null for
    /// none. Where `out` is full, what was consumed ends early.
    fn Java_io_github_hdv_ixt_internal_Native_streamReceive(
        env, stream: jlong, bytes: jbyteArray, offset: jint, length: jint, out: jlongArray
    ) -> jbyteArray, null_mut(); {
        let engine = engine!(stream);
        engine.begin();
        let base = offset as usize;
        env.lend(bytes, base, length as usize, |input| engine.receive(input, base))?;
        engine.hand_over(env, out)
    }

    /// Takes a frame by its value, which no codec has checked, and drains; where the events of a message point to
    /// is `bytes`, which may be null as `text` may.
    fn Java_io_github_hdv_ixt_internal_Native_streamReceiveFrame(
        env, stream: jlong, tag: jint, high: jlong, low: jlong, x: jlong, y: jlong, text: jbyteArray,
        bytes: jbyteArray, out: jlongArray
    ) -> jbyteArray, null_mut(); {
        let (text, bytes) = (env.bytes(text), env.bytes(bytes));
        let frame = frame_of(tag.into(), (high, low), (x, y), &text, &bytes)?;
        let engine = engine!(stream);
        engine.begin();
        let ignored = engine.take(frame, &bytes, 0);
        let _ = engine.tell();
        engine.head(0, ignored.into());
        engine.hand_over(env, out)
    }

    /// Drains: what happened to `out`, and the frames to transmit; null for none.
    fn Java_io_github_hdv_ixt_internal_Native_streamDrain(
        env, stream: jlong, out: jlongArray
    ) -> jbyteArray, null_mut(); {
        let engine = engine!(stream);
        engine.begin();
        let _ = engine.tell();
        engine.head(0, 0);
        engine.hand_over(env, out)
    }

    /// The halves and the counters, and whose stream it is: eleven longs.
    fn Java_io_github_hdv_ixt_internal_Native_streamState(
        env, stream: jlong, out: jlongArray
    ) -> (), (); {
        let stream = &engine!(stream).stream;
        let state = stream.state();
        let (high, low) = stream.id().map_or((0, 0), longs_of);
        env.write_longs(out, &[
            half(state.sender), half(state.receiver), state.credit.into(), state.outstanding.into(),
            state.ignored as jlong, high, low, stream.sends_exactly_one().into(), stream.has_ended().into(),
            stream.sent() as jlong, stream.kind().raw().into(),
        ]);
        Ok(())
    }

    /// How the stream ended: to `out` a kind (0 not yet, 1 completed, 2 failed, 3 cancelled), a number, by whom (0
    /// the peer), the length of the message; the message and the details are given, null for not yet.
    fn Java_io_github_hdv_ixt_internal_Native_streamOutcome(
        env, stream: jlong, out: jlongArray
    ) -> jbyteArray, null_mut(); {
        let by = |by| jlong::from(by == By::Local);
        let (longs, bytes): ([jlong; 4], Vec<u8>) = match engine!(stream).stream.outcome() {
            None => return Ok(null_mut()),
            Some(Outcome::Completed(reason)) => ([1, reason.raw().into(), 0, 0], Vec::new()),
            Some(Outcome::Failed(failure)) => (
                [2, failure.code.raw().into(), by(failure.by), failure.message.len() as jlong],
                [failure.message.as_bytes(), &failure.details].concat(),
            ),
            Some(Outcome::Cancelled(cancelled)) => (
                [3, cancelled.reason.raw().into(), by(cancelled.by), cancelled.message.len() as jlong],
                cancelled.message.as_bytes().to_vec(),
            ),
        };
        env.write_longs(out, &longs);
        Ok(env.array_of(&bytes))
    }
}
