package io.github.hdv.ixt

import io.github.hdv.ixt.internal.NONE
import io.github.hdv.ixt.internal.Native
import io.github.hdv.ixt.internal.utf8
import java.util.Objects

/** Largest payload of a data frame in bytes, unless both ends agreed otherwise: 1 MiB. */
public const val MAX_PAYLOAD: Int = 1 shl 20

/**
 * One frame of a stream.
 *
 * @property streamId whose
 * @property body what it says
 */
public data class StreamFrame(public val streamId: StreamId, public val body: FrameBody) {
    /**
     * The canonical bytes.
     *
     * @throws IxtException a refusal of specification 20
     */
    public fun toBytes(maxPayload: Int = MAX_PAYLOAD): ByteArray {
        val id = streamId
        val text = textOf(body)
        return Native.encodeFrame(
            tagOf(body), id.high, id.low, xOf(body), yOf(body), text, bytesOf(body), payloadLimit(maxPayload),
        )
    }

    public companion object {
        /**
         * The frame of these bytes, which are one whole frame. Payloads are copied out of them.
         *
         * @param canonical refuses, as `NotCanonical`, bytes that the value does not encode to
         * @throws IxtException a refusal of specification 20
         */
        public fun fromBytes(
            bytes: ByteArray,
            maxPayload: Int = MAX_PAYLOAD,
            canonical: Boolean = false,
            offset: Int = 0,
            length: Int = bytes.size - offset,
        ): StreamFrame {
            Objects.checkFromIndexSize(offset, length, bytes.size)
            val longs = LongArray(Native.FRAME)
            Native.decodeFrame(bytes, offset, length, payloadLimit(maxPayload), canonical, longs)
            return frameOf(longs, 0, bytes, null)
        }
    }
}

/**
 * The whole frames at the front of a read buffer.
 *
 * @property frames the frames, in order
 * @property consumed how many bytes they are; what follows is to be kept until there is more
 */
public class FrameBatch internal constructor(public val frames: List<StreamFrame>, public val consumed: Int)

/** Frames of one crossing. */
private const val BATCH = 64

/**
 * The whole frames at the front of `length` bytes from `offset`.
 *
 * @throws IxtException a refusal of specification 20, unless frames stand before it: these are given, and the next
 * call, which begins with it, refuses it
 */
public fun decodeBatch(
    bytes: ByteArray,
    offset: Int = 0,
    length: Int = bytes.size - offset,
    maxPayload: Int = MAX_PAYLOAD,
): FrameBatch {
    Objects.checkFromIndexSize(offset, length, bytes.size)
    val limit = payloadLimit(maxPayload)
    val longs = LongArray(1 + BATCH * Native.FRAME)
    val frames = ArrayList<StreamFrame>(BATCH)
    var consumed = 0
    var count: Int
    do {
        count = try {
            Native.decodeBatch(bytes, offset + consumed, length - consumed, limit, BATCH, longs)
        } catch (refused: IxtException) {
            if (frames.isEmpty()) throw refused
            break
        }
        for (index in 0 until count) {
            frames.add(frameOf(longs, 1 + index * Native.FRAME, bytes, frames.lastOrNull()?.streamId))
        }
        consumed += longs[0].toInt()
    } while (count == BATCH)
    return FrameBatch(frames, consumed)
}

/**
 * The canonical bytes of the frames, back to back.
 *
 * @throws IxtException a refusal of specification 20
 */
public fun encodeBatch(frames: Collection<StreamFrame>, maxPayload: Int = MAX_PAYLOAD): ByteArray {
    val heads = LongArray(frames.size * HEAD)
    val texts = arrayOfNulls<ByteArray>(frames.size)
    var size = 0
    var at = 0
    for ((index, frame) in frames.withIndex()) {
        val body = frame.body
        val text = textOf(body)
        val bytes = bytesOf(body)
        texts[index] = text
        heads[at++] = tagOf(body).toLong()
        heads[at++] = frame.streamId.high
        heads[at++] = frame.streamId.low
        heads[at++] = xOf(body)
        heads[at++] = yOf(body)
        heads[at++] = (text?.size ?: 0).toLong()
        heads[at++] = (bytes?.size ?: 0).toLong()
        size = Math.addExact(size, (text?.size ?: 0) + (bytes?.size ?: 0))
    }
    val content = ByteArray(size)
    at = 0
    for ((index, frame) in frames.withIndex()) {
        for (part in arrayOf(texts[index], bytesOf(frame.body))) {
            if (part != null) {
                part.copyInto(content, at)
                at += part.size
            }
        }
    }
    return Native.encodeBatch(heads, content, payloadLimit(maxPayload))
}

