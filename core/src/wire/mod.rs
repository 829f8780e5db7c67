//! Bytes: the canonical writer, the bounded reader, limits and errors (specification 20).
//!
//! A message is Cap'n Proto's stream framing with exactly one segment in canonical form, so equal
//! values are equal bytes and a byte stream of messages is their concatenation. Writing goes straight
//! to words. Reading tries the shape that we write and, where that does not fit, hands the message to
//! the `capnp` crate, which reads all that the schema allows.

mod error;
mod framing;
mod general;
mod limits;
mod pointer;
mod reader;
mod writer;

#[doc(hidden)]
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    unreachable_pub
)]
pub mod generated {
    //! What capnpc 0.27.0 made of `schemas/`, unchanged. `make schemas` makes it again.
    #[rustfmt::skip]
    pub mod connection_capnp;
    #[rustfmt::skip]
    pub mod host_capnp;
    #[rustfmt::skip]
    pub mod ipc_streaming_capnp;
    #[rustfmt::skip]
    pub mod module_capnp;
}

pub use error::{Error, ErrorKind, Result};
pub use framing::{Split, split};
pub use limits::{
    Limits, MAX_CAPABILITIES, MAX_CAPABILITY, MAX_CONTEXT, MAX_CREDIT, MAX_METADATA, MAX_METADATA_KEY,
    MAX_METADATA_TOTAL, MAX_METADATA_VALUE, MAX_METHOD, MAX_NESTING, MAX_PAYLOAD, MAX_SEGMENTS, MAX_TEXT,
    MAX_TOKEN, MESSAGE_OVERHEAD, METADATA_ENTRY_OVERHEAD,
};

pub(crate) use framing::{BODY, check_table};
pub(crate) use general::{General, refusal};
pub(crate) use pointer::{WORD, bytes_to_words, list_of_bytes, root_of, table_of};
pub(crate) use reader::{Reader, Structure, Texts, first_nul};
pub(crate) use writer::{Buffer, Words};
