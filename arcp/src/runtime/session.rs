//! Sessions: what outlives a connection (ARCP §6).

use std::collections::VecDeque;
use std::sync::Arc;

use super::outbox::{Outbox, Run};
use super::record::{LoadedEvent, Record, StoredSession};
use super::timers::Timer;
use super::{ConnectionId, JobKey, Principal, Runtime, SessionKey};
use crate::dialect::Dialect;
use crate::error::{Code, Refusal};
use crate::features::Features;
use crate::token::TokenHash;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Arc<str>,
    pub(super) principal: Principal,
    pub(super) features: Features,
    pub(super) dialect: Dialect,
    pub(super) token: TokenHash,
    /// The token that it came back with, as long as nothing says that the welcome with the next one has arrived.
    pub(super) former: Option<TokenHash>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) outbox: Outbox,
    /// Below this number all is stored, and may be told.
    pub(super) tellable: u64,
    /// The jobs whose events are told here.
    pub(super) follows: Vec<JobKey>,
    /// Jobs that it submitted and that have not ended.
    pub(super) running: usize,
    /// Since when there is no connection.
    pub(super) left_us: u64,
    /// Agents that wait until this reader has read.
    pub(super) waiting: Vec<JobKey>,
    /// The reader has not read for so long that nobody waits for it.
    pub(super) lags: bool,
    /// Events that were read again for it.
    pub(super) ahead: VecDeque<(JobKey, u64, LoadedEvent)>,
    pub(super) loads: bool,
}

impl Session {
    pub(super) fn stored(&self, key: SessionKey) -> Record {
        Record::Session(Box::new(StoredSession {
            key,
            id: Arc::clone(&self.id),
            principal: Arc::clone(&self.principal.name),
            token_hash: *self.token.as_bytes(),
            former_hash: self.former.as_ref().map(|former| *former.as_bytes()),
            features: self.features.iter().map(|feature| feature.as_str().to_owned()).collect(),
            dialect: self.dialect.as_str().to_owned(),
        }))
    }
}

impl Outbox {
    /// What the store has not been told yet, and below which number all is told then.
    pub(super) fn untold_upto(&mut self) -> (Vec<Run>, u64) {
        (self.untold(), self.last() + 1)
    }
}

impl Runtime {
    /// Makes room for another session of a principal.
    pub(super) fn make_room(&mut self, principal: &str) -> Result<(), Refusal> {
        let of_it = |session: &Session| &*session.principal.name == principal;
        let own = self.sessions.values().filter(|session| of_it(session)).count();
        let mine_only = own >= self.settings.max_sessions;
        if !mine_only && self.sessions.len() < self.settings.max_sessions_total {
            return Ok(());
        }
        // Nobody's session ends for another principal's sake.
        let oldest = self
            .sessions
            .iter()
            .filter(|(_, session)| of_it(session) && session.connection.is_none())
            .min_by_key(|(_, session)| session.left_us)
            .map(|(key, _)| *key);
        match oldest {
            Some(key) => {
                self.end_session(key);
                Ok(())
            }
            None => Err(Refusal::new(Code::PermissionDenied, "the principal has too many sessions")),
        }
    }

    /// The connection of a session is gone; jobs go on.
    pub(super) fn leave(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.connection = None;
        session.left_us = self.now_us;
        session.ahead.clear();
        session.loads = false;
        self.timers
            .add(self.now_us + u64::from(self.settings.resume_window_ms) * 1000, Timer::SessionEnd(key));
        // Nobody waits for who is not there.
        self.release(key);
    }

    /// The agents that wait for a session go on.
    pub(super) fn release(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        for job in std::mem::take(&mut session.waiting) {
            self.ready(job);
        }
    }

    pub(super) fn session_is_left(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(&key) else { return };
        if session.connection.is_some() {
            return;
        }
        let ms = |ms: u32| u64::from(ms) * 1000;
        let window = session.left_us + ms(self.settings.resume_window_ms);
        // What a client has not acknowledged is kept for longer.
        let is_done = !session.features.contains(crate::features::Feature::Ack)
            || session.outbox.base() > session.outbox.last() && session.running == 0;
        let until = if is_done {
            window
        } else {
            session.left_us + ms(self.settings.unacked_window_ms).max(ms(self.settings.resume_window_ms))
        };
        if self.now_us >= until {
            self.end_session(key);
        } else {
            self.timers.add(
                until.min(self.now_us.max(window) + ms(self.settings.resume_window_ms).max(1000)),
                Timer::SessionEnd(key),
            );
        }
    }

    /// A session is no more. Its jobs go on.
    pub(super) fn end_session(&mut self, key: SessionKey) {
        self.release(key);
        let Some(session) = self.sessions.remove(&key) else { return };
        self.session_ids.remove(&session.id);
        for job in session.follows {
            if let Some(job) = self.jobs.get_mut(&job) {
                job.followers.retain(|follower| *follower != key);
            }
        }
        self.journal.add(|| Record::SessionEnded(key));
    }

    /// A session is told from now on what happens in a job.
    pub(super) fn follow(&mut self, key: SessionKey, job: JobKey) {
        let (Some(session), Some(found)) = (self.sessions.get_mut(&key), self.jobs.get_mut(&job)) else {
            return;
        };
        if !found.followers.contains(&key) {
            found.followers.push(key);
            session.follows.push(job);
            self.journal.add(|| Record::Follows(key, job, true));
        }
    }

    /// It is told no more.
    pub(super) fn unfollow(&mut self, key: SessionKey, job: JobKey) {
        let (Some(session), Some(found)) = (self.sessions.get_mut(&key), self.jobs.get_mut(&job)) else {
            return;
        };
        found.followers.retain(|follower| *follower != key);
        session.follows.retain(|other| *other != job);
        session.waiting.retain(|other| *other != job);
        self.journal.add(|| Record::Follows(key, job, false));
        self.ready(job);
    }

    /// Tells a session events of a job, by the job's numbers.
    pub(super) fn tell(&mut self, key: SessionKey, job: JobKey, from: u64, count: u64) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.outbox.push(job, from, count) {
            // What cannot be gone on with is not stored either.
            let done = session.outbox.base() - 1;
            self.journal.add(|| Record::Acked(key, done));
        }
        self.journal.dirty(key);
        if let Some(connection) = session.connection {
            self.list(connection);
        }
    }
}
