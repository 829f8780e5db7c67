package io.github.hdv.ixt.internal

import java.nio.ByteBuffer

/**
 * What crosses by JNI: contexts, frames and streams. The other side is `bindings/kotlin/native`.
 *
 * A frame is nine longs: tag, id (high, low), two numbers, text (offset, length) and bytes (offset, length) in the
 * caller's array. An event is five: kind, two numbers, bytes (offset, length). A refusal is an `IxtException`.
 */
internal object Native {
    /** Longs of one frame. */
    const val FRAME = 9

    /** Longs of one event. */
    const val EVENT = 5

    /** Longs before the events: bytes consumed, frames ignored, events. */
    const val HEADER = 3

    /** Events of one call; what is beyond comes with the next one. */
    const val EVENTS = 64

    init {
        Library.load()
    }

    @JvmStatic
    external fun streamId(bytes: ByteArray, out: LongArray): Boolean

    @JvmStatic
    external fun address(buffer: ByteBuffer): Long

    @JvmStatic
    @Suppress("LongParameterList")
    external fun encode(
        scratch: Long,
        tag: Int,
        high: Long,
        low: Long,
        x: Long,
        y: Long,
        text: Int,
        bytes: Int,
        maxPayload: Int,
    ): Int

    @JvmStatic
    external fun encodeMany(scratch: Long, count: Int, maxPayload: Int): Int

    @JvmStatic
    @Suppress("LongParameterList")
    external fun encodeLarge(
        tag: Int,
        high: Long,
        low: Long,
        x: Long,
        y: Long,
        text: ByteArray?,
        bytes: ByteArray,
        maxPayload: Int,
    ): ByteArray

    @JvmStatic
    @Suppress("LongParameterList")
    external fun encodeLargeTo(
        tag: Int,
        high: Long,
        low: Long,
        x: Long,
        y: Long,
        text: ByteArray?,
        bytes: ByteArray,
        maxPayload: Int,
        out: ByteBuffer,
        at: Int,
        end: Int,
    ): Int

    @JvmStatic
    external fun decode(scratch: Long, length: Int, maxPayload: Int, canonical: Boolean): Boolean

    @JvmStatic
    @Suppress("LongParameterList")
    external fun decodeFrame(
        bytes: ByteArray,
        offset: Int,
        length: Int,
        maxPayload: Int,
        canonical: Boolean,
        out: LongArray,
    ): Boolean

    @JvmStatic
    @Suppress("LongParameterList")
    external fun decodeBatch(
        bytes: ByteArray,
        offset: Int,
        length: Int,
        maxPayload: Int,
        most: Int,
        out: LongArray,
    ): Int

    @JvmStatic
    external fun split(bytes: ByteArray, offset: Int, length: Int, maxPayload: Int): Long

    @JvmStatic
    external fun contextFrom(scratch: Long, bytes: ByteArray, canonical: Boolean): Int

    @JvmStatic
    external fun contextOf(scratch: Long, parts: ByteArray): Int

    @JvmStatic
    external fun contextSystem(scratch: Long): Int

    @JvmStatic
    external fun contextChild(scratch: Long, parent: ByteArray, parts: ByteArray): Int

    @JvmStatic
    external fun deadlineElapsed(context: ByteArray, now: Long): Boolean

    @JvmStatic
    external fun remaining(context: ByteArray, now: Long, skew: Long): Long

    @JvmStatic
    external fun traceparent(context: ByteArray): ByteArray?

    @JvmStatic
    external fun hasCapability(context: ByteArray, required: ByteArray): Boolean

    @JvmStatic
    external fun streamOpener(kind: Int, maxPayload: Int, window: Long, agreed: Int): Long

    @JvmStatic
    external fun streamResponder(maxPayload: Int, window: Long, agreed: Int): Long

    @JvmStatic
    external fun streamSender(high: Long, low: Long, credit: Int, maxPayload: Int): Long

    @JvmStatic
    external fun streamFree(stream: Long)

    @JvmStatic
    external fun streamOpen(stream: Long, high: Long, low: Long, credit: Int, context: ByteArray): ByteArray

    @JvmStatic
    external fun send(scratch: Long, stream: Long, waited: Boolean, ticket: Long, length: Int): Int

    @JvmStatic
    external fun sendLarge(stream: Long, waited: Boolean, ticket: Long, payload: ByteArray): ByteArray?

    @JvmStatic
    external fun streamWait(stream: Long): Long

    @JvmStatic
    external fun streamDropTicket(stream: Long, ticket: Long)

    @JvmStatic
    external fun streamGrant(stream: Long, frames: Int)

    @JvmStatic
    external fun streamConsume(stream: Long, frames: Int)

    @JvmStatic
    external fun streamClose(stream: Long, reason: Int): Boolean

    @JvmStatic
    external fun streamFail(stream: Long, code: Int, message: ByteArray, details: ByteArray): Boolean

    @JvmStatic
    external fun streamCancel(stream: Long, reason: Int, message: ByteArray): Boolean

    @JvmStatic
    external fun streamTime(stream: Long, now: Long)

    @JvmStatic
    external fun streamNextTimeout(stream: Long): Long

    @JvmStatic
    external fun streamReceive(stream: Long, bytes: ByteArray, offset: Int, length: Int, out: LongArray): ByteArray?

    @JvmStatic
    @Suppress("LongParameterList")
    external fun streamReceiveFrame(
        stream: Long,
        tag: Int,
        high: Long,
        low: Long,
        x: Long,
        y: Long,
        text: ByteArray?,
        bytes: ByteArray?,
        out: LongArray,
    ): ByteArray?

    @JvmStatic
    external fun streamDrain(stream: Long, out: LongArray): ByteArray?

    @JvmStatic
    external fun streamState(stream: Long, out: LongArray)

    @JvmStatic
    external fun streamOutcome(stream: Long, out: LongArray): ByteArray?
}
