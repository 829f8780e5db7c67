//! Messages that are values: a [`Method`] is a service with the types of its messages, which caller and provider share.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use ixt::typed::{Json, Method};
//! use ixt::{Module, testing::TestHost};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Debug, PartialEq)]
//! struct Size(u32, u32);
//!
//! const SCALE: Method<Json<Size>, Json<Size>> = Method::new("scale");
//!
//! let host = TestHost::new()?;
//! let scaler = SCALE.handle_unary(Module::builder("scaler"), |_context, size| async move { Ok(Size(size.0 / 2, size.1 / 2)) });
//! let scaler = host.connect(scaler).await?;
//! let caller = host.connect(Module::builder("caller")).await?;
//! assert_eq!(SCALE.call(&caller.client()).unary(&Size(640, 480)).await?, Size(320, 240));
//! # drop(scaler);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod call;
#[cfg(feature = "capnp")]
mod capnp;
mod codec;
mod method;

pub use call::TypedCall;
#[cfg(feature = "capnp")]
pub use capnp::Capnp;
pub use codec::{BoxError, Codec, Json};
pub use method::{Method, MethodCall};
