//! Whether the way in which a stream has ended has a cause (specifications 23 and 25, "What dies").

use ixt_core::flow::{By, Outcome};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::ledger::{CallId, Did, Goal, OPENER, RESPONDER};
use crate::world::World;

/// What does not hold, and what was seen.
pub(crate) type Verdict = Result<(), (Invariant, String)>;

/// Timers go by milliseconds.
const DEADLINE_SLACK_US: u64 = 2000;

/// How long it takes at most until a caller knows that its call runs twice.
const TWICE_US: u64 = 2_000_000;

impl World {
    /// An end is over: is that right?
    pub(crate) fn judge(&self, call: CallId, side: usize) -> Verdict {
        let found = &self.ledger.calls[call];
        let own = &found.ends[side];
        let Some(outcome) = &own.outcome else { return Ok(()) };
        let said = |why: &str| {
            let who = if side == OPENER { "caller" } else { "provider" };
            format!(
                "call {call} {:?} to {:?}, {who}: {outcome:?}: {why}\n    {found:?}",
                found.kind, found.goal
            )
        };
        // A bidi stream is over for its application with its own close, and what waits leaves later.
        let is_bidi = found.kind == InteractionKind::BidiStream;
        if side == OPENER
            && let Some(deadline_ms) = found.deadline_ms
            && own.did.is_none()
            && !(is_bidi && matches!(outcome, Outcome::Completed(_)))
            && own.ended_us.is_some_and(|ended_us| ended_us > deadline_ms * 1000 + DEADLINE_SLACK_US)
        {
            return Err((Invariant::Deadline, said("the deadline has long passed")));
        }
        if let Some(did) = own.did
            && !is_of(outcome, did)
        {
            return Err((Invariant::Outcome, said("it is not what the application did")));
        }
        let is_twice = matches!(found.goal, Goal::Twin(_)) || self.ledger.twins.contains_key(&call);
        let cause = match outcome {
            Outcome::Completed(_) if is_twice => {
                self.completed_twice(call, side).map_err(|(what, why)| (what, said(why)))?;
                true
            }
            Outcome::Completed(reason) => {
                self.completed(call, side, *reason).map_err(|(what, why)| (what, said(why)))?;
                true
            }
            Outcome::Failed(failure) if failure.by == By::Local => {
                own.did == Some(Did::Fail(failure.code))
                    || (failure.code == StreamErrorCode::Unavailable
                        && self.session_ends(own.module, own.session))
            }
            Outcome::Failed(failure) => {
                self.ledger.others(call, side).any(|other| other.did == Some(Did::Fail(failure.code)))
                    || self.station_may_fail(call, side, failure.code)
            }
            Outcome::Cancelled(cancel) if cancel.by == By::Local => {
                own.did == Some(Did::Cancel(cancel.reason))
                    || self.deadline_may_cancel(call, cancel.reason)
                    || (cancel.reason == CancelReason::Shutdown
                        && self.has_gone_away(own.module, own.session))
            }
            Outcome::Cancelled(cancel) => {
                self.ledger.others(call, side).any(|other| other.did == Some(Did::Cancel(cancel.reason)))
                    || self.deadline_may_cancel(call, cancel.reason)
                    || match cancel.reason {
                        CancelReason::ConsumerGone => side == RESPONDER && self.caller_may_be_gone(call),
                        CancelReason::Shutdown => {
                            !self.is_calm(call, OPENER) || !self.is_calm(call, RESPONDER)
                        }
                        _ => false,
                    }
            }
        };
        if cause { Ok(()) } else { Err((Invariant::Outcome, said("nothing has caused it"))) }
    }

    fn completed(
        &self,
        call: CallId,
        side: usize,
        reason: CloseReason,
    ) -> Result<(), (Invariant, &'static str)> {
        let found = &self.ledger.calls[call];
        let (own, other) = (&found.ends[side], &found.ends[1 - side]);
        if matches!(found.goal, Goal::Broadcast(_)) {
            return if own.received == 1 {
                Ok(())
            } else {
                Err((Invariant::Complete, "it was not accepted"))
            };
        }
        let is_bidi = found.kind == InteractionKind::BidiStream;
        let reads_close = side == OPENER || is_bidi;
        if reads_close && own.received != other.sent {
            return Err((Invariant::Complete, "not all that was sent has come"));
        }
        if reads_close && other.closed.is_none() {
            return Err((Invariant::Outcome, "the other end has not closed"));
        }
        let of = |end: Option<CloseReason>| end.unwrap_or(CloseReason::Unspecified);
        let right = if is_bidi {
            // One that is not `completed`, the peer's before one's own.
            let (peers, owns) = (of(other.closed), of(own.closed));
            if peers == CloseReason::Completed { owns } else { peers }
        } else {
            of(found.ends[RESPONDER].closed)
        };
        if right == reason {
            Ok(())
        } else {
            Err((Invariant::Outcome, "the reason is not that of the close"))
        }
    }

