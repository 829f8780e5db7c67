//! The invocation that a handler works for.

use std::sync::Arc;
use std::time::Duration;

use ixt_core::Result;
use ixt_core::invocation::{ActorIdentity, ChildSpec, InvocationContext, MetadataEntry, Target};

use super::clock::Clock;

/// The context of a call, as its handler sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CallContext {
    invocation: Arc<InvocationContext>,
    clock: Clock,
}

tokio::task_local! {
    /// The call that the running handler works for: calls that it makes are its children.
    static CURRENT: CallContext;
}

impl CallContext {
    pub(crate) fn new(invocation: InvocationContext, clock: Clock) -> Self {
        Self { invocation: Arc::new(invocation), clock }
    }

    /// The context of the handler that this task runs, if it runs one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a future as part of this call: for tasks that a handler spawns.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The invocation context as it came.
    #[must_use]
    pub fn invocation(&self) -> &InvocationContext {
        &self.invocation
    }

    /// The correlation id: the W3C trace-id.
    #[must_use]
    pub fn correlation_id(&self) -> [u8; 16] {
        self.invocation.correlation_id()
    }

    /// The span of this call.
    #[must_use]
    pub fn span_id(&self) -> [u8; 8] {
        self.invocation.span_id()
    }

    /// The module that calls.
    #[must_use]
    pub fn source_module(&self) -> &str {
        self.invocation.source_module()
    }

    /// On whose behalf, and with which authority.
    #[must_use]
    pub fn actor(&self) -> &ActorIdentity {
        self.invocation.actor()
    }

    /// The capabilities of the actor.
    #[must_use]
    pub fn capabilities(&self) -> &[String] {
        self.invocation.actor().capabilities()
    }

    /// The deadline in milliseconds since the Unix epoch.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.invocation.deadline_ms()
    }

    /// How long there is until the deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = |deadline: u64| deadline.saturating_sub(self.clock.now_us() / 1000);
        self.deadline_ms().map(|deadline| Duration::from_millis(left(deadline)))
    }

    /// What the call carries beside its authority.
    #[must_use]
    pub fn metadata(&self) -> &[MetadataEntry<String>] {
        self.invocation.metadata()
    }

    /// The context of a call that this one causes: same correlation, actor and metadata, the earlier deadline.
    ///
    /// # Errors
    /// A capability that this call does not have, and what [`ChildSpec`] refuses.
    pub fn child(&self, spec: ChildSpec) -> Result<InvocationContext> {
        self.invocation.child(spec)
    }

    /// Where the call goes.
    #[must_use]
    pub fn target(&self) -> Target<&str> {
        self.invocation.target()
    }
}
