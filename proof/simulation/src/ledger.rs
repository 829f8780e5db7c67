//! What every call was to be, and what came of it at both its ends: what the checks compare.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use ixt_core::flow::Outcome;
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};

use crate::payload::{self, Sizes};

/// Names a call of a run.
pub(crate) type CallId = usize;

/// Which end of a call; also the direction in which it sends.
pub(crate) const OPENER: usize = 0;
pub(crate) const RESPONDER: usize = 1;

/// Where a call is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    Service(usize),
    Module(usize),
    /// The endpoint of this module.
    Endpoint(usize),
    /// Who made this call, which the caller is answering.
    Reply(CallId),
    Broadcast(usize),
    /// A service that nobody has.
    Nobody,
    /// The stream with which a station passes this broadcast on.
    Copy(CallId),
    /// A second run of this call, whose open came twice.
    Twin(CallId),
}

pub(crate) struct Call {
    pub(crate) id: StreamId,
    pub(crate) kind: InteractionKind,
    pub(crate) goal: Goal,
    pub(crate) station: usize,
    pub(crate) context: Vec<u8>,
    pub(crate) opened_us: u64,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) sizes: Sizes,
    pub(crate) ends: [End; 2],
}

/// Without its context, which the other fields say.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, goal, station, opened_us, deadline_ms, sizes, ends, .. } = self;
        write!(
            f,
            "{id:?} {kind:?} to {goal:?} at station {station}, opened {opened_us}, deadline {deadline_ms:?}, "
        )?;
        write!(f, "{sizes:?}\n    {:?}\n    {:?}", ends[OPENER], ends[RESPONDER])
    }
}

/// How an application ended a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    Fail(StreamErrorCode),
    Cancel(CancelReason),
}

/// One end of a call.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// It has come to be.
    pub(crate) has_begun: bool,
    pub(crate) module: usize,
    pub(crate) session: u64,
    /// Messages that its engine has taken.
    pub(crate) sent: u64,
    /// Messages that it has got.
    pub(crate) received: u64,
    /// Those of them that it is done with.
    pub(crate) consumed: u64,
    /// Messages that it may have and not be done with.
    pub(crate) window: u32,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) peer_closed: Option<CloseReason>,
    pub(crate) did: Option<Did>,
    pub(crate) outcome: Option<Outcome>,
    /// When it was told of the end, or it is over.
    pub(crate) ended_us: Option<u64>,
    /// Its process died under it.
    pub(crate) is_gone: bool,
}

impl End {
    pub(crate) fn new(module: usize, session: u64, window: u32) -> Self {
        Self { has_begun: true, module, session, window, ..Self::default() }
    }

    /// Whether nothing more comes of it.
    pub(crate) fn is_over(&self) -> bool {
        !self.has_begun || self.outcome.is_some() || self.is_gone
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) calls: Vec<Call>,
    ids: HashMap<StreamId, CallId>,
    /// Which session has got which broadcast.
    copies: BTreeSet<(CallId, usize, u64)>,
    /// Ends that have begun and are not over.
    pub(crate) open_ends: usize,
    pub(crate) messages: u64,
    /// Messages may come twice, and so may what is one message: an open, or a broadcast.
    pub(crate) may_double: bool,
    /// Calls that ran twice, by the first.
    pub(crate) twins: BTreeMap<CallId, CallId>,
}

impl Ledger {
    pub(crate) fn new(may_double: bool) -> Self {
        Self { may_double, ..Self::default() }
    }

    pub(crate) fn begin(&mut self, call: Call) -> CallId {
        self.ids.entry(call.id).or_insert(self.calls.len());
        self.open_ends += call.ends.iter().filter(|end| !end.is_over()).count();
        self.calls.push(call);
        self.calls.len() - 1
    }

    pub(crate) fn find(&self, id: StreamId) -> Option<CallId> {
        self.ids.get(&id).copied()
    }

    pub(crate) fn end(&self, call: CallId, side: usize) -> &End {
        &self.calls[call].ends[side]
    }

    pub(crate) fn end_mut(&mut self, call: CallId, side: usize) -> &mut End {
        &mut self.calls[call].ends[side]
    }