    /// A call that ran twice may complete, where it was over before its caller could know.
    fn completed_twice(&self, call: CallId, side: usize) -> Result<(), (Invariant, &'static str)> {
        let found = &self.ledger.calls[call];
        let own = &found.ends[side];
        if side == RESPONDER && found.kind != InteractionKind::BidiStream {
            return Ok(());
        }
        if !self.ledger.others(call, side).any(|other| own.received == other.sent && other.closed.is_some()) {
            return Err((Invariant::Complete, "not all that was sent has come"));
        }
        let is_alone = self.plan.faults.iter().all(|planned| matches!(planned.fault, Fault::Doubles { .. }));
        let within_us = if is_alone { TWICE_US } else { 10 * TWICE_US };
        let twin = self.ledger.twins.get(&call).filter(|_| side == OPENER);
        let began_us = twin.map(|twin| self.ledger.calls[*twin].opened_us);
        match (began_us, own.ended_us) {
            (Some(began_us), Some(ended_us)) if ended_us > began_us + within_us => {
                Err((Invariant::Outcome, "it ran twice, and its caller was not told"))
            }
            _ => Ok(()),
        }
    }

    fn deadline_may_cancel(&self, call: CallId, reason: CancelReason) -> bool {
        let found = &self.ledger.calls[call];
        reason == CancelReason::DeadlineExceeded
            && found.deadline_ms.is_some_and(|deadline_ms| self.now_us / 1000 >= deadline_ms)
    }

    /// On NATS there is a pipe between the nodes of both, which either of them may end.
    fn caller_may_be_gone(&self, call: CallId) -> bool {
        !self.is_calm(call, OPENER)
            || (self.plan.nats.is_some() && (self.plan.is_tight || !self.is_calm(call, RESPONDER)))
    }

    /// Whether the station may end a stream so.
    fn station_may_fail(&self, call: CallId, side: usize, code: StreamErrorCode) -> bool {
        let found = &self.ledger.calls[call];
        if side == RESPONDER {
            // A provider whose caller is gone is told by a cancel.
            // Of an open that came twice neither end knows what was.
            let is_doubled = self.ledger.may_double && !self.is_calm(call, RESPONDER);
            return (code == StreamErrorCode::ResourceExhausted && self.plan.is_tight)
                || (code == StreamErrorCode::Unavailable && is_doubled);
        }
        let is_wrong = |may: bool| may || !self.is_calm(call, RESPONDER);
        match code {
            StreamErrorCode::Unavailable => is_wrong(!self.is_calm(call, OPENER)),
            StreamErrorCode::NotFound => match found.goal {
                Goal::Nobody => true,
                Goal::Broadcast(_) => false,
                Goal::Reply(of) => self.may_have_ended(of),
                Goal::Service(_) => !self.has_provider(call),
                _ => is_wrong(false),
            },
            // Its caller is the only one that provides it.
            StreamErrorCode::InvalidArgument => {
                matches!(found.goal, Goal::Service(_)) && !self.has_provider(call)
            }
            StreamErrorCode::ResourceExhausted => self.plan.is_tight,
            _ => false,
        }
    }

    /// Whether nothing has happened to this end, or to those that may become it, since the call was made.
    pub(crate) fn is_calm(&self, call: CallId, side: usize) -> bool {
        let found = &self.ledger.calls[call];
        let end = &found.ends[side];
        if end.has_begun {
            return self.is_calm_since(end.module, found.opened_us);
        }
        match found.goal {
            Goal::Service(service) => (0..self.modules.len()).all(|module| {
                !self.plan.modules[module].services.contains(&service)
                    || self.is_calm_since(module, found.opened_us)
            }),
            Goal::Module(module) | Goal::Endpoint(module) => self.is_calm_since(module, found.opened_us),
            Goal::Reply(of) => self.is_calm_since(self.ledger.calls[of].ends[OPENER].module, found.opened_us),
            Goal::Twin(of) => self.is_calm(of, OPENER),
            Goal::Broadcast(_) | Goal::Copy(_) | Goal::Nobody => true,
        }
    }

    /// Whether a call may be over at its station, of which its ends need not know yet.
    fn may_have_ended(&self, call: CallId) -> bool {
        let ends = &self.ledger.calls[call].ends;
        self.plan.is_tight
            || ends.iter().any(|end| end.outcome.is_some() || end.is_gone || end.did.is_some())
            || ends.iter().all(|end| end.closed.is_some())
    }

    /// Whether somebody else provided the service at the station all the time.
    fn has_provider(&self, call: CallId) -> bool {
        let found = &self.ledger.calls[call];
        let Goal::Service(service) = found.goal else { return false };
        (0..self.modules.len()).any(|module| {
            module != found.ends[OPENER].module
                && self.modules[module].station == found.station
                && self.plan.modules[module].services.contains(&service)
                && self.is_calm_since(module, found.opened_us)
        })
    }

    fn is_calm_since(&self, module: usize, since_us: u64) -> bool {
        self.modules[module].trouble_until_us < since_us
    }
}

/// Whether the outcome is that of what this end did itself.
fn is_of(outcome: &Outcome, did: Did) -> bool {
    match (outcome, did) {
        (Outcome::Failed(failure), Did::Fail(code)) => failure.by == By::Local && failure.code == code,
        (Outcome::Cancelled(cancel), Did::Cancel(reason)) => {
            cancel.by == By::Local && cancel.reason == reason
        }
        _ => false,
    }
}

/// What an outcome is called where they are counted.
pub(crate) fn name(side: usize, outcome: &Outcome) -> String {
    let who = if side == OPENER { "caller" } else { "provider" };
    match outcome {
        Outcome::Completed(reason) => format!("{who}: {reason}"),
        Outcome::Failed(failure) => format!("{who}: {} by {}", failure.code, failure.by.name()),
        Outcome::Cancelled(cancel) => format!("{who}: {} by {}", cancel.reason, cancel.by.name()),
    }
}
