package io.github.hdv.ixt

import io.github.hdv.ixt.internal.NONE

/** What a frame says: one of the six kinds, or a kind of a later schema. Byte arrays are not copied. */
public sealed interface FrameBody

/**
 * Begins a stream.
 *
 * @property interaction how many messages each side may send
 * @property initialCredit data frames that the opener is ready to receive
 * @property context an encoded [InvocationContext]; no bytes are anonymous. Who forwards passes them on untouched
 */
public class StreamOpen(
    public val interaction: InteractionKind,
    public val initialCredit: UInt = 0u,
    public val context: ByteArray = NONE,
) : FrameBody {
    override fun equals(other: Any?): Boolean = other is StreamOpen && interaction == other.interaction &&
        initialCredit == other.initialCredit && context.contentEquals(other.context)

    override fun hashCode(): Int = context.contentHashCode() + 31 * initialCredit.hashCode()

    override fun toString(): String =
        "StreamOpen(interaction=$interaction, initialCredit=$initialCredit, context=${context.size} bytes)"
}

/**
 * One message.
 *
 * @property sequence 0, 1, 2, … in each direction
 * @property payload the application's bytes, at most 1 MiB unless both ends agreed otherwise
 */
public class StreamData(public val sequence: ULong, public val payload: ByteArray) : FrameBody {
    override fun equals(other: Any?): Boolean =
        other is StreamData && sequence == other.sequence && payload.contentEquals(other.payload)

    override fun hashCode(): Int = payload.contentHashCode() + 31 * sequence.hashCode()

    override fun toString(): String = "StreamData(sequence=$sequence, payload=${payload.size} bytes)"
}

/**
 * Ends the stream as failed.
 *
 * @property code why
 * @property sequence data frames accepted for sending before it; told, not checked
 * @property message for people, at most 4 KiB
 * @property details the application's to define, at most 4 KiB
 */
public class StreamError(
    public val code: StreamErrorCode,
    public val sequence: ULong = 0u,
    public val message: String = "",
    public val details: ByteArray = NONE,
) : FrameBody {
    override fun equals(other: Any?): Boolean = other is StreamError && code == other.code &&
        sequence == other.sequence && message == other.message && details.contentEquals(other.details)

    override fun hashCode(): Int = message.hashCode() + 31 * code.hashCode()

    override fun toString(): String =
        "StreamError(code=$code, sequence=$sequence, message=$message, details=${details.size} bytes)"
}

/**
 * Ends one direction in order.
 *
 * @property reason why
 * @property finalSequence the number of data frames sent in this direction
 */
public data class StreamClose(public val reason: CloseReason, public val finalSequence: ULong = 0u) : FrameBody

/**
 * Ends the stream as cancelled.
 *
 * @property reason why
 * @property message for people, at most 4 KiB
 */
public data class StreamCancel(public val reason: CancelReason, public val message: String = "") : FrameBody

/**
 * Allows the peer further data frames.
 *
 * @property frames how many more; at least 1
 */
public data class StreamCredit(public val frames: UInt) : FrameBody

/**
 * A kind of a later schema, kept whole so that it encodes to the same bytes. Decoding alone gives it.
 *
 * @property tag its union tag
 */
public class UnknownFrame internal constructor(public val tag: UShort, internal val message: ByteArray) : FrameBody {
    /** The whole message as it came, a copy. */
    public fun toByteArray(): ByteArray = message.copyOf()

    override fun equals(other: Any?): Boolean =
        other is UnknownFrame && tag == other.tag && message.contentEquals(other.message)

    override fun hashCode(): Int = message.contentHashCode()

    override fun toString(): String = "UnknownFrame(tag=$tag, message=${message.size} bytes)"
}
