package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Endpoint
import io.github.hdv.ixt.internal.NONE

/**
 * Sends the messages of one direction of a stream, under credit. Any thread and any coroutine may use it. In a
 * direction that carries exactly one message, sending it closes the direction too.
 */
public class StreamSender internal constructor(internal val endpoint: Endpoint) {
    /**
     * The sending end alone of a stream that is open already, for who routes frames by hand: it starts with so much
     * credit, and is told the peer's grants by [grantCredit] or [feed].
     */
    public constructor(
        streamId: StreamId,
        sink: FrameSink,
        credit: UInt = 0u,
        maxPayload: Int = MAX_PAYLOAD,
    ) : this(Endpoint(Stream.sender(streamId, credit, maxPayload), sink))

    /** The stream's id. */
    public val streamId: StreamId = checkNotNull(endpoint.stream.streamId)

    /** Messages that may be sent now and that nobody waits to send. */
    public val credit: UInt get() = endpoint.stream.state.credit

    /** How the stream ended; null before its end. */
    public val outcome: Outcome? get() = endpoint.outcome

    /**
     * Sends one message, waiting for credit if there is none; who waits is served in order. The payload is the
     * stream's until this returns.
     *
     * When this is cancelled, the message was not sent, and no credit is lost: it passes on to the next who waits.
     *
     * @throws IxtException `FrameTooLarge` and `TooManyMessages`, at once
     * @throws StreamEndedException when the stream has ended or ends meanwhile
     */
    public suspend fun sendData(payload: ByteArray): Unit = endpoint.send(payload)

    /**
     * Sends one message if there is credit that nobody waits for; false where there is none. Never waits.
     *
     * @throws IxtException in this order: [StreamEndedException], `FrameTooLarge`, `TooManyMessages`
     */
    public fun trySendData(payload: ByteArray): Boolean = endpoint.offer(payload)

    /**
     * Takes a grant of the peer: the number of its credit frame. Who hands frames to [feed] does not need it. A grant
     * of 0 or past 2^31 - 1 in all fails the stream, as it would in a frame.
     */
    public fun grantCredit(frames: UInt): Unit = feed(StreamFrame(streamId, StreamCredit(frames)))

    /** Takes a frame of the peer: a credit, an error or a cancel. */
    public fun feed(frame: StreamFrame): Unit = endpoint.feed(frame)

    /**
     * Takes whole frames of the peer.
     *
     * @throws IxtException a refusal of specification 20
     */
    public fun feed(frames: ByteArray, offset: Int = 0, length: Int = frames.size - offset): Unit =
        endpoint.feed(frames, offset, length)

    /**
     * Ends this direction in order; false where it had ended before.
     *
     * @throws IxtException `MissingMessage` where the kind demands a message that was not sent
     */
    public fun close(reason: CloseReason = CloseReason.Completed): Boolean = endpoint.command { stream.end(reason) }

    /**
     * Ends the stream as cancelled; false where it had ended before.
     *
     * @throws IxtException `MessageTextTooLong`, `BadText`
     */
    public fun cancel(reason: CancelReason = CancelReason.UserRequested, message: String = ""): Boolean =
        endpoint.command { stream.cancel(reason, message) }

    /**
     * Ends the stream as failed; false where it had ended before.
     *
     * @throws IxtException `MessageTextTooLong`, `BadText`
     */
    public fun error(code: StreamErrorCode, message: String = "", details: ByteArray = NONE): Boolean =
        endpoint.command { stream.fail(code, message, details) }

    /** Waits for the end of the stream, in whatever way; null where it was released before. */
    public suspend fun join(): Outcome? = endpoint.ended.await()

    override fun toString(): String = "StreamSender($streamId)"
}
