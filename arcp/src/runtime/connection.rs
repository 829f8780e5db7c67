//! Connections: frames in, the hello, heartbeats, the end (ARCP §6).

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use super::hail::Hail;
use super::leave::{Ask, Leave, Parked};
use super::log::Lsn;
use super::timers::Timer;
use super::{ConnectionId, Event, Runtime, SessionKey};
use crate::envelope::{Envelope, Head};
use crate::error::{Code, Refusal};
use crate::features::Feature;
use crate::message::{Close, Ping, Pong, SessionError, kind};
use crate::text::Text;

pub(super) struct Connection {
    pub(super) phase: Phase,
    /// Frames that are about no event; each leaves once so much is stored.
    pub(super) control: VecDeque<(Lsn, Vec<u8>)>,
    /// When a frame last came, and left.
    pub(super) heard_us: u64,
    pub(super) sent_us: u64,
    pub(super) is_listed: bool,
    /// Requests that wait for the application.
    pub(super) parked: Vec<Parked>,
}

/// Never what is written: it may be a secret.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("phase", &self.phase)
            .field("frames", &self.control.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Its hello has not come.
    New,
    /// Its token is being checked.
    Hailing(Box<Hail>),
    Open(SessionKey),
    /// What is left is written, and then it is closed.
    Closing,
}

/// Control frames that may wait for a peer that goes on asking.
const MAX_CONTROL: usize = 10_000;

impl Runtime {
    /// A new connection. Its hello has to come in time.
    pub fn connect(&mut self, now_us: u64) -> ConnectionId {
        self.tick(now_us);
        let id = ConnectionId(self.key());
        let connection = Connection {
            phase: Phase::New,
            control: VecDeque::new(),
            heard_us: self.now_us,
            sent_us: self.now_us,
            is_listed: false,
            parked: Vec::new(),
        };
        self.connections.insert(id, connection);
        self.timers.add(self.now_us + u64::from(self.settings.hello_ms) * 1000, Timer::Hello(id));
        id
    }

    /// Takes in one whole frame: a text message of a WebSocket, or a line.
    pub fn receive(&mut self, id: ConnectionId, frame: &[u8], now_us: u64) {
        self.tick(now_us);
        self.stats.frames_in += 1;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.heard_us = self.now_us;
        let is_closing = matches!(connection.phase, Phase::Closing);
        if is_closing {
            return;
        }
        if connection.control.len() > MAX_CONTROL {
            // It asks, and does not read what it is answered.
            self.close(id);
            return;
        }
        let envelope = match Envelope::read(frame, self.settings.frame) {
            Ok(envelope) => envelope,
            Err(refusal) => return self.refuse(id, None, &refusal),
        };
        if let Err(refusal) = envelope.check_version() {
            return self.give_up(id, &refusal);
        }
        match self.connections.get(&id).map(|connection| &connection.phase) {
            Some(Phase::New) => self.hail(id, &envelope),
            Some(Phase::Open(session)) => {
                // Without a policy of the application there is nothing to be asked.
                let leave: Leave<'_> = (!self.settings.policy).then_some(&[]);
                self.heed(id, *session, &envelope, frame, leave);
            }
            // One thing after the other: nothing counts before the welcome.
            _ => {
                let refusal = Refusal::new(Code::InvalidRequest, "the session has not been welcomed yet");
                self.refuse(id, envelope.id.as_deref(), &refusal);
            }
        }
    }

    /// The transport is gone, or not to be read any more. Jobs go on, and their session can be resumed.
    pub fn transport_ended(&mut self, id: ConnectionId, now_us: u64) {
        self.tick(now_us);
        let Some(connection) = self.connections.remove(&id) else { return };
        self.unpark(connection.parked);
        if let Phase::Open(session) = connection.phase {
            self.leave(session);
        }
    }

    /// Its client has spoken, so it has the last welcome, and the token before has done its service.
    fn has_welcome(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.former.take().is_some() {
            let stored = session.stored(key);
            self.journal.add(|| stored);
        }
    }

