//! How much of everything there is in a model.

use ixt_core::flow::Role;
use ixt_core::stream::InteractionKind;

/// How the applications behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Application {
    /// They send, wait, drop what they wait for, grant and close in any order, and may end the stream by
    /// a cancel, an error or the deadline at any moment.
    Any,
    /// They close when all has been sent, the responder of a stream that its close ends not before it has
    /// read everything, and nobody gives up. So everything must arrive, whatever the order of steps.
    Patient,
}

/// One model: a kind, and bounds that make it finite.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// The interaction kind.
    pub kind: InteractionKind,
    /// How the applications behave.
    pub application: Application,
    /// Messages that each end has to send, where its direction allows more than one.
    pub messages: u8,
    /// Grants of one frame that each end may give by hand.
    pub grants: u8,
    /// Automatic grants instead, with a window of so many frames.
    pub window: Option<u32>,
    /// How often each end may wait for credit by a ticket.
    pub waits: u8,
    /// The responder's first credits; each is explored.
    pub credits: &'static [u32],
    /// Whether hosts keep messages back for a while: control frames then overtake them.
    pub late: bool,
}

impl Bounds {
    /// The smallest bounds in which every property says something: seconds for all kinds.
    #[must_use]
    pub fn small(kind: InteractionKind) -> Vec<Self> {
        let any = Self {
            kind,
            application: Application::Any,
            messages: 1,
            grants: 1,
            window: None,
            waits: 0,
            credits: &[0, 1],
            late: false,
        };
        let waits = Self { waits: 1, credits: &[0], ..any.clone() };
        let patient = Self { application: Application::Patient, messages: 2, grants: 2, ..any.clone() };
        let mut models = vec![
            Self { waits: 1, late: true, ..patient.clone() },
            Self { window: Some(2), credits: &[1, 2], ..patient.clone() },
        ];
        models.extend(Self { messages: 3, window: Some(4), ..patient }.below_half(&[1]));
        if kind != InteractionKind::BidiStream {
            models.push(waits);
        }
        models.push(any);
        models
    }

    /// Three messages and three grants each way, by hand and by a window, with tickets and with messages
    /// that their host keeps back: minutes.
    #[must_use]
    pub fn large(kind: InteractionKind) -> Vec<Self> {
        let any = Self {
            kind,
            application: Application::Any,
            messages: 3,
            grants: 3,
            window: None,
            waits: 1,
            credits: &[0, 1],
            late: false,
        };
        let patient = Self { application: Application::Patient, late: true, waits: 2, ..any.clone() };
        let window = Self { window: Some(2), credits: &[1, 2], ..any.clone() };
        let mut models = vec![Self { window: Some(2), credits: &[1, 2], ..patient.clone() }, patient.clone()];
        models.extend(Self { window: Some(6), ..patient }.below_half(&[1, 2]));
        if kind == InteractionKind::BidiStream {
            // Both directions with everything are too many: tickets, then messages, then their hosts.
            models.push(Self { messages: 2, grants: 2, credits: &[0], ..any.clone() });
            models.push(Self { waits: 0, ..any.clone() });
            models.push(Self { messages: 2, waits: 0, ..window });
            models.push(Self { messages: 2, grants: 2, waits: 0, late: true, ..any });
        } else {
            models.push(window);
            models.push(Self { late: true, messages: 2, grants: 2, ..any.clone() });
            models.push(any);
        }
        models
    }

    /// The same with first credits below half the window, where they are the responder's to spend: the row
    /// A8 of specification 23.
    fn below_half(self, credits: &'static [u32]) -> Option<Self> {
        (!self.exactly_one(Role::Responder)).then_some(Self { credits, ..self })
    }

    /// What an end has to send.
    #[must_use]
    pub fn to_send(&self, role: Role) -> u8 {
        if self.exactly_one(role) { 1 } else { self.messages }
    }

    /// Whether what an end sends is exactly one message (the table of specification 23, section 4,
    /// written down once more: the engine's own is what is under test).
    #[must_use]
    pub fn exactly_one(&self, role: Role) -> bool {
        use InteractionKind::{ClientStream, ServerStream, Unary};
        match role {
            Role::Opener => matches!(self.kind, Unary | ServerStream),
            Role::Responder => matches!(self.kind, Unary | ClientStream),
        }
    }

    /// Whether the responder's close ends the stream.
    #[must_use]
    pub fn responder_decides(&self) -> bool {
        self.kind != InteractionKind::BidiStream
    }
}
