//! ARCP 1.1 on tokio: agents that run jobs, and clients that submit and follow them.
//!
//! A [`Runtime`] serves agents to clients over WebSocket (`/arcp`), stdio and memory; a [`Client`] connects to one, ours or
//! another's, and goes on with its session when the connection breaks. Both are the engines of `ixt-arcp` with IO
//! around them.
//!
//! ```
//! use ixt::arcp::{Client, JobContext, Principal, Refusal, Runtime, StaticTokens, Submission, Transport};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::builder()
//!     .agent("greeter@1.0.0", |job: JobContext| async move {
//!         let name: String = job.input()?;
//!         job.log("info", "composing").await?;
//!         Ok::<_, Refusal>(format!("Hello, {name}!"))
//!     })
//!     .verifier(StaticTokens::new([("s3cret", Principal::new("alice"))]))
//!     .build()?;
//! let (here, there) = Transport::memory();
//! runtime.serve(there);
//!
//! let client = Client::over(here, "s3cret").await?;
//! let mut job = client.submit(&Submission::new("greeter").with_input("\"Ada\"")).await?;
//! while let Some(event) = job.next().await {
//!     println!("{event:?}");
//! }
//! let answer: String = job.result()?;
//! assert_eq!(answer, "Hello, Ada!");
//! # Ok(())
//! # }
//! ```

mod auth;
mod child;
mod client;
mod runtime;
mod seed;
mod transport;

pub use auth::{Jwt, StaticTokens, Verifier};
pub use client::{Client, ClientBuilder, Job, Listing, Update};
pub use runtime::{BuildError, ChildEnd, Issuer, JobContext, Listening, Runtime, RuntimeBuilder, ServeError};
pub use transport::{Transport, TransportError};

/// The engines, without IO.
pub use ixt_arcp as engine;
pub use ixt_arcp::Secret;
pub use ixt_arcp::client::{Failure, JobEvent, JobInfo, Outcome, Settings as ClientSettings, Submission};
pub use ixt_arcp::message::{Filter, FinalStatus, ListJobs};
pub use ixt_arcp::runtime::{Audit, Delegate, Issued, Principal, Scope, Settings, Stats};
pub use ixt_arcp::{Code, Feature, Features, Refusal};
/// Where a runtime keeps what must survive it.
pub use ixt_arcp_store as store;
