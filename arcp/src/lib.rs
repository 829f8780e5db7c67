#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod agent;
mod amount;
mod budget;
mod currency;
mod error;
mod features;
mod glob;
mod id;
pub mod json;
mod lease;
mod target;
mod time;
mod token;
mod trace;

pub use agent::{AgentRef, Inventory};
pub use amount::{Amount, AmountError};
pub use budget::{AccountId, Accounts, SpendError};
pub use currency::{Amounts, Currency};
pub use error::{Code, Refusal};
pub use features::{Feature, Features};
pub use glob::Glob;
pub use id::{JobId, ResultId, SessionId, Ulid};
pub use lease::{Constraints, Lease, LeaseSettings};
pub use target::{TargetError, canonical_target, check_pattern};
pub use time::{TimeError, Timestamp};
pub use token::{ResumeToken, TokenHash};
pub use trace::{TraceContext, TraceId};
