package io.github.hdv.ixt

/** A broken rule of the peer that ends no stream; for the host to count. */
public enum class Violation {
    /** A frame of a stream that is not open here. Never a ground to drop a peer. */
    UnknownStream,

    /** Data, or another final sequence, after the peer's close. */
    FrameAfterClose,

    /** A kind of frame that this version does not know. */
    UnknownFrame,
}

/** What a [Stream] tells, in order. */
public sealed interface StreamEvent {
    /** The responder's stream has begun. */
    public class Opened(public val open: StreamOpen) : StreamEvent

    /** A message, in order and under credit. */
    public class Data(public val data: StreamData) : StreamEvent

    /** The credit to send grew by so many frames. */
    public data class CreditGrown(public val frames: UInt) : StreamEvent

    /** The ticket has its credit: send with it, or drop it. */
    public data class TicketReady(public val ticket: Long) : StreamEvent

    /** The stream, or its sender half, ended before the ticket had a credit. */
    public data class TicketEnded(public val ticket: Long) : StreamEvent

    /** The peer's direction ended in order. */
    public data class PeerClosed(public val reason: CloseReason) : StreamEvent

    /** The responder's close ended this opener's sender half; no frame is sent for it. */
    public data object Finished : StreamEvent

    /** The stream failed. */
    public data class Failed(public val outcome: Outcome.Failed) : StreamEvent

    /** The stream was cancelled. */
    public data class Cancelled(public val outcome: Outcome.Cancelled) : StreamEvent

    /** The peer broke a rule that ends no stream. */
    public data class RuleBroken(public val violation: Violation) : StreamEvent
}

/** The state of one direction at this end. */
public enum class Half {
    /** Before the open. */
    Idle,

    /** Frames may pass. */
    Open,

    /** Ended in order. */
    Closed,

    /** Ended by an error. */
    Failed,

    /** Ended by a cancel or the deadline. */
    Cancelled,
}

/**
 * The halves and the counters.
 *
 * @property sender the sender half
 * @property receiver the receiver half
 * @property credit messages that may be sent now and that no ticket holds
 * @property outstanding messages that the peer may still send
 * @property ignored frames of the peer that were ignored
 */
public data class StreamState(
    public val sender: Half,
    public val receiver: Half,
    public val credit: UInt,
    public val outstanding: UInt,
    public val ignored: ULong,
)

/**
 * What there is to do after an input.
 *
 * @property transmit frames to send, back to back
 * @property events what happened, in order
 */
public class Drained internal constructor(public val transmit: ByteArray, public val events: List<StreamEvent>)

/**
 * What became of a read buffer.
 *
 * @property consumed how many bytes were whole frames; what follows is to be kept until there is more
 * @property ignored frames that were ignored and counted; correct peers cause this by crossing
 * @property transmit frames to send, back to back
 * @property events what happened, in order: opens and messages among it
 */
public class Received internal constructor(
    public val consumed: Int,
    public val ignored: Int,
    public val transmit: ByteArray,
    public val events: List<StreamEvent>,
)
