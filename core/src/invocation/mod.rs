//! Who invokes what, with which authority, until when (specification 21).
//!
//! An [`InvocationContext`] travels at the head of every unary call and every stream. It is immutable
//! and always valid: [`ContextBuilder::build`] and decoding check every limit, so encoding cannot fail.
//! [`ContextRef`] is the same over borrowed bytes, as decoding gives it without a copy.
//!
//! Ids, the time and all else that is not a pure function of the input are handed in.
//!
//! ```
//! use ixt_core::invocation::{ChildSpec, ContextRef, InvocationContext, Subject, Target};
//!
//! let context = InvocationContext::builder()
//!     .correlation_id([7; 16])
//!     .span_id([1; 8])
//!     .subject(Subject::Operator("alice".into()))
//!     .capabilities(["fs.*", "net.dial"])
//!     .deadline_ms(1_790_000_000_000)
//!     .metadata("tenant", "acme")
//!     .target(Target::Service("files".into()))
//!     .build()?;
//!
//! let bytes = context.encode();
//! let borrowed = ContextRef::decode(&bytes)?;
//! assert_eq!(borrowed.target(), Target::Service("files"));
//! assert_eq!(borrowed.to_owned(), context);
//!
//! let spec = ChildSpec::new([2; 8], "files", Target::Module("disk".into())).capabilities(["fs.read"]);
//! let child = borrowed.child(spec)?;
//! assert!(child.actor().has_capability("fs.read") && !child.actor().has_capability("net.dial"));
//! assert_eq!(child.metadata_value("tenant"), Some("acme"));
//! # Ok::<(), ixt_core::Error>(())
//! ```

mod actor;
mod builder;
pub mod capability;
mod child;
mod codec;
mod context;
mod few;
mod id;
pub mod metadata;
mod payload;
mod target;
mod token;
mod traceparent;

pub use actor::{Actor, ActorIdentity, ActorRef, Subject};
pub use builder::ContextBuilder;
pub use child::ChildSpec;
pub use context::{Context, ContextRef, InvocationContext};
pub use id::{correlation_id, span_id};
pub use metadata::MetadataEntry;
pub use payload::{HandlePayload, HandlePayloadRef, Payload};
pub use target::Target;
pub use token::TokenRef;
pub use traceparent::{TraceParent, from_traceparent};
