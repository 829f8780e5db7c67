package io.github.hdv.ixt

// Open enumerations: a number that this version does not know is kept, so that decoding and encoding again gives
// the same bytes. Value classes, so that none of them is allocated.

/** How many messages each side may send. */
@JvmInline
public value class InteractionKind(
    /** The ordinal in the schema. */
    public val number: UShort,
) {
    /** The name in the schema; null for a number that this version does not know. */
    public val name: String? get() = NAMES.getOrNull(number.toInt())

    override fun toString(): String = name ?: number.toString()

    public companion object {
        private val NAMES = listOf("unary", "clientStream", "serverStream", "bidiStream")

        /** One message each way. */
        public val Unary: InteractionKind = InteractionKind(0u)

        /** Any number from the opener, one back. */
        public val ClientStream: InteractionKind = InteractionKind(1u)

        /** One from the opener, any number back. */
        public val ServerStream: InteractionKind = InteractionKind(2u)

        /** Any number each way. */
        public val BidiStream: InteractionKind = InteractionKind(3u)

        /** The kind with this name of the schema; null where there is none. */
        public fun of(name: String): InteractionKind? = numbered(NAMES, name)?.let(::InteractionKind)
    }
}

/** Why a direction ended in order. Only [Completed] is success. */
@JvmInline
public value class CloseReason(
    /** The ordinal in the schema. */
    public val number: UShort,
) {
    /** The name in the schema; null for a number that this version does not know. */
    public val name: String? get() = NAMES.getOrNull(number.toInt())

    override fun toString(): String = name ?: number.toString()

    public companion object {
        private val NAMES = listOf("unspecified", "completed", "limitReached", "idle", "goingAway")

        /** No reason given; never reads as success. */
        public val Unspecified: CloseReason = CloseReason(0u)

        /** All that there was has been sent. */
        public val Completed: CloseReason = CloseReason(1u)

        /** A limit of the sender was reached. */
        public val LimitReached: CloseReason = CloseReason(2u)

        /** Nothing was sent for too long. */
        public val Idle: CloseReason = CloseReason(3u)

        /** The sender is about to go. */
        public val GoingAway: CloseReason = CloseReason(4u)

        /** The reason with this name of the schema; null where there is none. */
        public fun of(name: String): CloseReason? = numbered(NAMES, name)?.let(::CloseReason)
    }
}

/** Why a stream was given up. */
@JvmInline
public value class CancelReason(
    /** The ordinal in the schema. */
    public val number: UShort,
) {
    /** The name in the schema; null for a number that this version does not know. */
    public val name: String? get() = NAMES.getOrNull(number.toInt())

    override fun toString(): String = name ?: number.toString()

    public companion object {
        private val NAMES = listOf(
            "unspecified", "userRequested", "deadlineExceeded", "consumerGone", "superseded", "upstreamCancelled",
            "backpressureTimeout", "shutdown",
        )

        /** No reason given. */
        public val Unspecified: CancelReason = CancelReason(0u)

        /** A person or the application asked for it. */
        public val UserRequested: CancelReason = CancelReason(1u)

        /** The deadline of the context passed. */
        public val DeadlineExceeded: CancelReason = CancelReason(2u)

        /** Nobody is there to take the messages. */
        public val ConsumerGone: CancelReason = CancelReason(3u)

        /** A later invocation took its place. */
        public val Superseded: CancelReason = CancelReason(4u)

        /** The invocation that caused this one was cancelled. */
        public val UpstreamCancelled: CancelReason = CancelReason(5u)

        /** The peer granted no credit for too long. */
        public val BackpressureTimeout: CancelReason = CancelReason(6u)

        /** The process shuts down. */
        public val Shutdown: CancelReason = CancelReason(7u)

        /** The reason with this name of the schema; null where there is none. */
        public fun of(name: String): CancelReason? = numbered(NAMES, name)?.let(::CancelReason)
    }
}

/** Why a stream failed. */
@JvmInline
public value class StreamErrorCode(
    /** The ordinal in the schema. */
    public val number: UShort,
) {
    /** The name in the schema; null for a number that this version does not know. */
    public val name: String? get() = NAMES.getOrNull(number.toInt())

    override fun toString(): String = name ?: number.toString()

    public companion object {
        private val NAMES = listOf(
            "unknown", "cancelled", "invalidArgument", "deadlineExceeded", "notFound", "unauthenticated",
            "permissionDenied", "resourceExhausted", "unavailable", "internal", "protocolViolation",
            "flowControlViolation", "sequenceViolation",
        )

        /** No code given. */
        public val Unknown: StreamErrorCode = StreamErrorCode(0u)

        /** The work was cancelled. */
        public val Cancelled: StreamErrorCode = StreamErrorCode(1u)

        /** The request is wrong, whatever the state of the system. */
        public val InvalidArgument: StreamErrorCode = StreamErrorCode(2u)

        /** The work took too long. */
        public val DeadlineExceeded: StreamErrorCode = StreamErrorCode(3u)

        /** What was asked for, or who was to do it, does not exist. */
        public val NotFound: StreamErrorCode = StreamErrorCode(4u)

        /** The caller is not known. */
        public val Unauthenticated: StreamErrorCode = StreamErrorCode(5u)

        /** The caller is known and may not. */
        public val PermissionDenied: StreamErrorCode = StreamErrorCode(6u)

        /** A limit or quota is spent. */
        public val ResourceExhausted: StreamErrorCode = StreamErrorCode(7u)

        /** Try again later. */
        public val Unavailable: StreamErrorCode = StreamErrorCode(8u)

        /** A defect. */
        public val Internal: StreamErrorCode = StreamErrorCode(9u)

        /** A frame that its state forbids, or too many or too few messages for the kind. */
        public val ProtocolViolation: StreamErrorCode = StreamErrorCode(10u)

        /** Data without credit, a grant of zero, or a window beyond 2^31 - 1. */
        public val FlowControlViolation: StreamErrorCode = StreamErrorCode(11u)

        /** A gap, a duplicate, or a final sequence that does not match. */
        public val SequenceViolation: StreamErrorCode = StreamErrorCode(12u)

        /** The code with this name of the schema; null where there is none. */
        public fun of(name: String): StreamErrorCode? = numbered(NAMES, name)?.let(::StreamErrorCode)
    }
}

private fun numbered(names: List<String>, name: String): UShort? =
    names.indexOf(name).takeIf { it >= 0 }?.toUShort()
