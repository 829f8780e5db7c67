//! What an endpoint is told before its stream begins.

use crate::stream::InteractionKind;
use crate::wire::{Limits, MAX_CREDIT};

/// Which end of the stream this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It sends the open.
    Opener,
    /// It answers the open.
    Responder,
}

impl Role {
    /// Whether what this end sends in a stream of this kind is exactly one message.
    pub(crate) fn sends_exactly_one(self, kind: InteractionKind) -> bool {
        match self {
            Self::Opener => matches!(kind, InteractionKind::Unary | InteractionKind::ServerStream),
            Self::Responder => matches!(kind, InteractionKind::Unary | InteractionKind::ClientStream),
        }
    }

    pub(crate) fn peer(self) -> Self {
        match self {
            Self::Opener => Self::Responder,
            Self::Responder => Self::Opener,
        }
    }
}

/// The settings of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Config {
    pub(super) limits: Limits,
    pub(super) window: Option<u32>,
    pub(super) agreed_credit: u32,
}

impl Config {
    /// The largest payload, for sending and receiving. Both ends must agree on it.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Grants by itself: `frames` (1 to 2^31 − 1) may be outstanding, and what the application has
    /// [consumed](super::Stream::consume) is granted again in steps of half a window. Without a window
    /// the application grants by hand.
    #[must_use]
    pub fn with_window(mut self, frames: u32) -> Self {
        self.window = Some(frames.clamp(1, MAX_CREDIT));
        self
    }

    /// The credit that the opener has from the beginning because the connection agreed on it: for an
    /// opener its own first credit, for a responder what it knows the opener to have.
    #[must_use]
    pub fn with_agreed_credit(mut self, frames: u32) -> Self {
        self.agreed_credit = frames.min(MAX_CREDIT);
        self
    }
}
