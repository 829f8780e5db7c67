//! Panics of what a user wrote.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

/// Runs it; a panic is an error of this call alone.
pub(crate) async fn caught<F: Future>(work: F) -> Result<F::Output, ()> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(())),
    })
    .await
}
