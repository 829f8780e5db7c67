//! Calls in one message to bytes and back.

use std::mem::MaybeUninit;

use ixt_core::invocation::{HandlePayloadRef, InvocationContext};
use ixt_core::{Error, ErrorKind, Limits};

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, BytesOut, utf8};
use crate::guard::{guard_with, required};
use crate::span::ixt_span_t;
use crate::status::ixt_status_t;

/// What a message asks and with what, as places in the input that it was decoded from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_handle_payload_t {
    /// What is asked: 1 to 256 bytes of UTF-8 without NUL, not NUL-terminated.
    pub method: ixt_span_t,
    /// The application's bytes.
    pub body: ixt_span_t,
}

impl ixt_handle_payload_t {
    fn of(payload: &HandlePayloadRef<'_>, input: &[u8]) -> Self {
        Self {
            method: ixt_span_t::of(payload.method.as_bytes(), input),
            body: ixt_span_t::of(payload.body, input),
        }
    }
}

/// Writes to the caller's room; says how much is needed where it is too small.
fn put(bytes: &[u8], out: BytesOut, capacity: usize, written: &mut MaybeUninit<usize>) -> Result<(), Error> {
    let room = out.get(capacity)?;
    written.write(bytes.len());
    room.get_mut(..bytes.len()).ok_or(ErrorKind::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(())
}

/// Encodes a call in one message: what a caller sends as the one message of a unary stream that it opens
/// with the same context.
///
/// context: `context_length` encoded bytes. method: `method_length` bytes of UTF-8 without NUL, 1 to 256.
/// body: `body_length` bytes. All are borrowed for the call. max_payload: the largest payload of the
/// connection, which the message has to keep to; IXT_MAX_PAYLOAD by default. out: room for `capacity`
/// bytes; may be NULL when `capacity` is 0, to ask for the size. written: the bytes written, on success;
/// the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; IXT_ERR_BAD_METHOD, IXT_ERR_BAD_TEXT, IXT_ERR_FRAME_TOO_LARGE;
/// a refusal of the context (1 to 99); IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub extern "C" fn ixt_handle_payload_encode(
    context: Bytes,
    context_length: usize,
    method: Bytes,
    method_length: usize,
    body: Bytes,
    body_length: usize,
    max_payload: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let written = required(written)?;
        let payload = HandlePayloadRef {
            context: InvocationContext::decode(context.get(context_length)?)?,
            method: utf8(method.get(method_length)?)
                .ok_or_else(|| Error::new(ErrorKind::BadText).in_field("method"))?,
            body: body.get(body_length)?,
        };
        let mut bytes = Vec::new();
        payload.encode_into(&mut bytes, Limits::with_max_payload(max_payload))?;
        put(&bytes, out, capacity, written)
    })
}

/// Decodes a call in one message, whatever its context. Who answers a stream calls
/// ixt_handle_payload_accept() in its place.
///
/// bytes: `length` bytes, borrowed for the call; the places in `payload` mean something as long as the
/// caller keeps them. max_payload: as for ixt_handle_payload_encode(). payload: written on success.
/// context: room for `capacity` bytes, of which IXT_MAX_CONTEXT are always enough, in which the context's
/// canonical bytes are written; `written`: how many, or how many are needed, with
/// IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal (1 to 99); IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub extern "C" fn ixt_handle_payload_decode(
    bytes: Bytes,
    length: usize,
    max_payload: usize,
    payload: Option<&mut MaybeUninit<ixt_handle_payload_t>>,
    context: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (payload, written) = (required(payload)?, required(written)?);
        let bytes = bytes.get(length)?;
        let read = HandlePayloadRef::decode_within(bytes, Limits::with_max_payload(max_payload))?;
        put(&read.context.encode(), context, capacity, written)?;
        payload.write(ixt_handle_payload_t::of(&read, bytes));
        Ok(())
    })
}

/// Decodes the message of a stream, and refuses one that says another context than the stream's open: the
/// open's is the one that the host has checked. A stream whose message is refused, by whichever status,
/// ends with ixt_connection_fail() and IXT_CODE_INVALID_ARGUMENT.
///
/// bytes, length, max_payload, payload, error: as for ixt_handle_payload_decode(). open: the
/// `open_length` bytes of the open's context as they came, borrowed for the call.
/// Returns: IXT_OK; IXT_ERR_INVALID_ARGUMENT where the contexts differ; a refusal of the message or of the
/// open's context (1 to 99); IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_handle_payload_accept(
    bytes: Bytes,
    length: usize,
    open: Bytes,
    open_length: usize,
    max_payload: usize,
    payload: Option<&mut MaybeUninit<ixt_handle_payload_t>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let payload = required(payload)?;
        let (bytes, open) = (bytes.get(length)?, InvocationContext::decode(open.get(open_length)?)?);
        let limits = Limits::with_max_payload(max_payload);
        payload.write(ixt_handle_payload_t::of(&HandlePayloadRef::accept(bytes, &open, limits)?, bytes));
        Ok(())
    })
}
