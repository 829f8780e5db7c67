//! A job, as its client follows it.

use ixt_arcp::Refusal;
use ixt_arcp::client::{Failure, JobInfo, Outcome};
use ixt_arcp::message::FinalStatus;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::session::{Opened, Session, gone};
use super::update::{Told, Update};

/// A job that was submitted or subscribed to. Dropped, it goes on; nobody hears of it.
///
/// Events wait here until they are read. Where 10,000 do, the connection is not read any more until some are: read
/// every handle, or drop it.
#[derive(Debug)]
pub struct Job {
    session: Session,
    info: JobInfo,
    told: mpsc::Receiver<Told>,
    outcome: Option<(Outcome, Option<String>)>,
    credentials: Option<ixt_arcp::Secret>,
}

impl Job {
    pub(super) fn new(session: Session, opened: Opened) -> Self {
        let Opened { info, told, credentials } = opened;
        Self { session, info, told, outcome: None, credentials }
    }

    /// What the runtime calls it.
    #[must_use]
    pub fn job_id(&self) -> &str {
        &self.info.job_id
    }

    /// As it was accepted, or subscribed to.
    #[must_use]
    pub fn info(&self) -> &JobInfo {
        &self.info
    }

    /// Its credentials of upstream services, as JSON.
    #[must_use]
    pub fn credentials(&self) -> Option<&ixt_arcp::Secret> {
        self.credentials.as_ref()
    }

    /// The next thing that happens; `None` once the job has ended, or the client has.
    pub async fn next(&mut self) -> Option<Update> {
        if self.outcome.is_some() {
            return None;
        }
        match self.told.recv().await? {
            Told::Update(update) => Some(update),
            Told::Ended(outcome, summary) => {
                self.outcome = Some((outcome, summary));
                None
            }
        }
    }

    /// Waits for the end, and gives how. Events are read over.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` where the client ended first.
    pub async fn ended(&mut self) -> Result<&Outcome, Failure> {
        while self.next().await.is_some() {}
        match &self.outcome {
            Some((outcome, _)) => Ok(outcome),
            None => Err(gone()),
        }
    }

    /// How it ended, once [`next`](Self::next) has given `None`.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref().map(|(outcome, _)| outcome)
    }

    /// What its agent says of the result, for people.
    #[must_use]
    pub fn summary(&self) -> Option<&str> {
        self.outcome.as_ref().and_then(|(_, summary)| summary.as_deref())
    }

    /// The result, once it has ended. One that was streamed is read as JSON.
    ///
    /// # Errors
    /// How it failed; `INVALID_REQUEST` for a result of another shape; `INTERNAL_ERROR` before the end.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let read = match self.outcome() {
            Some(Outcome::Result(Some(result))) => serde_json::from_str(result.get()),
            Some(Outcome::Result(None)) => serde_json::from_str("null"),
            Some(Outcome::Streamed { bytes: Some(bytes), .. }) => serde_json::from_slice(bytes),
            Some(Outcome::Streamed { bytes: None, .. }) => return Err(untold()),
            Some(Outcome::Failed(_, why)) => return Err(why.clone()),
            _ => return Err(gone()),
        };
        read.map_err(|error| Refusal::invalid(format!("the result: {error}")).into())
    }

    /// The bytes of a result that was streamed.
    ///
    /// # Errors
    /// How it failed; `INVALID_REQUEST` where it was not streamed.
    pub fn bytes(&self) -> Result<&[u8], Failure> {
        match self.outcome() {
            Some(Outcome::Streamed { bytes: Some(bytes), .. }) => Ok(bytes),
            Some(Outcome::Streamed { bytes: None, .. }) => Err(untold()),
            Some(Outcome::Failed(_, why)) => Err(why.clone()),
            _ => Err(Refusal::invalid("the result was not streamed").into()),
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Failed(FinalStatus::Cancelled, _)))
    }

    /// Cancels it; true where it had ended before. Its end follows.
    ///
    /// # Errors
    /// Why the runtime refuses that.
    pub async fn cancel(&self, reason: &str) -> Result<bool, Failure> {
        self.session.cancel(&self.info.job_id, reason).await
    }
}

fn untold() -> Failure {
    Refusal::invalid(
        "the result was streamed before this handle was there: subscribe to the job with its history",
    )
    .into()
}
