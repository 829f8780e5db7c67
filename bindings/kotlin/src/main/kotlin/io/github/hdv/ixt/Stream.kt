package io.github.hdv.ixt

import io.github.hdv.ixt.internal.NONE
import io.github.hdv.ixt.internal.Native
import io.github.hdv.ixt.internal.Scratch
import io.github.hdv.ixt.internal.utf8
import java.lang.ref.Cleaner
import java.util.Objects

/**
 * One endpoint of one stream, without IO: commands, frames and the time go in, frames and events come out. It is
 * what [StreamHandle] and [StreamSender] are made of; routers and tests use it directly.
 *
 * **After every input, [drain]**; [receive] drains by itself. Data frames leave in the order in which they were given,
 * `close` after them, and after an `error` or a `cancel` nothing leaves.
 *
 * Any thread may use it; each call is one step. It holds native memory until [close], or until it is collected.
 *
 * @property maxPayload the largest payload, for sending and receiving
 */
public class Stream private constructor(handle: Long, public val maxPayload: Int) : AutoCloseable {
    private var handle = handle
    private val cleanable: Cleaner.Cleanable = CLEANER.register(this, Release(handle))
    private val longs = LongArray(Native.HEADER + Native.EVENTS * Native.EVENT)

    /**
     * Opens the stream and gives the frame to transmit, before any other. No bytes of a context are anonymous.
     *
     * @throws IxtException `AlreadyOpen`; `NotOpen` at a responder; `WindowOverflow`; a refusal of the context
     */
    @Synchronized
    public fun open(streamId: StreamId, initialCredit: UInt = 0u, context: ByteArray = NONE): ByteArray =
        Native.streamOpen(live(), streamId.high, streamId.low, initialCredit.toInt(), context)

    /**
     * Spends a free credit and gives the data frame to transmit.
     *
     * @throws IxtException in this order: `NotOpen` or [StreamEndedException], `FrameTooLarge`, `TooManyMessages`,
     * `CreditExhausted`
     */
    public fun trySend(payload: ByteArray): ByteArray =
        offer(payload) ?: throw IxtException(ErrorKind.CreditExhausted)

    /** As [trySend], but null in place of `CreditExhausted`. */
    @Synchronized
    public fun offer(payload: ByteArray): ByteArray? = ending { send(false, 0, payload) }

    /**
     * Spends the credit of a ready ticket and gives the data frame to transmit.
     *
     * @throws IxtException as [trySend]; `CreditExhausted` where the ticket is not ready
     */
    @Synchronized
    public fun sendWith(ticket: Long, payload: ByteArray): ByteArray =
        ending { send(true, ticket, payload) } ?: throw IxtException(ErrorKind.CreditExhausted)

    private fun send(waited: Boolean, ticket: Long, payload: ByteArray): ByteArray? {
        if (payload.size > Scratch.SIZE - Scratch.ROOM) return Native.sendLarge(live(), waited, ticket, payload)
        val scratch = Scratch.get()
        scratch.put(0, payload)
        val length = Native.send(scratch.address, live(), waited, ticket, payload.size)
        return if (length == 0) null else scratch.take(length)
    }

    /**
     * Queues for one credit and gives a ticket; [StreamEvent.TicketReady] says when the credit is there,
     * [StreamEvent.TicketEnded] when the stream went first.
     *
     * @throws IxtException `NotOpen`, [StreamEndedException], `TooManyMessages`
     */
    @Synchronized
    public fun awaitCredit(): Long = ending { Native.streamWait(live()) }

    /** Gives a ticket up. A credit that it held passes on. */
    @Synchronized
    public fun dropTicket(ticket: Long): Unit = Native.streamDropTicket(live(), ticket)

    /**
     * Grants the peer so many further messages, where grants are by hand.
     *
     * @throws IxtException `NotOpen`, `InvalidGrant`, `WindowOverflow`
     */
    @Synchronized
    public fun grant(frames: UInt): Unit = Native.streamGrant(live(), frames.toInt())

    /**
     * The application is done with so many messages: grants again where there is a window.
     *
     * @throws IxtException `InvalidGrant` for more than was delivered; `WindowOverflow`
     */
    @Synchronized
    public fun consume(frames: UInt): Unit = Native.streamConsume(live(), frames.toInt())

    /**
     * Ends this end's direction in order; false where it had ended before.
     *
     * @throws IxtException `NotOpen`; `MissingMessage` where the kind demands one that was not sent
     */
    @Synchronized
    public fun end(reason: CloseReason = CloseReason.Completed): Boolean =
        Native.streamClose(live(), reason.number.toInt())

