//! A client: one session, over as many connections as it takes.

mod job;
mod keep;
mod session;
mod update;

use std::sync::Arc;

use ixt_arcp::client::{Failure, JobInfo, Settings, Submission};
use ixt_arcp::message::ListJobs;
use ixt_arcp::{Code, Features, Refusal, Secret};

pub use self::job::Job;
use self::keep::{Again, keep};
use self::session::{Answered, Opened, Session, gone};
pub use self::update::Update;
use super::transport::{Transport, TransportError};
use crate::ClientTls;

/// A list of jobs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listing {
    /// The jobs.
    pub jobs: Vec<JobInfo>,
    /// Where the next list goes on; none where this was the last.
    pub next_cursor: Option<String>,
}

/// Describes a client.
#[must_use = "a client is nothing before it is connected"]
pub struct ClientBuilder {
    settings: Settings,
    tls: Option<ClientTls>,
    reconnects: bool,
}

impl ClientBuilder {
    /// Changes settings.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Whom to trust, where the address is `wss://`.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether it connects again by itself, and goes on with its session, when a connection breaks: true.
    pub fn reconnects(mut self, reconnects: bool) -> Self {
        self.reconnects = reconnects;
        self
    }

    /// Connects to `ws://host:port/arcp` or `wss://…`.
    ///
    /// # Errors
    /// Why there is no connection, or no welcome.
    pub async fn connect(self, url: &str, token: &str) -> Result<Client, Failure> {
        let transport =
            Transport::connect(url, self.tls.as_ref()).await.map_err(|error| no_connection(&error))?;
        let again = self.reconnects.then(|| Again { url: url.to_owned(), tls: self.tls });
        open(self.settings, transport, again, token).await
    }

    /// Speaks over a connection that is there. When it breaks the client ends.
    ///
    /// # Errors
    /// Why there is no welcome.
    pub async fn over(self, transport: Transport, token: &str) -> Result<Client, Failure> {
        open(self.settings, transport, None, token).await
    }
}

fn no_connection(error: &TransportError) -> Failure {
    Refusal::new(Code::InternalError, format!("no connection: {error}")).into()
}

async fn open(
    settings: Settings,
    transport: Transport,
    again: Option<Again>,
    token: &str,
) -> Result<Client, Failure> {
    let (session, welcomed) = Session::new(settings, token);
    tokio::spawn(keep(session.core(), transport, again, Secret::new(token)));
    welcomed.await.unwrap_or_else(|_| Err(gone()))?;
    Ok(Client { session })
}

/// A client with its session. Cheap to clone: all are the same one. When the last one and every [`Job`] is dropped, the
/// session is closed.
#[derive(Clone)]
pub struct Client {
    session: Session,
}

impl Client {
    /// Describes a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder { settings: Settings::default(), tls: None, reconnects: true }
    }

    /// Connects to `ws://host:port/arcp`, and connects again when the connection breaks.
    ///
    /// # Errors
    /// Why there is no connection, or no welcome.
    pub async fn connect(url: &str, token: &str) -> Result<Self, Failure> {
        Self::builder().connect(url, token).await
    }

    /// Speaks over a connection that is there.
    ///
    /// # Errors
    /// Why there is no welcome.
    pub async fn over(transport: Transport, token: &str) -> Result<Self, Failure> {
        Self::builder().over(transport, token).await
    }

    /// The session's id.
    #[must_use]
    pub fn session_id(&self) -> Option<Arc<str>> {
        self.session.look(|engine| engine.session_id())
    }

    /// What both ends can.
    #[must_use]
    pub fn features(&self) -> Features {
        self.session.look(|engine| engine.features())
    }

    /// The agents that jobs can be submitted to, as JSON.
    #[must_use]
    pub fn agents(&self) -> String {
        self.session.agents()
    }

    /// Submits a job.
    ///
    /// # Errors
    /// Why it is refused; `INTERNAL_ERROR` where the connection broke before the answer: with an idempotency key it
    /// may be submitted again.
    pub async fn submit(&self, wanted: &Submission<'_>) -> Result<Job, Failure> {
        match self.session.ask(|engine, now_us| engine.submit(wanted, now_us)).await? {
            Answered::Job(opened) => Ok(self.handle(*opened)),
            _ => Err(gone()),
        }
    }

    /// Follows a job, with what has happened behind its event `history_from` first, where that is said.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn subscribe(&self, job_id: &str, history_from: Option<u64>) -> Result<Job, Failure> {
        match self.session.ask(|engine, now_us| engine.subscribe(job_id, history_from, now_us)).await? {
            Answered::Job(opened) => Ok(self.handle(*opened)),
            _ => Err(gone()),
        }
    }

    /// Cancels a job; true where it had ended before.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn cancel(&self, job_id: &str, reason: &str) -> Result<bool, Failure> {
        self.session.cancel(job_id, reason).await
    }

    /// Which jobs there are.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn list_jobs(&self, wanted: &ListJobs<'_>) -> Result<Listing, Failure> {
        match self.session.ask(|engine, now_us| engine.list_jobs(wanted, now_us)).await? {
            Answered::Jobs(jobs, next_cursor) => Ok(Listing { jobs, next_cursor }),
            _ => Err(gone()),
        }
    }

    /// Breaks the connection, as a bad network would; for tests of what happens then.
    pub fn disconnect(&self) {
        self.session.cut();
    }

    /// Ends the session in order. Its jobs go on.
    pub async fn close(&self) {
        self.session.close().await;
    }

    fn handle(&self, opened: Opened) -> Job {
        Job::new(self.session.clone(), opened)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("session", &self.session_id()).finish_non_exhaustive()
    }
}
