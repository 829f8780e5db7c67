//! Does a pattern cover a capability? The core decides; the other languages call this.

use std::mem::MaybeUninit;

use ixt_core::ErrorKind;
use ixt_core::invocation::ContextRef;
use ixt_core::invocation::capability::{attenuates, covers};

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, SlicesIn};
use crate::guard::{guard, guard_with, required};
use crate::span::ixt_slice_t;
use crate::status::ixt_status_t;

/// Whether a granted pattern covers a required capability, a concrete one. `fs.*` covers `fs.read` and
/// `fs.read.home`, not `fs`, not `fsx.read`. What is malformed, bytes that are not UTF-8 too, covers
/// nothing and is covered by nothing.
///
/// granted, wanted: UTF-8, borrowed for the call. covered: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_capability_covers(
    granted: Bytes,
    granted_length: usize,
    wanted: Bytes,
    wanted_length: usize,
    covered: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let covered = required(covered)?;
        let (granted, wanted) = (granted.get(granted_length)?, wanted.get(wanted_length)?);
        let both = std::str::from_utf8(granted).ok().zip(std::str::from_utf8(wanted).ok());
        covered.write(both.is_some_and(|(granted, wanted)| covers(granted, wanted)));
        Ok(())
    })
}

/// Whether each pattern of `child` is covered by one of `parent`, so that handing on `child` hands on no
/// authority that `parent` lacks. An empty `child` always is; a malformed pattern in `child` never is.
///
/// parent, child: so many slices of UTF-8; they and what they point to are borrowed for the call.
/// attenuates: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_capabilities_attenuate(
    parent: SlicesIn,
    parent_count: usize,
    child: SlicesIn,
    child_count: usize,
    attenuates: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let attenuates_out = required(attenuates)?;
        let (parent, child) = (texts(parent.get(parent_count)?)?, texts(child.get(child_count)?)?);
        attenuates_out.write(self::attenuates(&parent, &child));
        Ok(())
    })
}

/// The texts of slices; what is not UTF-8 becomes the empty text, which is malformed.
fn texts(slices: &[ixt_slice_t]) -> Result<Vec<&str>, ErrorKind> {
    slices.iter().map(|slice| Ok(std::str::from_utf8(slice.get()?).unwrap_or_default())).collect()
}

/// Whether a pattern of a child is covered by a pattern of its parent: ixt_capabilities_attenuate() for
/// one of each, without arrays.
///
/// parent, child: UTF-8, borrowed for the call. attenuates: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_capability_attenuates(
    parent: Bytes,
    parent_length: usize,
    child: Bytes,
    child_length: usize,
    attenuates: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let attenuates_out = required(attenuates)?;
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let (parent, child) = (text(parent.get(parent_length)?), text(child.get(child_length)?));
        attenuates_out.write(self::attenuates(&[parent], &[child]));
        Ok(())
    })
}

/// Whether an encoded context grants a required capability: one of its patterns covers it. Never for a
/// subject of a later schema, which has no authority.
///
/// context: an encoded context of `length` bytes, none for anonymous; borrowed for the call. wanted:
/// UTF-8, borrowed for the call. granted: written on success. error: NULL, or written on failure.
/// Returns: IXT_OK, a refusal of the context (1 to 99), IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_has_capability(
    context: Bytes,
    length: usize,
    wanted: Bytes,
    wanted_length: usize,
    granted: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let granted = required(granted)?;
        let (context, wanted) = (ContextRef::decode(context.get(length)?)?, wanted.get(wanted_length)?);
        let has = std::str::from_utf8(wanted).is_ok_and(|wanted| context.actor().has_capability(wanted));
        granted.write(has);
        Ok(())
    })
}