    /**
     * Ends the stream as failed; false where it had ended before.
     *
     * @throws IxtException `NotOpen`, `MessageTextTooLong`, `BadText`
     */
    @Synchronized
    public fun fail(code: StreamErrorCode, message: String = "", details: ByteArray = NONE): Boolean =
        Native.streamFail(live(), code.number.toInt(), utf8(message, "message"), details)

    /**
     * Ends the stream as cancelled; false where it had ended before.
     *
     * @throws IxtException `NotOpen`, `MessageTextTooLong`, `BadText`
     */
    @Synchronized
    public fun cancel(reason: CancelReason, message: String = ""): Boolean =
        Native.streamCancel(live(), reason.number.toInt(), utf8(message, "message"))

    /** Tells the time, in milliseconds since the Unix epoch; at the deadline the stream ends. */
    @Synchronized
    public fun handleTimeout(nowMs: ULong): Unit = Native.streamTime(live(), nowMs.toLong())

    /** When [handleTimeout] has something to do; null for never. */
    public val nextTimeout: ULong?
        @Synchronized
        get() = Native.streamNextTimeout(live()).toULong().takeIf { it != 0uL }

    /**
     * Takes a read buffer of the peer's frames, and drains.
     *
     * @throws IxtException a refusal of specification 20, unless frames stand before it: these count, and the next
     * call, which begins with it, refuses it. What the peer sends cannot be split any more then. A frame that
     * breaks a rule of streams is no error: it ends the stream
     */
    @Synchronized
    public fun receive(bytes: ByteArray, offset: Int = 0, length: Int = bytes.size - offset): Received {
        Objects.checkFromIndexSize(offset, length, bytes.size)
        val stream = live()
        var transmit: ByteArray? = null
        val events = ArrayList<StreamEvent>(1)
        var consumed = 0
        var ignored = 0
        var first = true
        do {
            val out = try {
                Native.streamReceive(stream, bytes, offset + consumed, length - consumed, longs)
            } catch (refused: IxtException) {
                if (first) throw refused
                break
            }
            first = false
            transmit = joined(transmit, out)
            consumed += longs[0].toInt()
            ignored += longs[1].toInt()
            val full = raise(bytes, events)
        } while (full)
        return Received(consumed, ignored, transmit ?: NONE, events)
    }

    /** Takes one frame of the peer by its value, which no codec need have seen, and drains. */
    @Synchronized
    public fun receive(frame: StreamFrame): Received {
        val stream = live()
        val id = frame.streamId
        val body = frame.body
        val bytes = bytesOf(body)
        val before = drain()
        var transmit = Native.streamReceiveFrame(
            stream, tagOf(body), id.high, id.low, xOf(body), yOf(body), textOf(body), bytes, longs,
        )
        val ignored = longs[1].toInt()
        val events = ArrayList(before.events)
        while (raise(bytes ?: NONE, events)) {
            transmit = joined(transmit, Native.streamDrain(stream, longs))
        }
        return Received(0, ignored, before.transmit + (transmit ?: NONE), events)
    }

    /** The frames to transmit and the events since the last time. */
    @Synchronized
    public fun drain(): Drained {
        val stream = live()
        var transmit: ByteArray? = null
        val events = ArrayList<StreamEvent>(0)
        do {
            transmit = joined(transmit, Native.streamDrain(stream, longs))
        } while (raise(NONE, events))
        return Drained(transmit ?: NONE, events)
    }

    /** The halves and the counters. */
    public val state: StreamState
        @Synchronized
        get() {
            Native.streamState(live(), longs)
            return StreamState(
                Half.entries[longs[0].toInt()], Half.entries[longs[1].toInt()], longs[2].toUInt(), longs[3].toUInt(),
                longs[4].toULong(),
            )
        }

    /** The id, once the stream is open. */
    public val streamId: StreamId?
        @Synchronized
        get() {
            Native.streamState(live(), longs)
            return if (longs[5] or longs[6] == 0L) null else StreamId(longs[5], longs[6])
        }

    /** Whether what this end sends is exactly one message; at a responder it means nothing before the open. */
    public val sendsExactlyOne: Boolean
        @Synchronized
        get() {
            Native.streamState(live(), longs)
            return longs[7] != 0L
        }

    /** How the stream ended, once it has. */
    public val outcome: Outcome?
        @Synchronized
        get() {
            val bytes = Native.streamOutcome(live(), longs) ?: return null
            val number = longs[1].toUShort()
            val by = if (longs[2] == 0L) By.Peer else By.Local
            val split = longs[3].toInt()
            return when (longs[0]) {
                1L -> Outcome.Completed(CloseReason(number))
                2L -> Outcome.Failed(
                    StreamErrorCode(number), bytes.decodeToString(0, split), bytes.copyOfRange(split, bytes.size), by,
                )
                else -> Outcome.Cancelled(CancelReason(number), bytes.decodeToString(), by)
            }
        }

