//! What leaves: control frames, then the session's events (ARCP §8.3).

use std::sync::Arc;

use super::connection::Phase;
use super::log::Class;
use super::record::{Load, LoadedEvent};
use super::session::Session;
use super::timers::Timer;
use super::{ConnectionId, JobKey, Runtime, SessionKey};
use crate::envelope::Head;
use crate::error::{Code, Refusal};
use crate::message::JobResult;

/// Whole frames, one behind the other: a WebSocket message each, or a line.
#[derive(Debug, Default, Clone)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// The frames.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.bytes.get(start..*end))
    }

    /// Appends a whole frame.
    pub fn push(&mut self, frame: &[u8]) {
        self.bytes.extend_from_slice(frame);
        self.end();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Empties it, and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Events that are loaded at once.
const LOAD: u64 = 256;

/// What came of looking at the next event.
enum Next {
    Written,
    /// There is none, or it is not stored yet, or has to be loaded.
    Nothing,
    /// It is not kept any more.
    Dropped,
}

impl Runtime {
    /// The next connection that has something to be written.
    pub fn poll_writable(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.writable.pop_front() {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.is_listed = false;
                return Some(id);
            }
        }
        None
    }

    /// Appends what is to be written to a connection, until there are so many bytes or nothing is left; false when
    /// it appended nothing. Call it again when that is written, until it is false: what is slow to read waits here, and
    /// agents with it.
    pub fn poll_transmit(&mut self, id: ConnectionId, frames: &mut Frames, bytes: usize) -> bool {
        let before = frames.len();
        let stored = self.journal.stored();
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        while frames.bytes() < bytes
            && let Some(place) = connection.control.iter().position(|(lsn, _)| *lsn <= stored)
            && let Some((_, frame)) = connection.control.remove(place)
        {
            frames.bytes.extend_from_slice(&frame);
            frames.end();
        }
        if let Phase::Open(session) = connection.phase
            && connection.control.is_empty()
        {
            let mut dropped = false;
            while frames.bytes() < bytes {
                match self.write_event(session, frames) {
                    Next::Written => frames.end(),
                    Next::Nothing => break,
                    Next::Dropped => {
                        dropped = true;
                        break;
                    }
                }
            }
            self.has_read(session);
            if dropped {
                let why = "events that the session was not told yet are not kept any more";
                self.give_up(id, &Refusal::new(Code::ResumeWindowExpired, why));
            }
        }
        let written = frames.len() - before;
        self.stats.frames_out += written as u64;
        if written > 0
            && let Some(connection) = self.connections.get_mut(&id)
        {
            connection.sent_us = self.now_us;
        }
        written > 0
    }

    /// Whether nothing is left to be written to a connection that is to be closed.
    #[must_use]
    pub fn is_flushed(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_none_or(|connection| connection.control.is_empty())
    }

    fn write_event(&mut self, key: SessionKey, frames: &mut Frames) -> Next {
        let Some(session) = self.sessions.get_mut(&key) else { return Next::Nothing };
        let (sequence, job, number) = match session.outbox.peek() {
            Ok(Some(next)) => next,
            Ok(None) => return Next::Nothing,
            Err(_) => return Next::Dropped,
        };
        if self.journal.is_on() && sequence >= session.tellable {
            return Next::Nothing;
        }
        let Some(found) = self.jobs.get(&job) else { return Next::Dropped };
        let loaded;
        let (class, payload) = match found.log.get(number) {
            Some(entry) => {
                let own = found.session == key;
                let payload = entry.secret.as_ref().filter(|_| own).unwrap_or(&entry.payload);
                (entry.class, &**payload)
            }
            None => {
                while session.ahead.front().is_some_and(|(other, at, _)| (*other, *at) != (job, number)) {
                    session.ahead.pop_front();
                }
                match session.ahead.pop_front() {
                    Some((.., event)) => {
                        loaded = event;
                        (loaded.class, &*loaded.payload)
                    }
                    None if !self.journal.is_on() || number > found.log.last() => return Next::Dropped,
                    None => {
                        if !session.loads {
                            session.loads = true;
                            let missing = found.log.dropped() + 1 - number;
                            self.loads.push_back(Load {
                                session: key,
                                job,
                                from: number,
                                count: missing.min(LOAD),
                            });
                        }
                        return Next::Nothing;
                    }
                }
            }
        };
        session.outbox.pop();
        let rewritten;
        let quirks = session.dialect.quirks();
        let payload = match class {
            Class::Result if quirks.output_beside_result => {
                rewritten = with_output(payload);
                &*rewritten
            }
            Class::Error if quirks.errors_are_errors => {
                rewritten = as_error(payload);
                &*rewritten
            }
            _ => payload,
        };
        let (job_id, session_id) = (Arc::clone(&found.id), Arc::clone(&session.id));
        let trace = found.trace.id().text();
        let id = self.ids.ulid(self.now_us).text();
        let head = Head {
            job_id: Some(&job_id),
            trace_id: Some(&trace),
            event_seq: Some(sequence),
            ..Head::new(&id, class.as_str(), Some(&session_id))
        };
        head.write_raw(payload, &mut frames.bytes);
        Next::Written
    }

    /// Events that [`poll_load`](Self::poll_load) asked for: from the first one on, and as many as came; fewer where
    /// they are not kept any more.
    pub fn loaded(&mut self, load: Load, events: Vec<LoadedEvent>) {
        let Some(session) = self.sessions.get_mut(&load.session) else { return };
        session.loads = false;
        if events.is_empty() {
            if let Some(connection) = session.connection {
                let why = "events that the session was not told yet are not kept any more";
                self.give_up(connection, &Refusal::new(Code::ResumeWindowExpired, why));
            }
            return;
        }
        let numbered = (load.from..).zip(events);
        session.ahead.extend(numbered.map(|(number, event)| (load.job, number, event)));
        if let Some(connection) = session.connection {
            self.list(connection);
        }
    }

    /// A reader has read: agents that wait for it may go on.
    fn has_read(&mut self, key: SessionKey) {
        let enough = self.settings.backlog as u64 / 2;
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.outbox.backlog() <= enough {
            session.lags = false;
            if !session.waiting.is_empty() {
                self.release(key);
            }
        }
    }

    /// Whether a job's agent has to wait before it emits more, and then it is told when not.
    pub(super) fn must_wait(&mut self, key: JobKey) -> bool {
        let Some(job) = self.jobs.get_mut(&key) else { return false };
        if job.waits {
            return true;
        }
        if self.journal.unstored() >= self.settings.max_unstored {
            job.waits = true;
            self.journal.job_waits(key);
            return true;
        }
        let backlog = self.settings.backlog as u64;
        // Without a store, what is dropped from memory before it was told is lost.
        let most = (self.settings.max_log / 4) as u64;
        let log = &job.log;
        let is_slow = |session: &Session| {
            let behind = session.outbox.backlog();
            session.connection.is_some()
                && !session.lags
                && (behind >= backlog || log.bytes_of_last(behind) > most)
        };
        for follower in &job.followers {
            let Some(session) = self.sessions.get_mut(follower).filter(|session| is_slow(session)) else {
                continue;
            };
            if session.waiting.is_empty() {
                let until = self.now_us + u64::from(self.settings.patience_ms) * 1000;
                self.timers.add(until, Timer::Patience(*follower));
            }
            session.waiting.push(key);
            job.waits = true;
            return true;
        }
        false
    }

    /// A reader has not read for a long time. It is told the rest at its own pace.
    pub(super) fn lose_patience(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(&key)
            && !session.waiting.is_empty()
        {
            session.lags = true;
            self.release(key);
        }
    }
}

/// An end that is told as an error, whatever it was.
fn as_error(payload: &str) -> String {
    // It is the first field that is written.
    let rest = ["cancelled", "timed_out"]
        .into_iter()
        .find_map(|status| payload.strip_prefix(&format!(r#"{{"final_status":"{status}""#)));
    rest.map_or_else(|| payload.to_owned(), |rest| format!(r#"{{"final_status":"error"{rest}"#))
}

/// An inline result under both its names.
fn with_output(payload: &str) -> String {
    let result = serde_json::from_str::<JobResult<'_>>(payload).ok().and_then(|payload| payload.result);
    match (result, payload.strip_suffix('}')) {
        (Some(result), Some(open)) => format!("{open},\"output\":{}}}", result.get()),
        _ => payload.to_owned(),
    }
}
