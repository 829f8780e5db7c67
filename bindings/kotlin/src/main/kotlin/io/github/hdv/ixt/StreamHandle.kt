package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Deadlines
import io.github.hdv.ixt.internal.Endpoint
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.cancel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch

/**
 * One end of a stream. The transport hands it the peer's frames by [feed]; the application receives by [incoming] or
 * [receive], and sends by [sender]. Any thread and any coroutine may use it.
 *
 * A message counts as consumed when the collector is done with it, or at once by [receive]; what is consumed is granted
 * again in steps of half a window. The deadline of the context ends the stream.
 *
 * @property kind how many messages each side may send
 * @property context who invokes what
 */
public class StreamHandle private constructor(
    internal val endpoint: Endpoint,
    public val kind: InteractionKind,
    public val context: InvocationContext,
) : AutoCloseable {
    /** Sends this end's direction. */
    public val sender: StreamSender = StreamSender(endpoint)

    /** The stream's id. */
    public val streamId: StreamId get() = sender.streamId

    /** How the stream ended; null before its end. */
    public val outcome: Outcome? get() = endpoint.outcome

    /** The halves and the counters; refused as `Closed` after [close]. */
    public val state: StreamState get() = endpoint.stream.state

    /**
     * What the peer did against the rules without ending the stream, such as frames of another stream; for diagnosis,
     * since correct peers cause some of it by crossing.
     */
    public val violations: Long get() = endpoint.violations

    /**
     * The messages, until the peer's direction ends in order. It fails with [StreamEndedException] where the stream
     * failed, was cancelled or passed its deadline; messages that came before are given first. It may be collected
     * again, and goes on then; several collectors share the messages.
     */
    public val incoming: Flow<ByteArray> = flow {
        while (true) {
            val payload = endpoint.take() ?: break
            try {
                emit(payload)
            } finally {
                endpoint.consumed()
            }
        }
    }

    /**
     * The next message; null once the peer's direction has ended in order.
     *
     * @throws StreamEndedException where the stream failed, was cancelled or passed its deadline; messages that came
     * before are given first
     */
    public suspend fun receive(): ByteArray? = endpoint.take()?.also { endpoint.consumed() }

    /**
     * Takes whole frames of the peer, of whichever kind. It does not wait for the application: what it queues is
     * bounded by the window, since a peer that sends more breaks a rule. A frame that breaks a rule is no error of
     * this call, but ends the stream and tells the peer.
     *
     * @throws IxtException a refusal of specification 20: the peer's bytes cannot be trusted any more
     */
    public fun feed(frames: ByteArray, offset: Int = 0, length: Int = frames.size - offset): Unit =
        endpoint.feed(frames, offset, length)

    /** Takes one frame of the peer; see [feed]. */
    public fun feed(frame: StreamFrame): Unit = endpoint.feed(frame)

    /** Waits for the end of the stream, in whatever way. */
    public suspend fun join(): Outcome? = endpoint.ended.await()

    /**
     * Runs a handler that belongs to the stream. When the stream fails, is cancelled or passes its deadline, the
     * handler is cancelled and [StreamEndedException] thrown. When the handler returns, this end's direction is closed
     * as completed; when it throws, the stream fails as `internal`; when it is cancelled, so is the stream.
     */
    public suspend fun <T> serve(handler: suspend CoroutineScope.(StreamHandle) -> T): T {
        val result = try {
            coroutineScope {
                val watch = launch(start = CoroutineStart.UNDISPATCHED) {
                    val how = endpoint.ended.await()
                    if (how !is Outcome.Completed) this@coroutineScope.cancel("the stream has ended")
                }
                handler(this@StreamHandle).also { watch.cancel() }
            }
        } catch (cancelled: CancellationException) {
            val how = outcome
            if (how is Outcome.Failed || how is Outcome.Cancelled) throw StreamEndedException(how, cancelled)
            sender.cancel(CancelReason.Shutdown)
            throw cancelled
        } catch (ended: StreamEndedException) {
            throw ended
        } catch (failed: Throwable) {
            sender.error(StreamErrorCode.Internal)
            throw failed
        }
        sender.close()
        return result
    }

    /**
     * Gives the stream up: one that has not ended is cancelled as `consumerGone`, everybody who waits fails, and the
     * native memory is freed. It may be called again; other calls are refused as `Closed` from then on.
     */
    override fun close(): Unit = endpoint.release()

    override fun toString(): String = "StreamHandle($streamId, $kind)"

    public companion object {
        /**
         * Opens a stream: puts the open frame into [sink], with the whole window as the responder's first credit.
         *
         * @param scope where the deadline is timed
         * @throws StreamEndedException where the deadline has passed already; nothing was sent then
         * @throws IxtException a window that is not 1 to 2^31 - 1
         */
        public fun open(
            sink: FrameSink,
            kind: InteractionKind = InteractionKind.BidiStream,
            context: InvocationContext = InvocationContext.anonymous(),
            streamId: StreamId = StreamId.newV7(),
            options: StreamOptions = StreamOptions(),
            scope: CoroutineScope = Deadlines.scope,
        ): StreamHandle {
            val left = left(context)
            if (left == 0L) {
                throw StreamEndedException(
                    Outcome.Cancelled(CancelReason.DeadlineExceeded, "the deadline passed", By.Local),
                )
            }
            val stream = Stream.opener(kind, options.maxPayload, options.window, options.agreedCredit)
            val endpoint = Endpoint(stream, sink)
            endpoint.command { leave(stream.open(streamId, options.window, context.toBytes())) }
            return of(endpoint, kind, context, left, scope)
        }

        /**
         * Accepts a stream by its open frame, and grants the whole window.
         *
         * @param scope where the deadline is timed
         * @throws StreamEndedException where the open breaks a rule, its context does not decode, or its deadline has
         * passed already; the peer has been told by a frame in [sink]
         * @throws IxtException `InvalidArgument` for a frame that is no open
         */
        public fun fromOpen(
            frame: StreamFrame,
            sink: FrameSink,
            options: StreamOptions = StreamOptions(),
            scope: CoroutineScope = Deadlines.scope,
        ): StreamHandle {
            val open = frame.body as? StreamOpen ?: throw IxtException(ErrorKind.InvalidArgument, "kind")
            val stream = Stream.responder(options.maxPayload, options.window, options.agreedCredit)
            val endpoint = Endpoint(stream, sink)
            endpoint.feed(frame)
            if (endpoint.outcome == null) {
                endpoint.command { stream.handleTimeout(System.currentTimeMillis().toULong()) }
            }
            endpoint.outcome?.let {
                endpoint.release()
                throw StreamEndedException(it)
            }
            val context = InvocationContext.fromBytes(open.context)
            return of(endpoint, open.interaction, context, left(context), scope)
        }

        /** Accepts a stream by the bytes of its open frame; see [fromOpen]. */
        public fun fromOpen(
            frame: ByteArray,
            sink: FrameSink,
            options: StreamOptions = StreamOptions(),
            scope: CoroutineScope = Deadlines.scope,
        ): StreamHandle = fromOpen(StreamFrame.fromBytes(frame, options.maxPayload), sink, options, scope)

        private fun of(
            endpoint: Endpoint,
            kind: InteractionKind,
            context: InvocationContext,
            left: Long?,
            scope: CoroutineScope,
        ): StreamHandle {
            endpoint.one = endpoint.stream.sendsExactlyOne
            val deadline = context.deadlineMs
            if (deadline != null && left != null) endpoint.watch(scope, deadline, left)
            return StreamHandle(endpoint, kind, context)
        }

        /** Milliseconds to the deadline by the wall clock of now; what runs from then on is monotonic. */
        private fun left(context: InvocationContext): Long? = context.deadlineMs?.let {
            val now = System.currentTimeMillis().toULong()
            if (it <= now) 0 else minOf(it - now, Long.MAX_VALUE.toULong()).toLong()
        }
    }
}
