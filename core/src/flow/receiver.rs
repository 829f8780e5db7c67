//! The receiver half: window, sequence and grants (specification 23, table "Receiver half").

use super::state::Half;
use crate::stream::StreamErrorCode;
use crate::wire::{ErrorKind, MAX_CREDIT};

/// The receiver half.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Receiver {
    pub(super) half: Half,
    /// Exactly one message, with its implicit credit.
    one: bool,
    /// Data frames that the peer may still send.
    outstanding: u32,
    /// Data frames received, so the next sequence.
    expected: u64,
    /// Granted and not yet transmitted; grants merge here.
    pending: u32,
    /// Whether the peer's close frame ended this half; its number is then `expected`. Kept after the
    /// stream's end.
    by_close: bool,
    /// Frames in the window of automatic grants; 0 where grants are manual.
    window: u32,
    /// Delivered to the application and not yet consumed.
    unconsumed: u64,
    /// Consumed and not yet granted again.
    consumed: u32,
}

/// Why a frame is not taken.
pub(super) enum Refused {
    /// It crossed with an end: ignored and counted.
    Ignored,
    /// It came after the peer's own close.
    AfterClose,
    /// It breaks a rule: the stream fails.
    Violates(StreamErrorCode, &'static str),
}

impl Receiver {
    pub(super) fn idle(window: Option<u32>) -> Self {
        Self {
            half: Half::Idle,
            one: false,
            outstanding: 0,
            expected: 0,
            pending: 0,
            by_close: false,
            window: window.unwrap_or(0),
            unconsumed: 0,
            consumed: 0,
        }
    }

    pub(super) fn open(&mut self, one: bool, outstanding: u32) {
        self.half = Half::Open;
        self.one = one;
        self.outstanding = if one { 1 } else { outstanding };
    }

    /// Grants what is missing from the whole window.
    pub(super) fn fill_window(&mut self) {
        if !self.one {
            self.give(self.window.saturating_sub(self.outstanding));
        }
    }

    pub(super) fn outstanding(&self) -> u32 {
        if self.half == Half::Open { self.outstanding } else { 0 }
    }

    pub(super) fn received(&self) -> u64 {
        self.expected
    }

    /// Takes a data frame. Checks in the order state, cardinality, sequence, credit, size.
    #[inline]
    pub(super) fn data(&mut self, sequence: u64, fits: bool) -> Result<(), Refused> {
        use StreamErrorCode::{
            FlowControlViolation, ProtocolViolation, ResourceExhausted, SequenceViolation,
        };
        if self.half != Half::Open {
            return Err(if self.by_close { Refused::AfterClose } else { Refused::Ignored });
        }
        if self.one && self.expected > 0 {
            return Err(Refused::Violates(ProtocolViolation, "more than one message"));
        }
        if sequence != self.expected {
            return Err(Refused::Violates(SequenceViolation, "data out of sequence"));
        }
        if self.outstanding == 0 {
            return Err(Refused::Violates(FlowControlViolation, "data without credit"));
        }
        if !fits {
            return Err(Refused::Violates(ResourceExhausted, "payload larger than the limit"));
        }
        self.outstanding -= 1;
        self.expected += 1;
        self.unconsumed += 1;
        Ok(())
    }

    /// Takes a close frame. Checks in the order state, number, required message.
    pub(super) fn close(&mut self, final_sequence: u64) -> Result<(), Refused> {
        use StreamErrorCode::{ProtocolViolation, SequenceViolation};
        if self.half != Half::Open {
            let other = self.by_close && final_sequence != self.expected;
            return Err(if other { Refused::AfterClose } else { Refused::Ignored });
        }
        if final_sequence != self.expected {
            return Err(Refused::Violates(SequenceViolation, "final sequence does not match"));
        }
        if self.one && self.expected == 0 {
            return Err(Refused::Violates(ProtocolViolation, "close without the required message"));
        }
        self.end(Half::Closed);
        self.by_close = true;
        Ok(())
    }

    /// Grants by hand.
    pub(super) fn grant(&mut self, frames: u32) -> Result<(), ErrorKind> {
        match self.half {
            Half::Idle => Err(ErrorKind::NotOpen),
            Half::Open if self.one => Ok(()),
            Half::Open if frames == 0 => Err(ErrorKind::InvalidGrant),
            Half::Open if frames > MAX_CREDIT - self.outstanding => Err(ErrorKind::WindowOverflow),
            Half::Open => {
                self.give(frames);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The application has consumed frames: grants again once half a window is due, or once the peer has
    /// no credit left and nothing that it sent waits to be consumed: no later call could then grant.
    pub(super) fn consume(&mut self, frames: u32) -> Result<(), ErrorKind> {
        if self.half != Half::Open || self.window == 0 || self.one {
            return Ok(());
        }
        if u64::from(frames) > self.unconsumed {
            return Err(ErrorKind::InvalidGrant);
        }
        let step = (self.window / 2).max(1);
        // Less than a step is due already, so a sum that overflows is past the bound as well.
        let due = self.consumed.checked_add(frames).ok_or(ErrorKind::WindowOverflow)?;
        if due >= step && due > MAX_CREDIT - self.outstanding {
            return Err(ErrorKind::WindowOverflow);
        }
        self.unconsumed -= u64::from(frames);
        self.consumed = due;
        let idle = self.outstanding == 0 && self.unconsumed == 0;
        if due >= step || idle {
            self.consumed = 0;
            self.give(due);
        }
        Ok(())
    }

    /// The grants to transmit, merged; `None` when there are none.
    pub(super) fn take_pending(&mut self) -> Option<u32> {
        Some(std::mem::take(&mut self.pending)).filter(|frames| *frames > 0)
    }

    pub(super) fn has_pending(&self) -> bool {
        self.pending > 0
    }

    /// Ends the half. Grants that have not left stay here for good.
    pub(super) fn end(&mut self, half: Half) {
        self.half = half;
        self.pending = 0;
    }

    /// A half that was never there, of an endpoint that only sends: closed by the peer with nothing sent.
    pub(super) fn absent() -> Self {
        Self { half: Half::Closed, by_close: true, ..Self::idle(None) }
    }

    fn give(&mut self, frames: u32) {
        self.outstanding += frames;
        self.pending += frames;
    }
}
