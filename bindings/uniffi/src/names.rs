//! The enumerations of the schema. A number that this version does not know is kept as it is.

macro_rules! enumeration {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $member:ident,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
        pub enum $name {
            $($(#[doc = $doc])+ $member,)+
            /// A number of a later schema; a number that has a name here is that name.
            Other {
                /// The ordinal.
                number: u16,
            },
        }

        impl From<ixt_core::stream::$name> for $name {
            fn from(value: ixt_core::stream::$name) -> Self {
                match value {
                    $(ixt_core::stream::$name::$member => Self::$member,)+
                    other => Self::Other { number: other.raw() },
                }
            }
        }

        impl From<$name> for ixt_core::stream::$name {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$member => Self::$member,)+
                    $name::Other { number } => Self::from_raw(number),
                }
            }
        }
    };
}

enumeration! {
    /// How many messages each side may send.
    InteractionKind {
        /// One message each way.
        Unary,
        /// Any number from the opener, one back.
        ClientStream,
        /// One from the opener, any number back.
        ServerStream,
        /// Any number each way.
        BidiStream,
    }
}

enumeration! {
    /// Why a direction ended in order. Only `Completed` is success.
    CloseReason {
        /// No reason given; never reads as success.
        Unspecified,
        /// All that there was has been sent.
        Completed,
        /// A limit of the sender was reached.
        LimitReached,
        /// Nothing was sent for too long.
        Idle,
        /// The sender is about to go.
        GoingAway,
    }
}

enumeration! {
    /// Why a stream was given up.
    CancelReason {
        /// No reason given.
        Unspecified,
        /// A person or the application asked for it.
        UserRequested,
        /// The deadline of the context passed.
        DeadlineExceeded,
        /// Nobody is there to take the messages.
        ConsumerGone,
        /// A later invocation took its place.
        Superseded,
        /// The invocation that caused this one was cancelled.
        UpstreamCancelled,
        /// The peer granted no credit for too long.
        BackpressureTimeout,
        /// The process shuts down.
        Shutdown,
    }
}

enumeration! {
    /// Why a stream failed.
    StreamErrorCode {
        /// No code given.
        Unknown,
        /// The work was cancelled.
        Cancelled,
        /// The request is wrong, whatever the state of the system.
        InvalidArgument,
        /// The work took too long.
        DeadlineExceeded,
        /// What was asked for, or who was to do it, does not exist.
        NotFound,
        /// The caller is not known.
        Unauthenticated,
        /// The caller is known and may not.
        PermissionDenied,
        /// A limit or quota is spent.
        ResourceExhausted,
        /// Try again later.
        Unavailable,
        /// A defect.
        Internal,
        /// A frame that its state forbids, or too many or too few messages for the kind.
        ProtocolViolation,
        /// Data without credit, a grant of zero, or a window beyond 2^31 - 1.
        FlowControlViolation,
        /// A gap, a duplicate, or a final sequence that does not match.
        SequenceViolation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_core_is_here() {
        fn named(shown: String) -> bool {
            !shown.starts_with("Other")
        }
        assert!(
            ixt_core::stream::InteractionKind::ALL
                .iter()
                .all(|kind| named(format!("{:?}", InteractionKind::from(*kind))))
        );
        assert!(
            ixt_core::stream::CloseReason::ALL.iter().all(|r| named(format!("{:?}", CloseReason::from(*r))))
        );
        assert!(
            ixt_core::stream::CancelReason::ALL
                .iter()
                .all(|r| named(format!("{:?}", CancelReason::from(*r))))
        );
        assert!(
            ixt_core::stream::StreamErrorCode::ALL
                .iter()
                .all(|code| named(format!("{:?}", StreamErrorCode::from(*code))))
        );
    }

    #[test]
    fn every_number_survives() {
        for raw in 0..=u16::MAX {
            let core = ixt_core::stream::StreamErrorCode::from_raw(raw);
            assert_eq!(ixt_core::stream::StreamErrorCode::from(StreamErrorCode::from(core)), core);
        }
        let named: ixt_core::stream::CloseReason = CloseReason::Other { number: 1 }.into();
        assert_eq!(named, ixt_core::stream::CloseReason::Completed);
    }
}
