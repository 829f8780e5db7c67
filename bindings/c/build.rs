//! Names the shared library for the loader.

/// The number of the SONAME. It stays 0 until 1.0: before that the C interface promises nothing
/// between minor versions, and programs compare `ixt_abi_version()` with `IXT_ABI_VERSION`. From 1.0
/// on it is the major version.
const SONAME: &str = "libixt.so.0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "android" | "freebsd" | "netbsd" | "openbsd") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    }
}
