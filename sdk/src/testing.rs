//! A host within the process, for tests of modules: no socket, no file, no other process.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use ixt::{Module, testing::TestHost};
//!
//! let host = TestHost::new()?;
//! let echo = Module::builder("echo").unary("echo", |_context, payload| async { Ok(payload) });
//! let echo = host.connect(echo).await?;
//! let caller = host.connect(Module::builder("caller")).await?;
//! assert_eq!(caller.client().service("echo").unary("hello").await?, "hello");
//! # drop(echo);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! With tokio's paused clock (`tokio::time::pause`) the modules, the host and their deadlines run on virtual time.

use ixt_host::{ModuleInfo, Policy, StreamInfo};

use crate::net::pipe_pair;
use crate::{ConnectError, Host, HostBuilder, HostHandle, Module, ModuleBuilder};

/// A host within the process. Dropping it leaves its modules without one.
#[derive(Debug, Clone)]
pub struct TestHost {
    host: HostHandle,
}

impl TestHost {
    /// A host on which modules may do everything.
    ///
    /// # Errors
    /// None that is known; as for every host.
    pub fn new() -> Result<Self, ConnectError> {
        Self::with_policy(Policy::open())
    }

    /// A host with everything that its builder says, but an address.
    ///
    /// # Errors
    /// The settings make no sense.
    pub fn of(host: HostBuilder) -> Result<Self, ConnectError> {
        Ok(Self { host: host.unbound()? })
    }

    /// A host with a policy.
    ///
    /// # Errors
    /// None that is known; as for every host.
    pub fn with_policy(policy: Policy) -> Result<Self, ConnectError> {
        Self::of(Host::builder().policy(policy))
    }

    /// Connects a module, as a process of no known user.
    ///
    /// # Errors
    /// The host refuses the module.
    pub async fn connect(&self, module: ModuleBuilder) -> Result<Module, ConnectError> {
        self.connect_as(module, None).await
    }

    /// Connects a module, as a process of the user with this id.
    ///
    /// # Errors
    /// The host refuses the module.
    pub async fn connect_as(&self, module: ModuleBuilder, uid: Option<u32>) -> Result<Module, ConnectError> {
        let (here, there) = pipe_pair(uid);
        self.host.attach(there);
        module.over(here).await
    }

    /// The modules that are announced, by name.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleInfo> {
        self.host.modules()
    }

    /// The streams that go through, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        self.host.streams()
    }

    /// The host itself.
    #[must_use]
    pub fn handle(&self) -> &HostHandle {
        &self.host
    }
}
