//! Versions of the library and of its ABI.

use std::ffi::c_char;

/// The version of the binary interface. Programs and language bindings compare it with what
/// ixt_abi_version() returns before anything else, and go no further where they differ. It grows by one
/// with every change that a program built before cannot take.
pub const IXT_ABI_VERSION: u32 = 1;

/// The version of the binary interface of the loaded library, to compare with IXT_ABI_VERSION.
///
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_abi_version() -> u32 {
    IXT_ABI_VERSION
}

/// The version of the loaded library, such as "0.1.0".
///
/// Returns: a NUL-terminated text, never NULL, borrowed until the library is unloaded.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the loaded library as one number, to compare with IXT_VERSION_NUMBER:
/// major * 1000000 + minor * 1000 + patch.
///
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_version_number() -> u32 {
    const MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
    const MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));
    const PATCH: u32 = number(env!("CARGO_PKG_VERSION_PATCH"));
    const { MAJOR * 1_000_000 + MINOR * 1_000 + PATCH }
}

const fn number(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}
