//! What an SDK's client hides from its users, or loses, is measured frame by frame, on the transport: pings, history, a
//! resume from the first event on, a reader that sleeps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ixt::arcp::Transport;
use ixt::arcp::engine::runtime::Frames;
use serde_json::{Value, json};

use crate::telling::{figure, go_on, mark};
use crate::{Failure, TOKEN};

/// Between two pings.
const PAUSE: Duration = Duration::from_millis(1);
/// When a sleeping reader's runtime is looked at, in seconds.
const ASLEEP: [u64; 3] = [3, 6, 9];

struct Session {
    transport: Transport,
    come: VecDeque<Value>,
    frames: Frames,
    id: String,
    token: String,
    sent: u64,
}

impl Session {
    async fn open(url: &str, resume: Option<(&str, &str)>) -> Result<Self, Failure> {
        let mut session = Self {
            transport: Transport::connect(url, None).await?,
            come: VecDeque::new(),
            frames: Frames::default(),
            id: String::new(),
            token: String::new(),
            sent: 0,
        };
        let mut payload = json!({
            "client": {"name": "bench", "version": "1"},
            "auth": {"scheme": "bearer", "token": TOKEN},
            "capabilities": {"encodings": ["json"], "features": ["heartbeat", "subscribe", "list_jobs"]},
        });
        if let Some((id, token)) = resume {
            payload["resume"] = json!({"session_id": id, "resume_token": token, "last_event_seq": 0});
        }
        session.send("session.hello", payload).await?;
        let welcome = session.until(|frame| frame["type"] == "session.welcome").await?;
        for (place, name) in [(&mut session.id, "session_id"), (&mut session.token, "resume_token")] {
            let text = welcome["payload"][name].as_str().or(welcome[name].as_str());
            *place = text.ok_or_else(|| format!("no {name}: {welcome}"))?.to_owned();
        }
        Ok(session)
    }

    async fn send(&mut self, kind: &str, payload: Value) -> Result<(), Failure> {
        self.sent += 1;
        let id = format!("{:026}", self.sent);
        let mut frame = json!({"arcp": "1.1", "id": id, "type": kind, "payload": payload});
        if !self.id.is_empty() {
            frame["session_id"] = json!(self.id);
        }
        let mut frames = Frames::default();
        frames.push(frame.to_string().as_bytes());
        Ok(self.transport.send(&mut frames).await?)
    }

    async fn next(&mut self) -> Result<Value, Failure> {
        while self.come.is_empty() {
            if !self.transport.receive(&mut self.frames).await {
                return Err("the connection ended".into());
            }
            for frame in self.frames.iter() {
                self.come.push_back(serde_json::from_slice(frame)?);
            }
            self.frames.clear();
        }
        self.come.pop_front().ok_or_else(|| "no frame".into())
    }

    /// The next frame of this kind; others are read over.
    async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
        loop {
            let frame = self.next().await?;
            if frame["type"] == "session.error" || frame["type"] == "job.error" {
                return Err(frame.to_string().into());
            }
            if is_it(&frame) {
                return Ok(frame);
            }
        }
    }

    /// Begins a job that emits and stays, and gives its id.
    async fn emit(&mut self, count: u64) -> Result<String, Failure> {
        let payload = json!({"agent": "emit", "input": {"count": count, "stays": true}});
        self.send("job.submit", payload).await?;
        let accepted = self.until(|frame| frame["type"] == "job.accepted").await?;
        let id = accepted["payload"]["job_id"].as_str().or(accepted["job_id"].as_str());
        Ok(id.ok_or("a job without a name")?.to_owned())
    }

    /// The next events, in their order and without a gap, from the first one on.
    async fn all(&mut self, count: u64) -> Result<(), Failure> {
        for seq in 1..=count {
            let frame = self.until(|frame| frame["type"] == "job.event").await?;
            if frame["event_seq"] != seq {
                return Err(format!("event {seq} was due: {frame}").into());
            }
        }
        Ok(())
    }
}

/// Pings from one line of the driver to the next.
pub(crate) async fn ping(url: &str) -> Result<(), Failure> {
    let mut session = Session::open(url, None).await?;
    mark("ready").await?;
    let mut over = tokio::spawn(async { go_on().await.map_err(|why| why.to_string()) });
    let mut times = Vec::new();
    while !over.is_finished() {
        let nonce = format!("n{}", times.len());
        let start = Instant::now();
        session.send("session.ping", json!({"nonce": nonce, "sent_at": "2026-01-01T00:00:00Z"})).await?;
        session
            .until(|frame| {
                frame["type"] == "session.pong" && frame["payload"]["ping_nonce"] == nonce.as_str()
            })
            .await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(PAUSE).await;
    }
    (&mut over).await??;
    crate::telling::line(&json!({"pings": times}))
}

/// All events of a job, to a session that comes later.
pub(crate) async fn history(url: &str, count: u64) -> Result<(), Failure> {
    let mut owner = Session::open(url, None).await?;
    let job_id = owner.emit(count).await?;
    owner.all(count).await?;
    let mut other = Session::open(url, None).await?;
    let start = Instant::now();
    let payload = json!({"job_id": job_id, "history": true, "from_event_seq": 0});
    other.send("job.subscribe", payload).await?;
    other.all(count).await?;
    figure("ms", start.elapsed().as_secs_f64() * 1e3)
}

/// All events of a session again, to one who says that it has seen none.
pub(crate) async fn resume(url: &str, count: u64) -> Result<(), Failure> {
    let mut first = Session::open(url, None).await?;
    first.emit(count).await?;
    first.until(|frame| frame["event_seq"] == count).await?;
    let (id, token) = (first.id.clone(), first.token.clone());
    drop(first);
    // Until the runtime has seen that nobody is there.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    let mut again = Session::open(url, Some((&id, &token))).await?;
    again.all(count).await?;
    figure("ms", start.elapsed().as_secs_f64() * 1e3)
}

/// A job that emits as fast as it may, and a reader that does not read.
pub(crate) async fn sleep(url: &str) -> Result<(), Failure> {
    let mut session = Session::open(url, None).await?;
    mark("0").await?;
    session.emit(u64::MAX >> 1).await?;
    let start = Instant::now();
    for at in ASLEEP {
        tokio::time::sleep((start + Duration::from_secs(at)).saturating_duration_since(Instant::now())).await;
        mark(&at.to_string()).await?;
    }
    Ok(())
}
