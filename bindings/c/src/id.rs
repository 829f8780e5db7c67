//! Ids of any length become ids of the right one.

use std::mem::MaybeUninit;

use ixt_core::Error;
use ixt_core::invocation::{correlation_id, span_id};
use ixt_core::stream::StreamId;

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, BytesOut};
use crate::guard::guard_with;
use crate::status::ixt_status_t;

/// Checks a stream id of unknown length and copies it into 16 bytes of the caller's.
///
/// bytes: borrowed for the call. id: 16 bytes, written on success.
/// Returns: IXT_OK, IXT_ERR_BAD_ID_LENGTH unless there are 16 bytes, IXT_ERR_NIL_STREAM_ID when all are
/// zero, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_stream_id_read(
    bytes: Bytes,
    length: usize,
    id: BytesOut,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let read = *StreamId::from_slice(bytes.get(length)?)?.as_bytes();
        write(id, &read)
    })
}

/// Checks a correlation id of unknown length and copies it into 16 bytes of the caller's.
///
/// bytes: borrowed for the call. id: 16 bytes, written on success.
/// Returns: IXT_OK, IXT_ERR_BAD_ID_LENGTH unless there are 16 bytes, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_correlation_id_read(
    bytes: Bytes,
    length: usize,
    id: BytesOut,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let read = correlation_id(bytes.get(length)?)?;
        write(id, &read)
    })
}

/// Checks a span id of unknown length and copies it into 8 bytes of the caller's.
///
/// bytes: borrowed for the call. id: 8 bytes, written on success.
/// Returns: IXT_OK, IXT_ERR_BAD_ID_LENGTH unless there are 8 bytes, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_span_id_read(
    bytes: Bytes,
    length: usize,
    id: BytesOut,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let read = span_id(bytes.get(length)?)?;
        write(id, &read)
    })
}

fn write<const N: usize>(out: BytesOut, id: &[u8; N]) -> Result<(), Error> {
    out.get(N)?.copy_from_slice(id);
    Ok(())
}
