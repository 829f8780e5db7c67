//! What a request may reach of others, and one that waits to be told (ARCP §7.6).

use super::output::Operation;
use super::{JobKey, PermitId};

/// Which jobs of others a request may reach beside its principal's scope, in order; `None` before the application
/// was asked.
pub(super) type Leave<'a> = Option<&'a [JobKey]>;

/// Whether it reaches a job.
pub(super) fn includes(leave: Leave<'_>, job: JobKey) -> bool {
    leave.is_some_and(|jobs| jobs.binary_search(&job).is_ok())
}

/// A request that cannot go on before the application has been asked.
pub(super) struct Ask {
    pub(super) operation: Operation,
    /// About these.
    pub(super) jobs: Vec<JobKey>,
}

/// A request that waits for the application, as it came.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) ticket: PermitId,
    pub(super) frame: Box<[u8]>,
}
