package io.github.hdv.ixt

import io.github.hdv.ixt.internal.NONE
import io.github.hdv.ixt.internal.Native
import io.github.hdv.ixt.internal.Scratch
import io.github.hdv.ixt.internal.utf8
import java.nio.ByteBuffer
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
    public fun toBytes(maxPayload: Int = MAX_PAYLOAD): ByteArray =
        encode(maxPayload, { scratch, length -> scratch.take(length) }, ::encodeLarge)

    /**
     * Puts the canonical bytes where [out] stands, on the heap or off it, and moves it on; gives how many they are.
     *
     * @throws IxtException a refusal of specification 20; `BufferTooSmall`, and nothing is put
     */
    public fun encodeTo(out: ByteBuffer, maxPayload: Int = MAX_PAYLOAD): Int =
        encode(maxPayload, { scratch, length -> length.also { scratch.takeTo(out, it) } }) { text, bytes, limit ->
            if (out.isDirect && !out.isReadOnly) {
                encodeLargeTo(out, text, bytes, limit)
            } else {
                out.append(encodeLarge(text, bytes, limit))
            }
        }

    private fun encodeLarge(text: ByteArray?, bytes: ByteArray, limit: Int): ByteArray =
        Native.encodeLarge(tagOf(body), streamId.high, streamId.low, xOf(body), yOf(body), text, bytes, limit)

    private fun encodeLargeTo(out: ByteBuffer, text: ByteArray?, bytes: ByteArray, limit: Int): Int {
        val at = out.position()
        val length = Native.encodeLargeTo(
            tagOf(body), streamId.high, streamId.low, xOf(body), yOf(body), text, bytes, limit, out, at, out.limit(),
        )
        out.position(at + length)
        return length
    }

    private inline fun <T> encode(
        maxPayload: Int,
        small: (Scratch, Int) -> T,
        large: (ByteArray?, ByteArray, Int) -> T,
    ): T {
        val limit = payloadLimit(maxPayload)
        val id = streamId
        val text = textOf(body)
        val bytes = bytesOf(body)
        if (bytes != null && bytes.size > Scratch.SIZE - Scratch.ROOM - (text?.size ?: 0)) {
            return large(text, bytes, limit)
        }
        val scratch = Scratch.get()
        var at = 0
        if (text != null) {
            // More than any message may have is refused as it is, whatever is cut off.
            at = minOf(text.size, Scratch.SIZE / 2)
            scratch.put(0, text, 0, at)
        }
        if (bytes != null) scratch.put(at, bytes)
        val length = Native.encode(
            scratch.address, tagOf(body), id.high, id.low, xOf(body), yOf(body), at, bytes?.size ?: 0, limit,
        )
        return small(scratch, length)
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
            val limit = payloadLimit(maxPayload)
            val longs = LongArray(Native.FRAME)
            if (length <= Scratch.SIZE) {
                val scratch = Scratch.get()
                scratch.put(0, bytes, offset, length)
                Native.decode(scratch.address, length, limit, canonical)
                for (index in longs.indices) longs[index] = scratch.long(index)
                // The native side has seen this frame alone.
                longs[5] += offset.toLong()
                longs[7] += offset.toLong()
            } else {
                Native.decodeFrame(bytes, offset, length, limit, canonical, longs)
            }
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
    var out = NONE
    encodeAll(
        frames, maxPayload,
        { scratch, length -> out = if (out.isEmpty()) scratch.take(length) else out.with(scratch, length) },
        { out += it.toBytes(maxPayload) },
    )
    return out
}

/**
 * Puts the canonical bytes of the frames, back to back, where [out] stands, on the heap or off it, and moves it on;
 * gives how many they are.
 *
 * @throws IxtException a refusal of specification 20; `BufferTooSmall`; [out] stands where it stood then
 */
public fun encodeBatch(frames: Collection<StreamFrame>, out: ByteBuffer, maxPayload: Int = MAX_PAYLOAD): Int {
    val start = out.position()
    try {
        encodeAll(frames, maxPayload, { scratch, length -> scratch.takeTo(out, length) }, { it.encodeTo(out, maxPayload) })
    } catch (refused: IxtException) {
        out.position(start)
        throw refused
    }
    return out.position() - start
}

/** Encodes as many frames at once as the scratch holds; one that is larger alone. */
private inline fun encodeAll(
    frames: Collection<StreamFrame>,
    maxPayload: Int,
    many: (Scratch, Int) -> Unit,
    large: (StreamFrame) -> Unit,
) {
    val limit = payloadLimit(maxPayload)
    val scratch = Scratch.get()
    val staged = scratch.staged
    var id: StreamId? = null
    var count = 0
    var room = Scratch.SIZE
    staged.clear()
    for (frame in frames) {
        val body = frame.body
        val text = textOf(body)
        val bytes = bytesOf(body)
        val textSize = text?.size ?: 0
        val size = textSize + (bytes?.size ?: 0)
        if (size + Scratch.ROOM > room) {
            if (count > 0) many(scratch, encodeStaged(scratch, count, limit))
            count = 0
            room = Scratch.SIZE
            staged.clear()
            if (size + Scratch.ROOM > room) {
                large(frame)
                continue
            }
        }
        // The layout is that of `Native.encodeMany`: a data frame of the same stream has two longs.
        val other = count == 0 || frame.streamId != id
        val more = body !is StreamData && body !is StreamCredit
        val flags = (if (other) OTHER_ID else 0) or (if (more) MORE else 0)
        staged.putLong(tagOf(body).toLong() or flags or ((size - textSize).toLong() shl 32))
        if (other) {
            id = frame.streamId
            staged.putLong(id.high).putLong(id.low)
        }
        staged.putLong(xOf(body))
        if (more) staged.putLong(yOf(body)).putLong(textSize.toLong())
        if (text != null) staged.put(text)
        if (bytes != null) staged.put(bytes)
        count++
        room -= size + Scratch.ROOM
    }
    if (count > 0) many(scratch, encodeStaged(scratch, count, limit))
}

private fun encodeStaged(scratch: Scratch, count: Int, limit: Int): Int {
    scratch.putStaged(scratch.staged.position())
    return Native.encodeMany(scratch.address, count, limit)
}

private fun ByteArray.with(scratch: Scratch, length: Int): ByteArray =
    copyOf(Math.addExact(size, length)).also { scratch.takeTo(it, size, length) }

/** Puts bytes, or nothing where they do not fit. */
private fun ByteBuffer.append(bytes: ByteArray): Int {
    if (bytes.size > remaining()) throw IxtException(ErrorKind.BufferTooSmall)
    put(bytes)
    return bytes.size
}

/** Where a frame of a batch has an id of its own. */
private const val OTHER_ID = 1L shl 16

/** Where it has a second number and a text. */
private const val MORE = 1L shl 17

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
