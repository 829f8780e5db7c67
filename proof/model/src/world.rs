//! Two ends, the frames between them, and the steps.

use std::collections::VecDeque;
use std::sync::LazyLock;

use ixt_core::flow::{Half, Received, Role};
use ixt_core::invocation::InvocationContext;
use ixt_core::stream::{CancelReason, CloseReason, FrameBody, StreamErrorCode, StreamId};
use ixt_core::{Error, Result};

use crate::{Application, Bounds, End, Fault, Step, Wire};

/// Until when the stream may last.
const DEADLINE_MS: u64 = 1_000;

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that opened.
    Opener,
    /// The other one.
    Responder,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Opener, Self::Responder];

    /// The other end.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::Opener => Self::Responder,
            Self::Responder => Self::Opener,
        }
    }

    /// The engine's word for it.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Opener => Role::Opener,
            Self::Responder => Role::Responder,
        }
    }

    /// The reason that this end closes with. They differ, so that it shows whose became the outcome;
    /// patient applications succeed.
    #[must_use]
    pub fn reason(self, application: Application) -> CloseReason {
        match (application, self) {
            (Application::Patient, _) => CloseReason::Completed,
            (Application::Any, Self::Opener) => CloseReason::Idle,
            (Application::Any, Self::Responder) => CloseReason::LimitReached,
        }
    }
}

/// Everything that there is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The opener and the responder.
    pub ends: [End; 2],
    /// Frames on the way to the opener and to the responder, first in, first out.
    pub ways: [VecDeque<Wire>; 2],
    /// What must never happen and did.
    pub fault: Option<Fault>,
}

/// The id and the encoded context of the stream.
static OPEN: LazyLock<Result<(StreamId, Vec<u8>)>> = LazyLock::new(|| {
    let context = InvocationContext::builder().deadline_ms(DEADLINE_MS).build()?;
    Ok((StreamId::new([0x1f; 16])?, context.encode()))
});

impl World {
    /// The world in which the opener has just opened, with so much credit for the responder.
    ///
    /// # Errors
    /// None, unless the engine refuses what it must not.
    pub fn opened(bounds: &Bounds, credit: u32) -> Result<Self> {
        // The implicit credit of a direction with exactly one message is granted by its kind.
        let first = |role, given| if bounds.exactly_one(role) { 1 } else { given };
        let mut opener = End::new(bounds, Role::Opener, first(Role::Responder, credit));
        let responder = End::new(bounds, Role::Responder, first(Role::Opener, 0));
        let (id, context) = OPEN.as_ref().map_err(Clone::clone)?;
        let open = opener.stream.open(*id, credit, context)?;
        let to_responder = Wire::of(open).into_iter().collect();
        Ok(Self { ends: [opener, responder], ways: [VecDeque::new(), to_responder], fault: None })
    }

