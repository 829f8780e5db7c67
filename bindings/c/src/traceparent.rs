//! The W3C `traceparent` header.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use ixt_core::ErrorKind;
use ixt_core::invocation::{InvocationContext, from_traceparent};

use crate::ffi::{Bytes, CharsOut};
use crate::guard::{guard, required};
use crate::status::ixt_status_t;

/// Room for a traceparent header with its NUL.
pub const IXT_TRACEPARENT: usize = 56;

/// What a traceparent header says.
#[repr(C)]
pub struct ixt_traceparent_t {
    /// The trace-id; not all zeros when it was read.
    pub correlation_id: [u8; 16],
    /// The parent-id, the caller's span; not all zeros when it was read.
    pub span_id: [u8; 8],
    /// The trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
}

/// Writes a traceparent header of version 00: 55 characters and a NUL. There is none where an id is all
/// zeros, which W3C forbids.
///
/// traceparent: borrowed for the call. out: room for `capacity` characters; IXT_TRACEPARENT are enough.
/// written: the characters without the NUL, on success: 55, or 0 where there is no header, when `out` is
/// left alone; IXT_TRACEPARENT, with IXT_ERR_BUFFER_TOO_SMALL.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_traceparent_write(
    traceparent: Option<&ixt_traceparent_t>,
    out: CharsOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let (parent, written) = (required(traceparent)?, required(written)?);
        let context = InvocationContext::builder()
            .correlation_id(parent.correlation_id)
            .span_id(parent.span_id)
            .trace_flags(parent.trace_flags)
            .build()?;
        let out = out.get(capacity)?;
        let Some(header) = context.traceparent() else {
            written.write(0);
            return Ok(());
        };
        let Some((room, nul)) =
            out.get_mut(..=header.len()).and_then(|room| room.split_at_mut_checked(header.len()))
        else {
            written.write(header.len() + 1);
            return Err(ErrorKind::BufferTooSmall.into());
        };
        for (slot, byte) in room.iter_mut().zip(header.bytes()) {
            *slot = byte as c_char;
        }
        nul.fill(0);
        written.write(header.len());
        Ok(())
    })
}

/// Reads a traceparent header. One that is malformed counts as absent, which is no error.
///
/// header: `length` characters, borrowed for the call; no NUL at the end is needed, and one is malformed.
/// traceparent: written where the header is well-formed. found: written on success: whether it is.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_traceparent_read(
    header: Bytes,
    length: usize,
    traceparent: Option<&mut MaybeUninit<ixt_traceparent_t>>,
    found: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let (traceparent, found) = (required(traceparent)?, required(found)?);
        let read = std::str::from_utf8(header.get(length)?).ok().and_then(from_traceparent);
        found.write(read.is_some());
        if let Some(read) = read {
            traceparent.write(ixt_traceparent_t {
                correlation_id: read.correlation_id,
                span_id: read.span_id,
                trace_flags: read.trace_flags,
            });
        }
        Ok(())
    })
}
