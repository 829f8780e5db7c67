//! The enumerations of the schema. A number that this version does not know is kept as it is, so that
//! decoding and encoding again gives the same bytes.

use std::fmt;

macro_rules! enumeration {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $member:ident = $number:literal $text:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])+ $member,)+
            /// A number of a later schema. Make it by `from_raw` alone, which never gives it for a number known here.
            Other(u16),
        }

        impl $name {
            /// Every member that this version knows, by ordinal.
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// The member with this ordinal of the schema.
            #[must_use]
            #[inline]
            pub const fn from_raw(raw: u16) -> Self {
                match raw { $($number => Self::$member,)+ other => Self::Other(other) }
            }

            /// The ordinal in the schema.
            #[must_use]
            #[inline]
            pub const fn raw(self) -> u16 {
                match self { $(Self::$member => $number,)+ Self::Other(raw) => raw }
            }

            /// The name in the schema; `None` for a number that this version does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self { $(Self::$member => Some($text),)+ Self::Other(_) => None }
            }

            /// The member with this name of the schema.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$member),)+ _ => None }
            }
        }

        /// The schema's name, or the number.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.raw()),
                }
            }
        }
    };
}

pub(crate) use enumeration;

enumeration! {
    /// How many messages each side may send (specification 23, "Kinds").
    InteractionKind {
        /// One message each way.
        Unary = 0 "unary",
        /// Any number from the opener, one back.
        ClientStream = 1 "clientStream",
        /// One from the opener, any number back.
        ServerStream = 2 "serverStream",
        /// Any number each way.
        BidiStream = 3 "bidiStream",
    }
}

enumeration! {
    /// Why a direction ended in order. Only `Completed` is success.
    CloseReason {
        /// No reason given; never reads as success.
        Unspecified = 0 "unspecified",
        /// All that there was has been sent.
        Completed = 1 "completed",
        /// A limit of the sender was reached.
        LimitReached = 2 "limitReached",
        /// Nothing was sent for too long.
        Idle = 3 "idle",
        /// The sender is about to go.
        GoingAway = 4 "goingAway",
    }
}

enumeration! {
    /// Why a stream was given up.
    CancelReason {
        /// No reason given.
        Unspecified = 0 "unspecified",
        /// A person or the application asked for it.
        UserRequested = 1 "userRequested",
        /// The deadline of the context passed.
        DeadlineExceeded = 2 "deadlineExceeded",
        /// Nobody is there to take the messages.
        ConsumerGone = 3 "consumerGone",
        /// A later invocation took its place.
        Superseded = 4 "superseded",
        /// The invocation that caused this one was cancelled.
        UpstreamCancelled = 5 "upstreamCancelled",
        /// The peer granted no credit for too long.
        BackpressureTimeout = 6 "backpressureTimeout",
        /// The process shuts down.
        Shutdown = 7 "shutdown",
    }
}

enumeration! {
    /// Why a stream failed.
    StreamErrorCode {
        /// No code given.
        Unknown = 0 "unknown",
        /// The work was cancelled.
        Cancelled = 1 "cancelled",
        /// The request is wrong, whatever the state of the system.
        InvalidArgument = 2 "invalidArgument",
        /// The work took too long.
        DeadlineExceeded = 3 "deadlineExceeded",
        /// What was asked for, or who was to do it, does not exist.
        NotFound = 4 "notFound",
        /// The caller is not known.
        Unauthenticated = 5 "unauthenticated",
        /// The caller is known and may not.
        PermissionDenied = 6 "permissionDenied",
        /// A limit or quota is spent.
        ResourceExhausted = 7 "resourceExhausted",
        /// Try again later.
        Unavailable = 8 "unavailable",
        /// A defect.
        Internal = 9 "internal",
        /// A frame that its state forbids, or too many or too few messages for the kind.
        ProtocolViolation = 10 "protocolViolation",
        /// Data without credit, a grant of zero, or a window beyond 2^31 − 1.
        FlowControlViolation = 11 "flowControlViolation",
        /// A gap, a duplicate, or a final sequence that does not match.
        SequenceViolation = 12 "sequenceViolation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives() {
        for raw in 0..=u16::MAX {
            assert_eq!(InteractionKind::from_raw(raw).raw(), raw);
            assert_eq!(CloseReason::from_raw(raw).raw(), raw);
            assert_eq!(CancelReason::from_raw(raw).raw(), raw);
            assert_eq!(StreamErrorCode::from_raw(raw).raw(), raw);
        }
    }

    #[test]
    fn names_lead_back() {
        for code in StreamErrorCode::ALL {
            assert_eq!(code.name().and_then(StreamErrorCode::from_name), Some(*code));
        }
        assert_eq!(CloseReason::from_raw(99).to_string(), "99");
        assert_eq!(CloseReason::Other(99).name(), None);
    }
}
