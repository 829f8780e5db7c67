//! What stands between a client and a runtime and spoils what they say.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

/// Who says a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Runtime,
}

/// What becomes of a frame, which a rule may have changed.
pub(crate) enum Act {
    Pass,
    Drop,
    /// It goes on, and the client hears this behind it.
    Then(Value),
    /// It goes no further, and the client hears this.
    Answer(Value),
}

/// What was said on all connections so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// The last frame of the client, as it said it.
    pub(crate) said: Value,
    /// The job that was accepted last.
    pub(crate) job: String,
    /// How many were.
    pub(crate) accepted: usize,
    /// What a rule remembers.
    pub(crate) kept: Value,
}

pub(crate) type Rule = fn(Side, &mut Value, &mut Seen) -> Act;

/// Listens, and gives the address to connect to in place of the runtime's.
pub(crate) async fn proxy(runtime: &str, rule: Rule) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/arcp", listener.local_addr().unwrap());
    let (runtime, seen) = (runtime.to_owned(), Arc::new(Mutex::new(Seen::default())));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(carry(stream, runtime.clone(), rule, Arc::clone(&seen)));
        }
    });
    url
}

/// Carries one connection until either side ends it.
async fn carry(stream: TcpStream, runtime: String, rule: Rule, seen: Arc<Mutex<Seen>>) -> Option<()> {
    let mut client = accept_async(stream).await.ok()?;
    let host = runtime.strip_prefix("ws://")?.strip_suffix("/arcp")?;
    let (mut server, _) = client_async(&runtime, TcpStream::connect(host).await.ok()?).await.ok()?;
    loop {
        let (side, message) = tokio::select! {
            message = client.next() => (Side::Client, message?.ok()?),
            message = server.next() => (Side::Runtime, message?.ok()?),
        };
        let Message::Text(text) = message else {
            if message.is_close() {
                return None;
            }
            continue;
        };
        let (on, back) = spoilt(side, &text, rule, &mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        match (on, side) {
            (Some(text), Side::Client) => server.send(Message::text(text)).await.ok()?,
            (Some(text), Side::Runtime) => client.send(Message::text(text)).await.ok()?,
            (None, _) => {}
        }
        if let Some(frame) = back {
            client.send(Message::text(frame.to_string())).await.ok()?;
        }
    }
}

/// What goes on, and what the client hears besides.
fn spoilt(side: Side, text: &str, rule: Rule, seen: &mut Seen) -> (Option<String>, Option<Value>) {
    // What is no JSON is a text to a rule, and goes on as it came.
    let original = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let mut frame: Value = original.clone();
    if side == Side::Client && frame["type"] != "session.pong" {
        seen.said = frame.clone();
    }
    if side == Side::Runtime && frame["type"] == "job.accepted" {
        seen.job = frame["payload"]["job_id"].as_str().unwrap_or_default().to_owned();
        seen.accepted += 1;
    }
    let act = rule(side, &mut frame, seen);
    let text = if frame == original { text.to_owned() } else { frame.to_string() };
    match act {
        Act::Pass => (Some(text), None),
        Act::Drop => (None, None),
        Act::Then(more) => (Some(text), Some(more)),
        Act::Answer(answer) => (None, Some(answer)),
    }
}