/** Longs that stand for one frame in `Native.encodeBatch`. */
private const val HEAD = 7

/**
 * Where the first message of a byte stream ends.
 *
 * @property size its size in bytes, or where it is not whole what is needed before more can be said
 * @property whole whether it is whole
 */
public data class Split(public val size: Int, public val whole: Boolean)

/**
 * Finds the end of the first message from its segment table alone.
 *
 * @throws IxtException `TooManySegments`, `MessageTooLarge`
 */
public fun split(
    bytes: ByteArray,
    offset: Int = 0,
    length: Int = bytes.size - offset,
    maxPayload: Int = MAX_PAYLOAD,
): Split {
    Objects.checkFromIndexSize(offset, length, bytes.size)
    val found = Native.split(bytes, offset, length, payloadLimit(maxPayload))
    return if (found >= 0) Split(found.toInt(), true) else Split(found.inv().toInt(), false)
}

/** A limit as the native side takes it. */
internal fun payloadLimit(maxPayload: Int): Int {
    if (maxPayload < 0) throw IxtException(ErrorKind.InvalidArgument, "max_payload")
    return maxPayload
}

internal fun tagOf(body: FrameBody): Int = when (body) {
    is StreamOpen -> 0
    is StreamData -> 1
    is StreamError -> 2
    is StreamClose -> 3
    is StreamCancel -> 4
    is StreamCredit -> 5
    is UnknownFrame -> body.tag.toInt()
}

internal fun xOf(body: FrameBody): Long = when (body) {
    is StreamOpen -> body.interaction.number.toLong()
    is StreamData -> body.sequence.toLong()
    is StreamError -> body.code.number.toLong()
    is StreamClose -> body.reason.number.toLong()
    is StreamCancel -> body.reason.number.toLong()
    is StreamCredit -> body.frames.toLong()
    is UnknownFrame -> 0
}

internal fun yOf(body: FrameBody): Long = when (body) {
    is StreamOpen -> body.initialCredit.toLong()
    is StreamError -> body.sequence.toLong()
    is StreamClose -> body.finalSequence.toLong()
    else -> 0
}

internal fun textOf(body: FrameBody): ByteArray? = when (body) {
    is StreamError -> utf8(body.message, "error.message")
    is StreamCancel -> utf8(body.message, "cancel.message")
    else -> null
}

internal fun bytesOf(body: FrameBody): ByteArray? = when (body) {
    is StreamData -> body.payload
    is StreamOpen -> body.context
    is StreamError -> body.details
    is UnknownFrame -> body.message
    else -> null
}

/** The frame of nine longs; neighbours are mostly of one stream, so that its id is made once. */
private fun frameOf(longs: LongArray, at: Int, input: ByteArray, neighbour: StreamId?): StreamFrame {
    val high = longs[at + 1]
    val low = longs[at + 2]
    val id = if (neighbour != null && neighbour.high == high && neighbour.low == low) {
        neighbour
    } else {
        StreamId(high, low)
    }
    val x = longs[at + 3]
    val y = longs[at + 4]
    val body = when (val tag = longs[at].toInt()) {
        0 -> StreamOpen(InteractionKind(x.toUShort()), y.toUInt(), part(input, longs, at + 7))
        1 -> StreamData(x.toULong(), part(input, longs, at + 7))
        2 -> StreamError(StreamErrorCode(x.toUShort()), y.toULong(), text(input, longs, at + 5), part(input, longs, at + 7))
        3 -> StreamClose(CloseReason(x.toUShort()), y.toULong())
        4 -> StreamCancel(CancelReason(x.toUShort()), text(input, longs, at + 5))
        5 -> StreamCredit(x.toUInt())
        else -> UnknownFrame(tag.toUShort(), part(input, longs, at + 7))
    }
    return StreamFrame(id, body)
}

/** A copy of the bytes that two longs say. */
internal fun part(input: ByteArray, longs: LongArray, at: Int): ByteArray {
    val offset = longs[at].toInt()
    val length = longs[at + 1].toInt()
    return if (length == 0) NONE else input.copyOfRange(offset, offset + length)
}

private fun text(input: ByteArray, longs: LongArray, at: Int): String {
    val offset = longs[at].toInt()
    return input.decodeToString(offset, offset + longs[at + 1].toInt())
}