    /// A request of an open session.
    pub(super) fn heed(
        &mut self,
        id: ConnectionId,
        session: SessionKey,
        envelope: &Envelope<'_>,
        frame: &[u8],
        leave: Leave<'_>,
    ) {
        self.has_welcome(session);
        let heeded = match self.heed_within(id, session, envelope, leave) {
            Ok(Some(ask)) => self.park(id, session, frame, ask),
            Ok(None) => Ok(()),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = heeded {
            self.refuse(id, envelope.id.as_deref(), &refusal);
        }
    }

    fn heed_within(
        &mut self,
        id: ConnectionId,
        session: SessionKey,
        envelope: &Envelope<'_>,
        leave: Leave<'_>,
    ) -> Result<Option<Ask>, Refusal> {
        let found = self.sessions.get(&session).ok_or_else(gone)?;
        if envelope.session_id.as_ref().is_some_and(|named| **named != *found.id) {
            return Err(Refusal::invalid("the frame names another session"));
        }
        match envelope.kind.as_str() {
            kind::SESSION_PING => self.ping(id, envelope)?,
            kind::SESSION_PONG => {}
            kind::SESSION_ACK => self.ack(session, envelope)?,
            kind::SESSION_LIST_JOBS => return self.list_jobs(id, session, envelope, leave),
            kind::SESSION_CLOSE => {
                self.answer(id, kind::SESSION_CLOSED, &Close::default());
                self.close(id);
            }
            kind::SESSION_BYE => self.close(id),
            kind::JOB_SUBMIT => self.submit(id, session, envelope)?,
            kind::JOB_CANCEL => return self.cancel(id, session, envelope, leave),
            kind::JOB_SUBSCRIBE => return self.subscribe(id, session, envelope, leave),
            kind::JOB_UNSUBSCRIBE => self.unsubscribe(session, envelope)?,
            other if other.starts_with("x-vendor.") => self.stats.ignored += 1,
            other => {
                let why = format!("there is no message {}", crate::error::quoted(other));
                return Err(Refusal::invalid(why));
            }
        }
        Ok(None)
    }

    fn ping(&mut self, id: ConnectionId, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let ping: Ping<'_> = envelope.payload()?;
        let received_at = Text::from(self.now().text().to_string());
        self.answer(id, kind::SESSION_PONG, &Pong { ping_nonce: ping.nonce, received_at: Some(received_at) });
        Ok(())
    }

    /// Nothing has come or gone for a while, or it is time to look.
    pub(super) fn heartbeat(&mut self, id: ConnectionId) {
        let interval = u64::from(self.settings.heartbeat_ms) * 1000;
        let now = self.now_us;
        let Some(connection) = self.connections.get(&id) else { return };
        let Phase::Open(session) = connection.phase else { return };
        if !self.sessions.get(&session).is_some_and(|found| found.features.contains(Feature::Heartbeat)) {
            return;
        }
        let (heard, sent) = (connection.heard_us, connection.sent_us);
        if now >= heard + 2 * interval {
            let refusal = Refusal::new(Code::HeartbeatLost, "nothing came for two heartbeat intervals");
            self.give_up(id, &refusal);
            return;
        }
        if now >= heard.min(sent) + interval {
            let nonce = Text::from(format!("p_{}", self.ulid()));
            let sent_at = Some(Text::from(self.now().text().to_string()));
            self.answer(id, kind::SESSION_PING, &Ping { nonce, sent_at });
        }
        // Half an interval is fine enough, and one timer is enough for both ends' silence.
        self.timers.add(now + (interval / 2).max(1000), Timer::Heartbeat(id));
    }

    /// Queues a frame about the session or a request.
    pub(super) fn answer(&mut self, id: ConnectionId, kind: &str, payload: &impl Serialize) {
        self.answer_about(id, kind, None, None, payload, false);
    }

    /// Queues a frame about a job, to leave once all that is recorded so far is stored, or at once.
    pub(super) fn answer_about(
        &mut self,
        id: ConnectionId,
        kind: &str,
        job_id: Option<&str>,
        trace_id: Option<&str>,
        payload: &impl Serialize,
        when_stored: bool,
    ) {
        let frame_id = self.ulid();
        let lsn = if when_stored { self.journal.lsn() } else { 0 };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let session = match &connection.phase {
            Phase::Open(session) => self.sessions.get(session).map(|session| &*session.id),
            // What is refused before the welcome names a session all the same: there are clients that read no frame
            // without.
            Phase::New | Phase::Hailing(_) | Phase::Closing => None,
        };
        let made = session.is_none().then(|| format!("sess_{frame_id}"));
        let frame_id = frame_id.text();
        let head = Head { job_id, trace_id, ..Head::new(&frame_id, kind, session.or(made.as_deref())) };
        let mut frame = Vec::with_capacity(256);
        head.write(payload, &mut frame);
        connection.control.push_back((lsn, frame));
        if lsn > self.journal.stored() {
            self.journal.wait(id);
        }
        self.list(id);
    }

    /// Refuses a request, or a frame that is none.
    pub(super) fn refuse(&mut self, id: ConnectionId, request_id: Option<&str>, refusal: &Refusal) {
        self.stats.refused += 1;
        let payload = SessionError {
            code: Text::from(refusal.code.as_str()),
            message: Text::from(&*refusal.message),
            retryable: refusal.retryable(),
            request_id: request_id.map(Text::from),
            details: refusal.details.as_deref(),
        };
        self.answer(id, kind::SESSION_ERROR, &payload);
        // Who has not been welcomed gets no second try.
        if matches!(
            self.connections.get(&id).map(|connection| &connection.phase),
            Some(Phase::New | Phase::Hailing(_))
        ) {
            self.close(id);
        }
    }

    /// Says why, and closes the connection.
    pub(super) fn give_up(&mut self, id: ConnectionId, refusal: &Refusal) {
        self.refuse(id, None, refusal);
        self.close(id);
    }

    /// Nothing more is read; what is queued is written, and then it is closed.
    pub(super) fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let phase = std::mem::replace(&mut connection.phase, Phase::Closing);
        match phase {
            Phase::Open(session) => self.leave(session),
            Phase::Closing => return,
            Phase::New | Phase::Hailing(_) => {}
        }
        self.events.push_back(Event::Close { connection: id });
        self.list(id);
    }

    pub(super) fn hello_is_late(&mut self, id: ConnectionId) {
        let is_new = matches!(
            self.connections.get(&id).map(|connection| &connection.phase),
            Some(Phase::New | Phase::Hailing(_))
        );
        if is_new {
            self.give_up(id, &Refusal::new(Code::Unauthenticated, "no hello came in time"));
        }
    }

    /// The connection has something to be written.
    pub(super) fn list(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.is_listed
        {
            connection.is_listed = true;
            self.writable.push_back(id);
        }
    }
}

fn gone() -> Refusal {
    Refusal::new(Code::InternalError, "the session is gone")
}