    /** Frees the native memory. Every other call is refused as `Closed` from then on. */
    @Synchronized
    override fun close() {
        handle = 0
        cleanable.clean()
    }

    @Synchronized
    override fun toString(): String = if (handle == 0L) "Stream(closed)" else "Stream($streamId, $state)"

    private fun live(): Long = if (handle != 0L) handle else throw IxtException(ErrorKind.Closed)

    /** What has ended says how. */
    private inline fun <T> ending(call: () -> T): T = try {
        call()
    } catch (refused: IxtException) {
        if (refused.kind == ErrorKind.StreamEnded) throw StreamEndedException(outcome)
        throw refused
    }

    /** Adds what the longs tell; whether there may be more. */
    private fun raise(input: ByteArray, events: MutableList<StreamEvent>): Boolean {
        val count = longs[2].toInt()
        if (count == 0) return false
        // The outcome is asked for meanwhile, and its longs are the same.
        val told = if (count == 1) longs.copyOf(Native.HEADER + Native.EVENT) else longs.copyOf()
        for (index in 0 until count) {
            val at = Native.HEADER + index * Native.EVENT
            val number = told[at + 1]
            events += when (told[at].toInt()) {
                0 -> StreamEvent.Opened(
                    StreamOpen(InteractionKind(number.toUShort()), told[at + 2].toUInt(), part(input, told, at + 3)),
                )
                1 -> StreamEvent.Data(StreamData(number.toULong(), part(input, told, at + 3)))
                2 -> StreamEvent.CreditGrown(number.toUInt())
                3 -> StreamEvent.TicketReady(number)
                4 -> StreamEvent.TicketEnded(number)
                5 -> StreamEvent.PeerClosed(CloseReason(number.toUShort()))
                6 -> StreamEvent.Finished
                7 -> StreamEvent.Failed(outcome as Outcome.Failed)
                8 -> StreamEvent.Cancelled(outcome as Outcome.Cancelled)
                else -> StreamEvent.RuleBroken(Violation.entries[number.toInt()])
            }
        }
        return count == Native.EVENTS
    }

    private fun joined(first: ByteArray?, second: ByteArray?): ByteArray? = when {
        second == null -> first
        first == null -> second
        else -> first + second
    }

    /** Frees the handle of a stream that was closed, or was collected. */
    private class Release(private val handle: Long) : Runnable {
        override fun run() = Native.streamFree(handle)
    }

    public companion object {
        private val CLEANER: Cleaner = Cleaner.create()

        /**
         * The end that will open a stream of this kind.
         *
         * @param window how many messages of the peer may be under way, 1 to 2^31 - 1: grants follow what is
         * consumed; null for grants by hand
         * @param agreedCredit the opener's credit from the beginning, where the connection agreed on one
         * @throws IxtException `InvalidArgument` for another window
         */
        public fun opener(
            kind: InteractionKind,
            maxPayload: Int = MAX_PAYLOAD,
            window: UInt? = null,
            agreedCredit: UInt = 0u,
        ): Stream = Stream(
            Native.streamOpener(kind.number.toInt(), payloadLimit(maxPayload), windowOf(window), agreedCredit.toInt()),
            maxPayload,
        )

        /**
         * The end that will answer an open; see [opener].
         *
         * @throws IxtException `InvalidArgument` for a window that is not 1 to 2^31 - 1
         */
        public fun responder(
            maxPayload: Int = MAX_PAYLOAD,
            window: UInt? = null,
            agreedCredit: UInt = 0u,
        ): Stream = Stream(
            Native.streamResponder(payloadLimit(maxPayload), windowOf(window), agreedCredit.toInt()),
            maxPayload,
        )

        /**
         * The sending end alone of a stream that is open already, for who routes frames by hand: it sends under
         * [credit], takes the peer's credit, error and cancel, and has ended with its [end].
         */
        public fun sender(streamId: StreamId, credit: UInt = 0u, maxPayload: Int = MAX_PAYLOAD): Stream = Stream(
            Native.streamSender(streamId.high, streamId.low, credit.toInt(), payloadLimit(maxPayload)),
            maxPayload,
        )

        /** A window as the native side takes it: 0 for none, and what is no window as one that is refused. */
        private fun windowOf(window: UInt?): Long = when (window) {
            null -> 0
            0u -> -1
            else -> window.toLong()
        }
    }
}
