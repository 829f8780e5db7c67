//! Who is told how a call went.

use ixt_core::invocation::InvocationContext;

use super::CallError;

/// What is told how a call went, once: with the context that was sent.
pub type Over = Box<dyn FnOnce(&InvocationContext, &Result<(), CallError>) + Send>;

/// Whom to tell how a call went.
pub(crate) struct Watch {
    pub(crate) context: InvocationContext,
    /// In the order in which the interceptors stand.
    pub(crate) overs: Vec<Over>,
}

impl Watch {
    /// The innermost hears it first.
    pub(crate) fn tell(self, result: &Result<(), CallError>) {
        self.overs.into_iter().rev().for_each(|over| over(&self.context, result));
    }
}