    /// One end.
    #[must_use]
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Opener => &self.ends[0],
            Side::Responder => &self.ends[1],
        }
    }

    /// An end, the way to it and the way from it.
    fn parts(&mut self, side: Side) -> (&mut End, &mut VecDeque<Wire>, &mut VecDeque<Wire>) {
        let [opener, responder] = &mut self.ends;
        let [to_opener, to_responder] = &mut self.ways;
        match side {
            Side::Opener => (opener, to_opener, to_responder),
            Side::Responder => (responder, to_responder, to_opener),
        }
    }

    /// Frames on the way to an end.
    #[must_use]
    pub fn way_to(&self, side: Side) -> &VecDeque<Wire> {
        match side {
            Side::Opener => &self.ways[0],
            Side::Responder => &self.ways[1],
        }
    }

    /// What may be tried next. A step that the engine refuses leads nowhere, and neither does a fault.
    pub fn steps(&self, bounds: &Bounds, steps: &mut Vec<Step>) {
        if self.fault.is_some() {
            return;
        }
        for side in Side::BOTH {
            let end = self.end(side);
            let mut may = |able: bool, step: Step| {
                if able {
                    steps.push(step);
                }
            };
            may(!self.way_to(side).is_empty(), Step::Deliver(side));
            may(!end.outbox.is_empty(), Step::Flush(side));
            may(end.sends > 0, Step::Send(side));
            may(end.waits > 0 && end.sends > 0, Step::Wait(side));
            for place in 0..end.tickets.len() {
                may(end.sends > 0, Step::SendWith(side, place));
                may(true, Step::Drop(side, place));
            }
            may(end.grants > 0, Step::Grant(side));
            may(bounds.window.is_some(), Step::Consume(side));
            may(self.may_close(bounds, side), Step::Close(side));
            for ending in [Step::Cancel(side), Step::Fail(side), Step::Timeout(side)] {
                may(end.endings > 0, ending);
            }
        }
    }

    fn may_close(&self, bounds: &Bounds, side: Side) -> bool {
        let end = self.end(side);
        match bounds.application {
            Application::Any => true,
            Application::Patient => {
                let read = side == Side::Opener || !bounds.responder_decides() || end.closed;
                end.sends == 0 && end.tickets.is_empty() && read
            }
        }
    }

    /// The world after a step; `None` where nothing changes.
    #[must_use]
    pub fn after(&self, bounds: &Bounds, step: Step) -> Option<Self> {
        let mut next = self.clone();
        let fault = match step {
            Step::Deliver(side) => next.deliver(side),
            Step::Flush(side) => {
                let (end, _, out) = next.parts(side);
                out.extend(end.outbox.pop_front());
                None
            }
            Step::Send(side) => next.send(bounds, side, None),
            Step::SendWith(side, place) => next.send(bounds, side, Some(place)),
            Step::Wait(side) => next.command(side, |end| {
                let ticket = end.stream.wait()?;
                end.tickets.push((ticket, false));
                end.waits -= 1;
                Ok(())
            }),
            Step::Drop(side, place) => next.command(side, |end| {
                let (ticket, _) = end.tickets.remove(place);
                end.stream.drop_ticket(ticket);
                Ok(())
            }),
            Step::Grant(side) => next.command(side, |end| {
                end.stream.grant(1)?;
                end.grants -= 1;
                Ok(())
            }),
            Step::Consume(side) => next.command(side, |end| end.stream.consume(1)),
            Step::Close(side) => next.command(side, |end| {
                end.stream.close(side.reason(bounds.application))?;
                // The responder's own close ends the stream: it drops what is still in flight.
                end.over |= side == Side::Responder && bounds.responder_decides();
                Ok(())
            }),
            Step::Cancel(side) => {
                next.ending(side, |end| end.stream.cancel(CancelReason::UserRequested, "").map(drop))
            }
            Step::Fail(side) => {
                next.ending(side, |end| end.stream.fail(StreamErrorCode::Internal, "", &[]).map(drop))
            }
            Step::Timeout(side) => next.timeout(side),
        };
        next.fault = next.fault.or(fault);
        (next != *self).then_some(next)
    }

    /// A command of the application, and the drain that follows every input. One that is refused must
    /// change nothing.
    fn command(&mut self, side: Side, run: impl FnOnce(&mut End) -> Result<()>) -> Option<Fault> {
        let (end, _, out) = self.parts(side);
        let before = end.clone();
        match run(end) {
            Ok(()) => end.drain(out),
            Err(_) => (*end != before).then_some(Fault::RefusedAndChanged),
        }
    }

    /// A command that ends the stream.
    fn ending(&mut self, side: Side, run: impl FnOnce(&mut End) -> Result<()>) -> Option<Fault> {
        self.command(side, |end| {
            let ended = end.stream.has_ended();
            run(end)?;
            if !ended {
                end.endings -= 1;
                end.broken = true;
                end.over = true;
                end.outbox.clear();
            }
            Ok(())
        })
    }

    /// The time before the deadline, which must change nothing, and then the deadline.
    fn timeout(&mut self, side: Side) -> Option<Fault> {
        let (end, _, out) = self.parts(side);
        let before = end.clone();
        end.stream.handle_timeout(DEADLINE_MS - 1);
        if *end != before {
            return Some(Fault::RefusedAndChanged);
        }
        end.stream.handle_timeout(DEADLINE_MS);
        if *end != before {
            end.endings -= 1;
        }
        end.drain(out)
    }

    fn send(&mut self, bounds: &Bounds, side: Side, place: Option<usize>) -> Option<Fault> {
        let message = bounds.to_send(side.role()) - self.end(side).sends;
        let late = bounds.late;
        let (end, _, out) = self.parts(side);
        let before = end.stream.clone();
        let payload = [message];
        let sent = match place {
            None => end.stream.try_send(&payload),
            Some(place) => end.stream.send_with(end.tickets[place].0, &payload),
        };
        match sent {
            Ok(frame) => {
                let wire = Wire::of(frame);
                end.sends -= 1;
                if let Some(place) = place {
                    end.tickets.remove(place);
                }
                if late {
                    end.outbox.extend(wire)
                } else {
                    out.extend(wire)
                }
                end.drain(out)
            }
            Err(_) => (end.stream != before).then_some(Fault::RefusedAndChanged),
        }
    }

    fn deliver(&mut self, side: Side) -> Option<Fault> {
        let (id, context) = OPEN.as_ref().ok()?;
        let (end, way, out) = self.parts(side);
        let wire = way.pop_front()?;
        let fault = wire.with(*id, context, |frame| {
            if wire.ends_the_stream() && !end.stream.has_ended() {
                end.silent = true;
            }
            match end.stream.receive(frame) {
                Received::Data(data) => {
                    let number = data.payload.first().copied();
                    let expected = end.delivered;
                    end.delivered += 1;
                    let in_order = data.sequence == u64::from(expected) && number == Some(expected);
                    match () {
                        () if end.over => Some(Fault::AfterEnd),
                        () if !in_order => Some(Fault::Gap),
                        () => None,
                    }
                }
                Received::Opened(_) if !matches!(frame.body, FrameBody::Open(_)) => Some(Fault::Accused),
                _ => None,
            }
        });
        fault.or(end.drain(out))
    }

    /// Messages and grants under way in the direction that this end sends in.
    #[must_use]
    pub fn under_way(&self, from: Side) -> u64 {
        let end = self.end(from);
        let messages = self.way_to(from.peer()).iter().chain(&end.outbox);
        let grants = self.way_to(from).iter();
        let count = |wire: &Wire| match wire {
            Wire::Data(..) => 1,
            _ => 0,
        };
        let credit = |wire: &Wire| match wire {
            Wire::Credit(frames) => u64::from(*frames),
            _ => 0,
        };
        messages.map(count).sum::<u64>() + grants.map(credit).sum::<u64>()
    }

    /// Whether both halves of a direction are open.
    #[must_use]
    pub fn direction_open(&self, from: Side) -> bool {
        let sender = self.end(from).stream.state().sender;
        let receiver = self.end(from.peer()).stream.state().receiver;
        sender == Half::Open && receiver == Half::Open
    }
}

/// The error of a model that cannot begin.
pub(crate) fn cannot_begin(error: &Error) -> String {
    format!("the engine refuses the first open: {error}")
}
