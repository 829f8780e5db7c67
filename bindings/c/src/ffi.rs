//! The border itself: the caller's pointers become references and slices here, and nowhere else.
//!
//! A value of one of these types comes from C alone: its pointer is private, and nothing in Rust makes
//! one. What the caller of the C function promised in the header therefore holds for it, and the
//! methods need not be unsafe for the rest of this crate.

use std::slice;

use ixt_core::ErrorKind;

use crate::connection::{ixt_connection_event_t, ixt_consumed_t};
use crate::event::ixt_event_t;
use crate::frame::ixt_frame_t;
use crate::node::ixt_node_packed_t;
use crate::span::{ixt_slice_t, ixt_span_t};

macro_rules! array_in {
    ($($(#[$about:meta])* $name:ident of $of:ty;)+) => {$(
        $(#[$about])*
        #[repr(transparent)]
        pub struct $name(*const $of);

        impl $name {
            /// The members; NULL is allowed where there are none.
            #[inline]
            pub(crate) fn get<'a>(self, length: usize) -> Result<&'a [$of], ErrorKind> {
                if length == 0 {
                    return Ok(&[]);
                }
                check::<$of>(self.0.is_null(), length)?;
                // SAFETY: not NULL; the caller of the C function promised `length` members there, readable
                // and unchanged for the call, and no reference outlives the call.
                Ok(unsafe { slice::from_raw_parts(self.0, length) })
            }
        }
    )+};
}

macro_rules! array_out {
    ($($(#[$about:meta])* $name:ident of $of:ty;)+) => {$(
        $(#[$about])*
        #[repr(transparent)]
        pub struct $name(*mut $of);

        impl $name {
            /// Room for members; NULL is allowed where there is none.
            #[inline]
            pub(crate) fn get<'a>(self, capacity: usize) -> Result<&'a mut [$of], ErrorKind> {
                if capacity == 0 {
                    return Ok(&mut []);
                }
                check::<$of>(self.0.is_null(), capacity)?;
                // SAFETY: not NULL; the caller of the C function promised room for `capacity` members of plain
                // numbers there, for this call's use alone, and no reference outlives the call.
                Ok(unsafe { slice::from_raw_parts_mut(self.0, capacity) })
            }
        }
    )+};
}

array_in! {
    /// Bytes in.
    Bytes of u8;
    /// Frames in.
    FramesIn of ixt_frame_t;
    /// Slices in.
    SlicesIn of ixt_slice_t;
    /// What was consumed of streams, in.
    ConsumedIn of ixt_consumed_t;
}

array_out! {
    /// Bytes out.
    BytesOut of u8;
    /// Text out.
    CharsOut of std::ffi::c_char;
    /// Frames out.
    FramesOut of ixt_frame_t;
    /// Events out.
    EventsOut of ixt_event_t;
    /// Events of a connection out.
    ConnectionEventsOut of ixt_connection_event_t;
    /// Packed messages out.
    PackedOut of ixt_node_packed_t;
}

impl Bytes {
    /// An id of fixed size. By reference, for in a result with an error its bytes would be moved one by one.
    #[inline]
    pub(crate) fn id<'a, const N: usize>(self) -> Result<&'a [u8; N], ErrorKind> {
        self.get(N)?.first_chunk().ok_or(ErrorKind::BadIdLength)
    }
}

impl ixt_slice_t {
    /// The bytes of a slice that stands in a struct of the caller's.
    #[inline]
    pub(crate) fn get(&self) -> Result<&[u8], ErrorKind> {
        Bytes(self.data).get(self.length)
    }

    /// The members of an array that stands in a struct of the caller's.
    #[inline]
    pub(crate) fn array<'a, T: Plain>(members: *const T, count: usize) -> Result<&'a [T], ErrorKind> {
        if count == 0 {
            return Ok(&[]);
        }
        check::<T>(members.is_null(), count)?;
        // SAFETY: as for the arrays above; the pointer stands in a struct that the caller filled.
        Ok(unsafe { slice::from_raw_parts(members, count) })
    }
}

/// Bytes as text, if they are UTF-8. Most texts are short and ASCII, which is told in a fraction of the time
/// that the general check takes.
#[inline]
pub(crate) fn utf8(bytes: &[u8]) -> Option<&str> {
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

/// What may stand in arrays within the caller's structs: plain C structs.
pub trait Plain {}
impl Plain for ixt_slice_t {}
impl Plain for ixt_span_t {}
impl Plain for crate::host::ixt_service_offer_t {}
impl Plain for crate::context::ixt_entry_t {}

#[inline]
fn check<T>(null: bool, length: usize) -> Result<(), ErrorKind> {
    if null {
        return Err(ErrorKind::NullPointer);
    }
    // No object is larger, so a larger length is a defect of the caller's.
    if length > isize::MAX as usize / size_of::<T>() {
        return Err(ErrorKind::InvalidArgument);
    }
    Ok(())
}
