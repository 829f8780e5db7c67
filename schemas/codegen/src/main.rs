//! Regenerates `core/src/wire/generated/` from `schemas/*.capnp`.
//!
//! It runs the `capnp` program, so it stands apart from the build: what it writes is committed, and
//! building the project needs neither `capnp` nor this crate. `make schemas` runs it.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let generated = schemas.join("../core/src/wire/generated");
    capnpc::CompilerCommand::new()
        .src_prefix(&schemas)
        .file(schemas.join("module.capnp"))
        .file(schemas.join("ipc_streaming.capnp"))
        .file(schemas.join("connection.capnp"))
        .file(schemas.join("host.capnp"))
        .default_parent_module(vec!["wire".into(), "generated".into()])
        .output_path(&generated)
        .run()?;
    Ok(())
}
