//! No panic crosses the border.

use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ixt_core::{Error, ErrorKind};

use crate::error::ixt_error_t;
use crate::status::{IXT_OK, ixt_status_t};

/// Runs what an export does; gives the code of its error, or of a panic.
#[inline]
pub(crate) fn guard(call: impl FnOnce() -> Result<(), Error>) -> ixt_status_t {
    match run(call) {
        Ok(()) => IXT_OK,
        Err(error) => error.kind().code(),
    }
}

/// As [`guard`], and tells the caller where it went wrong.
#[inline]
pub(crate) fn guard_with(
    detail: Option<&mut MaybeUninit<ixt_error_t>>,
    call: impl FnOnce() -> Result<(), Error>,
) -> ixt_status_t {
    match run(call) {
        Ok(()) => IXT_OK,
        Err(error) => {
            if let Some(detail) = detail {
                detail.write(ixt_error_t::of(&error));
            }
            error.kind().code()
        }
    }
}

#[inline]
fn run(call: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(panic) => {
            discard(panic);
            Err(ErrorKind::Panic.into())
        }
    }
}

/// Drops what was thrown, which may panic again.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// The reference behind a pointer that must not be NULL.
#[inline]
pub(crate) fn required<T>(pointer: Option<T>) -> Result<T, ErrorKind> {
    pointer.ok_or(ErrorKind::NullPointer)
}

/// Panics inside the guard: for the test that the library as it ships returns IXT_ERR_PANIC.
///
/// Not in the header, and no part of the interface.
///
/// cbindgen:ignore
#[unsafe(no_mangle)]
#[allow(clippy::panic)]
pub extern "C" fn ixt_test_panic() -> ixt_status_t {
    guard(|| panic!("asked for by ixt_test_panic"))
}
