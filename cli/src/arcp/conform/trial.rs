//! What a check has to work with.

use std::rc::Rc;
use std::time::Duration;

use ixt::ClientTls;
use ixt::arcp::{Feature, Transport};
use serde_json::{Value, json};

use super::peer::{Job, Peer};
use super::verdict::{Stop, failed, skipped};
use super::wire::Wire;

/// All features of the draft.
pub(super) fn features() -> [&'static str; 11] {
    Feature::ALL.map(Feature::as_str)
}

/// Whom the checks are about.
pub(super) struct Target {
    pub(super) url: String,
    pub(super) token: String,
    /// A token of somebody else.
    pub(super) other: Option<String>,
    pub(super) tls: Option<ClientTls>,
    pub(super) agent: String,
    /// How long an answer may take.
    pub(super) patience: Duration,
}

pub(super) struct Trial {
    target: Rc<Target>,
    pub(super) wire: Rc<Wire>,
}

impl Trial {
    pub(super) fn new(target: Rc<Target>, wire: Rc<Wire>) -> Self {
        Self { target, wire }
    }

    pub(super) fn patience(&self) -> Duration {
        self.target.patience
    }

    pub(super) fn token(&self) -> &str {
        &self.target.token
    }

    /// A connection on which nothing was said.
    pub(super) async fn connected(&self) -> Result<Peer, Stop> {
        let connected = Transport::connect(&self.target.url, self.target.tls.as_ref()).await;
        let transport = connected.map_err(|error| failed(format!("no connection: {error}")))?;
        Ok(Peer::new(transport, Rc::clone(&self.wire), self.target.patience))
    }

    /// A session with some features.
    pub(super) async fn session(&self, features: &[&str]) -> Result<Peer, Stop> {
        self.session_of(&self.target.token, features).await
    }

    /// A session with all of them.
    pub(super) async fn welcomed(&self) -> Result<Peer, Stop> {
        self.session(&features()).await
    }

    /// A session of another principal.
    pub(super) async fn other(&self) -> Result<Peer, Stop> {
        self.session_of(self.other_token()?, &features()).await
    }

    pub(super) fn other_token(&self) -> Result<&str, Stop> {
        self.target.other.as_deref().ok_or_else(|| skipped("no token of another principal"))
    }

    async fn session_of(&self, token: &str, features: &[&str]) -> Result<Peer, Stop> {
        let mut peer = self.connected().await?;
        match peer.hello(Some(token), features, None).await? {
            Ok(()) => Ok(peer),
            Err(refused) => Err(failed(format!("hello was refused: {refused}"))),
        }
    }

    /// A new connection that goes on with the session of another one, which is dropped.
    pub(super) async fn resumed(&self, dropped: Peer, last: u64) -> Result<Peer, Stop> {
        let resume = resume(&dropped, last);
        drop(dropped);
        let mut peer = self.connected().await?;
        match peer.hello(Some(&self.target.token), &features(), Some(resume)).await? {
            Ok(()) => Ok(peer),
            Err(refused) => Err(failed(format!("the resume was refused: {refused}"))),
        }
    }

    /// Skips what needs an agent that does as it is told, where there is none.
    pub(super) fn agent<'a>(&'a self, peer: &Peer) -> Result<&'a str, Stop> {
        let name = &self.target.agent;
        let bare = name.split_once('@').map_or(name.as_str(), |(name, _)| name);
        match inventory(peer).iter().any(|agent| agent["name"] == bare || agent == bare) {
            true => Ok(name),
            false => Err(skipped(format!("there is no agent `{name}` that does as it is told"))),
        }
    }

    /// What a job is submitted with: steps for the agent, and more.
    pub(super) fn wanted(&self, peer: &Peer, steps: Value, more: Value) -> Result<Value, Stop> {
        let mut payload = json!({"agent": self.agent(peer)?, "input": {"steps": steps}});
        if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
            payload.extend(more);
        }
        Ok(payload)
    }

    /// A job whose agent takes these steps.
    pub(super) async fn job(&self, peer: &mut Peer, steps: Value, more: Value) -> Result<Job, Stop> {
        let payload = self.wanted(peer, steps, more)?;
        peer.submit(payload).await
    }
}

/// What goes on with a session.
pub(super) fn resume(of: &Peer, last: u64) -> Value {
    json!({
        "session_id": of.session,
        "resume_token": of.resume_token,
        "last_event_seq": last,
    })
}

/// The agents of a runtime, as its welcome has them.
pub(super) fn inventory(peer: &Peer) -> Vec<Value> {
    peer.welcome["payload"]["capabilities"]["agents"].as_array().cloned().unwrap_or_default()
}

/// An event of a log.
pub(super) fn log(message: &str) -> Value {
    json!({"emit": {"kind": "log", "body": {"level": "info", "message": message}}})
}

/// A line of a log, time and again, until the job is cancelled or that many were written.
pub(super) fn ticks(count: u64, every_ms: u64) -> Value {
    json!({"repeat": {"count": count, "every_ms": every_ms, "emit": {"kind": "log", "body": {"level": "info", "message": "tick"}}}})
}
