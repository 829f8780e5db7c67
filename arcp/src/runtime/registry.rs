//! Agents that come while the runtime runs (ARCP §7.5).

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use super::Runtime;
use crate::agent::{AgentRef, Inventory};
use crate::error::Refusal;

impl Runtime {
    /// Adds an agent, or a version of one: it can be submitted to from now on, and the next welcome lists it. Sessions
    /// that are open are not told.
    ///
    /// # Errors
    /// As [`Inventory::register`].
    pub fn register(&mut self, agent: AgentRef<'_>) -> Result<(), Refusal> {
        self.inventory.register(agent)?;
        self.agents = listing(&self.inventory);
        Ok(())
    }

    /// Makes a version the one that the bare name means, for what is submitted from now on.
    ///
    /// # Errors
    /// As [`Inventory::set_default`].
    pub fn set_default(&mut self, name: &str, version: &str) -> Result<(), Refusal> {
        self.inventory.set_default(AgentRef::parse(&format!("{name}@{version}"))?)?;
        self.agents = listing(&self.inventory);
        Ok(())
    }
}

/// The agents as a welcome lists them.
pub(super) fn listing(inventory: &Inventory) -> Arc<RawValue> {
    // Texts and lists of them: it cannot fail.
    to_raw_value(inventory).unwrap_or_else(|_| RawValue::NULL.to_owned()).into()
}
