//! A runtime: agents, and who may call them.

mod context;
mod driver;
mod issuer;
mod server;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ixt_arcp::runtime::{Audit, Runtime as Engine, Settings, Stats};
use ixt_arcp::{AgentRef, Inventory, Refusal};
use serde::Serialize;

pub use self::context::JobContext;
pub use self::driver::ChildEnd;
use self::driver::{AgentFn, AuditFn, Driver, Given};
pub use self::issuer::Issuer;
pub use self::server::{Listening, ServeError};
use super::auth::Verifier;
use super::seed::seed;
use super::store::{Store, StoreError, Writer};
use super::transport::Transport;
use crate::net::clock::Clock;

/// Describes a runtime.
#[must_use = "a runtime serves nobody before it is built"]
pub struct RuntimeBuilder {
    settings: Settings,
    agents: Vec<(String, AgentFn)>,
    restartable: HashSet<String>,
    verifier: Option<Box<dyn Verifier>>,
    issuer: Option<Box<dyn Issuer>>,
    audit: Option<AuditFn>,
    store: Option<Box<dyn Store>>,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An agent's name is none, or is there twice.
    #[error(transparent)]
    Agent(#[from] Refusal),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no thread to work on.
    #[error(transparent)]
    Thread(#[from] std::io::Error),
}

impl RuntimeBuilder {
    /// An agent: `name`, or `name@version`; the version that is added last is the default. It runs in a task of its own
    /// for each job, which is stopped when the job ends under it. What it gives is the job's result; `()` where it
    /// has streamed one.
    pub fn agent<F, R, T>(mut self, agent: &str, run: F) -> Self
    where
        F: Fn(JobContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, Refusal>> + Send + 'static,
        T: Serialize,
    {
        let run = Arc::new(run);
        let run: AgentFn = Arc::new(move |driver, running, start| {
            let context = JobContext::new(driver, running, start);
            let streams = context.streams();
            let run = Arc::clone(&run);
            // The call stands in the future, so that whatever panics in it is the job's failure.
            Box::pin(async move {
                let given = run(context).await?;
                let result = serde_json::to_string(&given)
                    .map_err(|error| Refusal::invalid(format!("the agent's result: {error}")))?;
                let streamed = streams.load(Ordering::Acquire);
                Ok(Given { result: (!streamed).then_some(result), summary: None })
            })
        });
        self.agents.push((agent.to_owned(), run));
        self
    }

    /// Jobs of this agent, by its name, are started again where the runtime ended under them.
    pub fn restartable(mut self, name: &str) -> Self {
        self.restartable.insert(name.to_owned());
        self
    }

    /// Tells whose tokens are. Without one nobody gets in.
    pub fn verifier(mut self, verifier: impl Verifier) -> Self {
        self.verifier = Some(Box::new(verifier));
        self
    }

    /// Makes credentials for jobs.
    pub fn issuer(mut self, issuer: impl Issuer) -> Self {
        self.settings.credentials = true;
        self.issuer = Some(Box::new(issuer));
        self
    }

    /// Hears what is to be audited.
    pub fn audit(mut self, told: impl Fn(Audit) + Send + Sync + 'static) -> Self {
        self.audit = Some(Box::new(told));
        self
    }

    /// Keeps jobs and sessions where they survive the process: a runtime that is built on the same store goes on with
    /// them.
    pub fn store(mut self, store: impl Store) -> Self {
        self.settings.store = true;
        self.store = Some(Box::new(store));
        self
    }

    /// Changes settings.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The runtime. It needs tokio.
    ///
    /// # Errors
    /// An agent whose name is none, or that is there twice; a store that cannot be read.
    pub fn build(self) -> Result<Runtime, BuildError> {
        let mut inventory = Inventory::default();
        for (agent, _) in &self.agents {
            inventory.register(AgentRef::parse(agent)?)?;
        }
        let clock = Clock::new();
        let mut store = self.store;
        let engine = match &mut store {
            Some(store) => {
                let snapshot = store.snapshot()?;
                Engine::restored(self.settings, inventory, self.restartable, snapshot, seed(), clock.now_us())
            }
            None => Engine::new(self.settings, inventory, seed(), clock.now_us()),
        };
        let agents = self.agents.into_iter().collect::<HashMap<_, _>>();
        let nobody = |_: String| {
            std::future::ready(Err(Refusal::new(ixt_arcp::Code::Unauthenticated, "nobody gets in")))
        };
        let verifier = self.verifier.unwrap_or_else(|| Box::new(nobody));
        let driver = Driver::new(engine, clock, agents, verifier, self.issuer, self.audit);
        if let Some(store) = store {
            let told = Arc::downgrade(&driver);
            let on_reply = move |reply| {
                if let Some(driver) = told.upgrade() {
                    driver.replied(reply);
                }
            };
            driver.set_writer(Writer::spawn(store, Box::new(on_reply))?);
        }
        Ok(Runtime(driver))
    }
}

/// A runtime that serves agents to clients. Cheap to clone: all are the same one.
#[derive(Clone)]
pub struct Runtime(Arc<Driver>);

impl Runtime {
    /// Describes a runtime.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder {
            settings: Settings::default(),
            agents: Vec::new(),
            restartable: HashSet::new(),
            verifier: None,
            issuer: None,
            audit: None,
            store: None,
        }
    }

    /// Serves a client on a connection of any kind, until either ends it.
    pub fn serve(&self, transport: Transport) -> tokio::task::JoinHandle<()> {
        tokio::spawn(Arc::clone(&self.0).serve(transport))
    }

    /// Serves one client on standard input and output, until it is gone (ARCP §4).
    pub async fn serve_stdio(&self) {
        Arc::clone(&self.0).serve(Transport::stdio()).await;
    }

    /// What has passed.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.with(|engine, _| engine.stats())
    }

    /// Why the store has failed, where it has: nobody is served any more, and what was told is stored. A runtime that is
    /// built again goes on with that.
    #[must_use]
    pub fn store_failure(&self) -> Option<String> {
        self.0.store_failure()
    }

    /// Ends the runtime as the end of its process would: agents are stopped where they are, connections break, and the
    /// store is closed once what it was given is written. A runtime that is built on it again goes on with its jobs.
    pub async fn shutdown(&self) {
        self.0.stop();
        let driver = Arc::clone(&self.0);
        // It waits for a thread.
        let _ = tokio::task::spawn_blocking(move || driver.close_store()).await;
    }

    /// Ends every connection, once what waits is written. Jobs go on as long as the process does.
    pub fn close(&self) {
        self.0.close_all();
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}
