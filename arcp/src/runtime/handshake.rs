//! The hello, its token, and the welcome (ARCP §§6.1–6.3).

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::connection::Phase;
use super::hail::{Back, Hail};
use super::outbox::Outbox;
use super::session::Session;
use super::timers::Timer;
use super::{ConnectionId, Event, Principal, Runtime, SessionKey};
use crate::dialect::Dialect;
use crate::envelope::Envelope;
use crate::error::{Code, Refusal};
use crate::features::{Feature, Features};
use crate::message::{Hello, Resume, ResumeAgain, Software, kind};
use crate::seconds::Seconds;
use crate::secret::Secret;
use crate::text::Text;
use crate::token::{ResumeToken, TokenHash};

/// `session.welcome`, as it is written.
#[derive(Serialize)]
struct Welcome<'a> {
    runtime: Software<'a>,
    session_id: &'a str,
    accepted_at: &'a str,
    resume_token: &'a str,
    resume_window_sec: Seconds,
    heartbeat_interval_sec: Seconds,
    capabilities: Capabilities<'a>,
}

#[derive(Serialize)]
struct Capabilities<'a> {
    encodings: [&'a str; 1],
    features: Features,
    agents: &'a RawValue,
}

impl Runtime {
    /// The first frame of a connection.
    pub(super) fn hail(&mut self, id: ConnectionId, envelope: &Envelope<'_>) {
        match self.read_hello(envelope) {
            Ok((hail, scheme, token)) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.phase = Phase::Hailing(Box::new(hail));
                }
                self.events.push_back(Event::Authenticate { connection: id, scheme, token });
            }
            Err(refusal) => self.refuse(id, envelope.id.as_deref(), &refusal),
        }
    }

    fn read_hello(&self, envelope: &Envelope<'_>) -> Result<(Hail, String, Secret), Refusal> {
        let (hello, keeps) = match envelope.kind.as_str() {
            kind::SESSION_HELLO => (envelope.payload::<Hello<'_>>()?, false),
            kind::SESSION_RESUME => {
                let again: ResumeAgain<'_> = envelope.payload()?;
                let keeps = again.capabilities.is_none();
                let resume = Resume {
                    session_id: again.session_id,
                    resume_token: again.resume_token,
                    last_event_seq: again.last_event_seq,
                };
                let capabilities = again.capabilities.unwrap_or_default();
                (Hello { client: again.client, auth: again.auth, capabilities, resume: Some(resume) }, keeps)
            }
            other => {
                return Err(Refusal::invalid(format!(
                    "the first message is session.hello, and not {}",
                    crate::error::quoted(other)
                )));
            }
        };
        let encodings = &hello.capabilities.encodings;
        if !encodings.is_empty() && !encodings.iter().any(|encoding| *encoding == "json") {
            return Err(Refusal::invalid("the runtime speaks json alone"));
        }
        let scheme = hello.auth.scheme.as_str();
        if !(scheme.is_empty() || scheme == "bearer") {
            return Err(Refusal::new(Code::Unauthenticated, "the scheme is bearer (§6.1)"));
        }
        if hello.auth.token.is_empty() {
            return Err(Refusal::new(Code::Unauthenticated, "the hello has no token"));
        }
        let names = hello.capabilities.features.iter().map(Text::as_str);
        let features = Features::of_names(names).intersection(self.features());
        let hail = Hail {
            request_id: envelope.id.as_deref().map(str::to_owned),
            features: (!keeps).then_some(features),
            dialect: if self.settings.dialects { Dialect::of(envelope, &hello) } else { Dialect::default() },
            resume: hello.resume.map(|resume| Back {
                session_id: resume.session_id.into_owned(),
                token: TokenHash::of(&resume.resume_token),
                last: resume.last_event_seq,
            }),
        };
        Ok((hail, "bearer".to_owned(), Secret::new(hello.auth.token.into_owned())))
    }

    /// Whose token it was that [`Event::Authenticate`] asked for, or why it is nobody's. Nothing happens where the
    /// connection has gone meanwhile.
    pub fn authenticated(&mut self, id: ConnectionId, answer: Result<Principal, Refusal>, now_us: u64) {
        self.tick(now_us);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let phase = std::mem::replace(&mut connection.phase, Phase::New);
        let Phase::Hailing(hail) = phase else {
            connection.phase = phase;
            return;
        };
        let request_id = hail.request_id.clone();
        let welcomed = answer.and_then(|principal| self.welcome(id, principal, *hail));
        if let Err(refusal) = welcomed {
            self.refuse(id, request_id.as_deref(), &refusal);
        }
    }

    fn welcome(&mut self, id: ConnectionId, principal: Principal, hail: Hail) -> Result<(), Refusal> {
        let token = ResumeToken::new(self.ids.bytes());
        let key = match &hail.resume {
            Some(back) => self.come_back(&principal, back)?,
            None => {
                self.make_room(&principal.name)?;
                self.open_session(principal.clone())
            }
        };
        let old = {
            let Some(session) = self.sessions.get_mut(&key) else { return Ok(()) };
            session.principal = principal;
            session.features = hail.features.unwrap_or(session.features);
            session.dialect = hail.dialect;
            session.former = hail.resume.map(|back| back.token);
            session.token = token.hash();
            session.lags = false;
            session.connection.replace(id)
        };
        if let Some(old) = old {
            // The client is here, so what is still there is nobody's: half a TCP connection, mostly.
            self.put_away(old);
        }
        let Some(session) = self.sessions.get(&key) else { return Ok(()) };
        let (session_id, features) = (Arc::clone(&session.id), session.features);
        let stored = session.stored(key);
        self.journal.add(|| stored);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.phase = Phase::Open(key);
        }
        let accepted_at = self.now().text();
        let agents = Arc::clone(&self.agents);
        let (name, version) = (self.settings.name.clone(), self.settings.version.clone());
        let welcome = Welcome {
            runtime: Software { name: name.into(), version: version.into() },
            session_id: &session_id,
            accepted_at: &accepted_at,
            resume_token: &token.text(),
            resume_window_sec: Seconds(f64::from(self.settings.resume_window_ms) / 1000.0),
            heartbeat_interval_sec: Seconds(f64::from(self.settings.heartbeat_ms) / 1000.0),
            capabilities: Capabilities { encodings: ["json"], features, agents: &agents },
        };
        self.answer_about(id, kind::SESSION_WELCOME, None, None, &welcome, true);
        if features.contains(Feature::Heartbeat) {
            let interval = u64::from(self.settings.heartbeat_ms) * 1000;
            self.timers.add(self.now_us + (interval / 2).max(1000), Timer::Heartbeat(id));
        }
        Ok(())
    }

    fn open_session(&mut self, principal: Principal) -> SessionKey {
        let key = SessionKey(self.key());
        let id: Arc<str> = format!("sess_{}", self.ulid()).into();
        self.session_ids.insert(Arc::clone(&id), key);
        self.sessions.insert(
            key,
            Session {
                id,
                principal,
                features: Features::NONE,
                dialect: Dialect::default(),
                token: TokenHash::from_bytes([0; 32]),
                former: None,
                connection: None,
                outbox: Outbox::default(),
                tellable: 1,
                follows: Vec::new(),
                running: 0,
                left_us: self.now_us,
                waiting: Vec::new(),
                lags: false,
                ahead: std::collections::VecDeque::new(),
                loads: false,
            },
        );
        key
    }

    /// A client goes on with its session (§6.3): the same principal, the last welcome's token, and no event lost. Where
    /// that welcome may be lost, the token that it answered does too.
    fn come_back(&mut self, principal: &Principal, back: &Back) -> Result<SessionKey, Refusal> {
        let over = || Refusal::new(Code::ResumeWindowExpired, "the session cannot be resumed any more");
        let key = *self.session_ids.get(back.session_id.as_str()).ok_or_else(over)?;
        let session = self.sessions.get_mut(&key).ok_or_else(over)?;
        let is_former = session.former.as_ref().is_some_and(|former| former.matches(&back.token));
        if session.principal.name != principal.name || !(session.token.matches(&back.token) | is_former) {
            return Err(Refusal::new(
                Code::Unauthenticated,
                "the resume token is not that of the last welcome",
            ));
        }
        if back.last > session.outbox.last() {
            return Err(Refusal::invalid("last_event_seq is ahead of what the session was told"));
        }
        session.outbox.resume(back.last).map_err(|_| over())?;
        session.ahead.clear();
        session.loads = false;
        Ok(key)
    }

    /// A connection whose session goes on at another.
    fn put_away(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.phase = Phase::Closing;
            connection.control.clear();
            self.events.push_back(Event::Close { connection: id });
            self.list(id);
        }
    }
}
