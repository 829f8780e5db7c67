//! Credentials of upstream services (ARCP §9.8).

use std::future::Future;
use std::pin::Pin;

use ixt_arcp::runtime::Issued;
use ixt_arcp::{Lease, Refusal, Timestamp};

/// Makes and revokes credentials of upstream services (ARCP §9.8).
pub trait Issuer: Send + Sync + 'static {
    /// Makes credentials for a job, held to its lease, its end and its budget: currency and amount.
    ///
    /// # Errors
    /// Why the job cannot be: its submit is refused with that.
    fn issue<'a>(
        &'a self,
        job_id: &'a str,
        lease: &'a Lease,
        expires_at: Option<Timestamp>,
        budget: &'a [(String, String)],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Issued>, Refusal>> + Send + 'a>>;

    /// Revokes a credential; whether that worked. Where not, it is asked again.
    fn revoke<'a>(
        &'a self,
        job_id: &'a str,
        credential: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}