    /// A stream was opened to a module.
    pub(crate) fn opened(
        &mut self,
        id: StreamId,
        kind: InteractionKind,
        context: &[u8],
        end: End,
        now_us: u64,
    ) -> Result<CallId, String> {
        let call = self.find(id).ok_or_else(|| format!("a stream that nobody opened: {id:?}"))?;
        let found = &mut self.calls[call];
        let responder = &mut found.ends[RESPONDER];
        let is_twin = self.may_double && responder.has_begun && !self.twins.contains_key(&call);
        if responder.has_begun && !is_twin {
            return Err(format!("call {call} was opened twice, to {} and {}", responder.module, end.module));
        }
        if found.kind != kind || found.context != context {
            return Err(format!("call {call} was opened with another kind or context"));
        }
        if is_twin {
            let (station, deadline_ms, sizes) = (found.station, found.deadline_ms, found.sizes);
            let twin = self.begin(Call {
                id,
                kind,
                goal: Goal::Twin(call),
                station,
                context: context.to_vec(),
                opened_us: now_us,
                deadline_ms,
                sizes,
                ends: [End::default(), end],
            });
            self.twins.insert(call, twin);
            return Ok(twin);
        }
        *responder = end;
        self.open_ends += 1;
        Ok(call)
    }

    /// A station passes a broadcast on. Which one, its message will say.
    pub(crate) fn copied(
        &mut self,
        id: StreamId,
        of: CallId,
        end: End,
        now_us: u64,
    ) -> Result<CallId, String> {
        let broadcast = self.calls.get(of).filter(|call| matches!(call.goal, Goal::Broadcast(_)));
        let broadcast = broadcast.ok_or_else(|| format!("a copy of {of}, which is no broadcast"))?;
        if !self.copies.insert((of, end.module, end.session)) && !self.may_double {
            return Err(format!("module {} got broadcast {of} twice", end.module));
        }
        if broadcast.ends[OPENER].module == end.module && broadcast.ends[OPENER].session == end.session {
            return Err(format!("broadcast {of} came back to its caller"));
        }
        let call = Call {
            id,
            kind: InteractionKind::Unary,
            goal: Goal::Copy(of),
            station: broadcast.station,
            context: broadcast.context.clone(),
            opened_us: now_us,
            deadline_ms: broadcast.deadline_ms,
            sizes: broadcast.sizes,
            ends: [End { sent: 1, ..End::default() }, end],
        };
        Ok(self.begin(call))
    }

    /// The call whose end sends to this end: of one that ran twice, either run answers.
    fn sender_of(&self, call: CallId, side: usize, payload: &[u8]) -> CallId {
        match self.calls[call].goal {
            Goal::Twin(of) if side == RESPONDER => of,
            _ => {
                let twin = self.twins.get(&call).filter(|_| side == OPENER);
                twin.copied().filter(|twin| payload::call_of(payload) == Some(*twin)).unwrap_or(call)
            }
        }
    }

    /// The ends that may be the other end of this one.
    pub(crate) fn others(&self, call: CallId, side: usize) -> impl Iterator<Item = &End> {
        let first = match self.calls[call].goal {
            Goal::Twin(of) if side == RESPONDER => of,
            _ => call,
        };
        let twin = self.twins.get(&call).filter(|_| side == OPENER);
        [Some(first), twin.copied()].into_iter().flatten().map(move |call| &self.calls[call].ends[1 - side])
    }

    /// A message has come to this end.
    pub(crate) fn message(
        &mut self,
        call: CallId,
        side: usize,
        sequence: u64,
        payload: &[u8],
    ) -> Result<(), Broken> {
        self.messages += 1;
        let from = self.sender_of(call, side, payload);
        let sent = self.calls[from].ends[1 - side].sent;
        let found = &mut self.calls[call];
        let received = found.ends[side].received;
        // A broadcast is answered by the station, with nothing.
        let is_right = match found.goal {
            Goal::Broadcast(_) => payload.is_empty() && received == 0,
            Goal::Copy(of) => payload::is(payload, of, OPENER, sequence, found.sizes),
            _ => payload::is(payload, from, 1 - side, sequence, found.sizes),
        };
        if sequence != received || !is_right {
            let message = format!(
                "call {call}: message {sequence} of {} bytes came as number {received} of {sent}, and is {}",
                payload.len(),
                if is_right { "right" } else { "not right" }
            );
            return Err(Broken::Messages(message));
        }
        if !matches!(found.goal, Goal::Broadcast(_)) && received >= sent {
            return Err(Broken::MoreThanSent(format!("call {call}: message {received} of {sent}")));
        }
        let end = &mut found.ends[side];
        if end.is_over() || end.peer_closed.is_some() {
            return Err(Broken::Messages(format!("call {call}: message {sequence} after the end")));
        }
        end.received += 1;
        if end.received - end.consumed > u64::from(end.window) {
            let message = format!(
                "call {call}: {} messages came and {} are consumed, with a window of {}",
                end.received, end.consumed, end.window
            );
            return Err(Broken::Credit(message));
        }
        Ok(())
    }
}

/// What a message has broken.
#[derive(Debug)]
pub(crate) enum Broken {
    Messages(String),
    MoreThanSent(String),
    Credit(String),
}
