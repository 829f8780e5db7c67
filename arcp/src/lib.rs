#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod agent;
mod amount;
mod budget;
pub mod client;
mod constraints;
mod currency;
mod dialect;
pub mod envelope;
mod error;
pub mod event;
mod features;
mod glob;
mod host;
mod id;
mod ids;
pub mod json;
mod key;
mod lease;
mod lenient;
pub mod message;
pub mod runtime;
mod seconds;
mod secret;
mod target;
mod text;
mod time;
mod token;
mod trace;

pub use agent::{AgentRef, Inventory};
pub use amount::{Amount, AmountError};
pub use budget::{AccountId, Accounts, SpendError};
pub use client::Client;
pub use constraints::Constraints;
pub use currency::{Amounts, Currency};
pub use dialect::{Dialect, Quirks};
pub use error::{Code, Refusal};
pub use features::{Feature, Features};
pub use glob::Glob;
pub use host::is_known_host;
pub use id::{JobId, ResultId, SessionId, Ulid};
pub use lease::{Lease, LeaseSettings};
pub use runtime::Runtime;
pub use secret::Secret;
pub use target::{TargetError, canonical_target, check_pattern};
pub use text::Text;
pub use time::{TimeError, Timestamp};
pub use token::{ResumeToken, TokenHash};
pub use trace::{TraceContext, TraceId};
