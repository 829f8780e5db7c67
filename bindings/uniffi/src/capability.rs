//! The rules of capability patterns (specification 21, section 5).

use ixt_core::invocation::capability;

/// Whether the pattern `granted` covers `required`, a concrete capability.
#[uniffi::export]
#[must_use]
pub fn covers(granted: &str, required: &str) -> bool {
    capability::covers(granted, required)
}

/// Whether each pattern of the child is within one of the parent's.
#[uniffi::export]
#[must_use]
pub fn attenuates(parent: &[String], child: &[String]) -> bool {
    capability::attenuates(parent, child)
}
