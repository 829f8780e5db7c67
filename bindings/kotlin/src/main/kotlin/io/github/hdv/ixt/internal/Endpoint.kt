package io.github.hdv.ixt.internal

import io.github.hdv.ixt.CancelReason
import io.github.hdv.ixt.CloseReason
import io.github.hdv.ixt.ErrorKind
import io.github.hdv.ixt.FrameSink
import io.github.hdv.ixt.IxtException
import io.github.hdv.ixt.Outcome
import io.github.hdv.ixt.Stream
import io.github.hdv.ixt.StreamClose
import io.github.hdv.ixt.StreamEndedException
import io.github.hdv.ixt.StreamEvent
import io.github.hdv.ixt.StreamFrame
import io.github.hdv.ixt.split
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import java.lang.ref.WeakReference
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/**
 * One end of a stream with its sink, its queue and those who wait, behind one lock.
 *
 * Inputs change the state under the lock and leave what is to be done outside: frames for the sink, waiters to
 * resume. One thread at a time does that ([pump]); another one that comes meanwhile leaves it to that thread. So
 * nothing of the application runs under the lock, and frames leave in their order.
 */
internal class Endpoint(val stream: Stream, private val sink: FrameSink) {
    private val lock = ReentrantLock()
    private val tasks = ArrayDeque<Task>()
    private val waiters = HashMap<Long, Waiter>()
    private val queue = ArrayDeque<ByteArray>()
    private val arrival = Channel<Unit>(Channel.CONFLATED)
    private var timer: Job? = null
    private var pumping = false
    private var released = false

    /** No message comes any more; what is in the queue is still to be received. */
    private var closed = false

    /** What the sink threw. */
    private var gone: Throwable? = null

    /** This end sends exactly one message, so that its close follows that at once. */
    @Volatile
    var one = false

    /** How the stream ended. */
    @Volatile
    var outcome: Outcome? = null
        private set

    /** Broken rules of the peer that ended no stream. */
    @Volatile
    var violations = 0L
        private set

    /** Done when the stream has ended, or was released. */
    val ended = CompletableDeferred<Outcome?>()

    /** Called outside the lock when a message has come or none will come any more. */
    @Volatile
    var onArrival: Runnable? = null

    /** Called outside the lock when the credit may have grown or the stream has ended. */
    @Volatile
    var onCredit: Runnable? = null

    /** What is to be done outside the lock. */
    private sealed interface Task {
        class Leave(val frame: ByteArray, val data: Boolean, val waiter: Waiter?) : Task
        class Fail(val waiter: Waiter, val why: Throwable) : Task
        class Call(val call: Runnable) : Task
    }

    /** Runs an input under the lock, and does what follows from it. */
    inline fun <T> command(input: Endpoint.() -> T): T {
        val result = lock.withLock {
            val result = refusedAsEnded(input)
            drain()
            result
        }
        pump()
        return result
    }

    /** The error of a stream that ended by its sink says by what. */
    private inline fun <T> refusedAsEnded(input: Endpoint.() -> T): T = try {
        input()
    } catch (refused: StreamEndedException) {
        throw if (gone == null) refused else StreamEndedException(refused.outcome, gone)
    }

    /** Sends one message if there is credit that nobody waits for; false for none. */
    fun offer(payload: ByteArray): Boolean {
        lock.withLock {
            val frame = refusedAsEnded { stream.offer(payload) } ?: return false
            tasks += Task.Leave(frame, data = true, waiter = null)
            finishOne()
        }
        pump()
        return true
    }

    /** Sends one message, waiting for credit in the order of the calls. */
    suspend fun send(payload: ByteArray) {
        if (offer(payload)) return
        val waiter = Waiter(payload)
        try {
            suspendCancellableCoroutine { continuation ->
                waiter.continuation = continuation
                command {
                    waiter.ticket = stream.awaitCredit()
                    waiters[waiter.ticket] = waiter
                }
                continuation.invokeOnCancellation { giveUp(waiter) }
            }
        } catch (cancelled: CancellationException) {
            // A message that has its place leaves: so the call is over and did what it was to do.
            if (!waiter.sent) throw cancelled
        }
    }

    private fun giveUp(waiter: Waiter) {
        lock.withLock {
            if (waiters.remove(waiter.ticket) == null || released) return
            stream.dropTicket(waiter.ticket)
            drain()
        }
        // What the sink throws has ended the stream, and everybody hears it by that.
        runCatching { pump() }
    }

    private fun serve(ticket: Long) {
        val waiter = waiters.remove(ticket) ?: return
        try {
            val frame = stream.sendWith(ticket, waiter.payload)
            waiter.sent = true
            tasks += Task.Leave(frame, data = true, waiter)
        } catch (refused: IxtException) {
            stream.dropTicket(ticket)
            tasks += Task.Fail(waiter, refused)
            return
        }
        finishOne()
    }

    private fun finishOne() {
        if (!one) return
        // There is nothing more to send, and the message is there, so this is not refused.
        stream.end(CloseReason.Completed)
        drain()
    }

    /** Takes whole frames of the peer. */
    fun feed(bytes: ByteArray, offset: Int, length: Int) {
        val whole = lock.withLock {
            val received = stream.receive(bytes, offset, length)
            take(received.transmit, received.events)
            received.consumed == length
        }
        pump()
        if (!whole) throw IxtException(ErrorKind.Truncated)
    }

    fun feed(frame: StreamFrame) {
        lock.withLock {
            val received = stream.receive(frame)
            take(received.transmit, received.events)
        }
        pump()
    }

    /** Puts a frame of the engine among those that leave. */
    fun leave(frame: ByteArray) {
        tasks += Task.Leave(frame, data = false, waiter = null)
    }

    private fun drain() {
        val drained = stream.drain()
        take(drained.transmit, drained.events)
    }

    private fun take(transmit: ByteArray, events: List<StreamEvent>) {
        val before = outcome
        if (before == null) {
            outcome = stream.outcome
            if (outcome is Outcome.Failed || outcome is Outcome.Cancelled) dropUnsent()
        }
        var at = 0
        while (at < transmit.size) {
            val size = split(transmit, at).size
            leave(transmit.copyOfRange(at, at + size))
            at += size
        }
        for (event in events) {
            when (event) {
                is StreamEvent.Data -> {
                    queue += event.data.payload
                    arrived()
                }
                is StreamEvent.TicketReady -> serve(event.ticket)
                is StreamEvent.TicketEnded ->
                    waiters.remove(event.ticket)?.let { tasks += Task.Fail(it, StreamEndedException(outcome, gone)) }
                is StreamEvent.CreditGrown -> creditGrew()
                is StreamEvent.PeerClosed -> {
                    closed = true
                    arrived()
                }
                is StreamEvent.Finished -> creditGrew()
                is StreamEvent.RuleBroken -> violations++
                is StreamEvent.Opened, is StreamEvent.Failed, is StreamEvent.Cancelled -> Unit
            }
        }
        if (before == null && outcome != null) settle()
    }

    /** Data that has not left when the stream fails or is cancelled never leaves, and neither does a close. */
    private fun dropUnsent() {
        val unsent = tasks.filterIsInstance<Task.Leave>().filter {
            it.data || StreamFrame.fromBytes(it.frame, Int.MAX_VALUE).body is StreamClose
        }
        if (unsent.isEmpty()) return
        tasks.removeAll(unsent.toSet())
        unsent.mapNotNull { it.waiter }.forEach { tasks += Task.Fail(it, StreamEndedException(outcome, gone)) }
    }

    /** Tells everybody once that the stream has ended. */
    private fun settle() {
        closed = true
        timer?.cancel()
        timer = null
        val how = outcome
        tasks += Task.Call { ended.complete(how) }
        arrived()
        creditGrew()
    }

    private fun arrived() {
        arrival.trySend(Unit)
        onArrival?.let { tasks += Task.Call(it) }
    }

    private fun creditGrew() {
        onCredit?.let { tasks += Task.Call(it) }
    }

    /**
     * Does what is to be done, until there is nothing. One thread at a time; what the sink throws ends the stream and
     * is thrown on at the end.
     */
    fun pump() {
        var raised: Throwable? = null
        var task = lock.withLock { if (pumping) null else next() } ?: return
        while (true) {
            val failed = try {
                run(task)
                null
            } catch (thrown: Throwable) {
                raised = raised ?: thrown
                thrown
            }
            task = lock.withLock {
                if (failed != null) breakOff(failed)
                next()
            } ?: break
        }
        raised?.let { throw it }
    }

    /** The next task; who gets none does not pump any more. Under the lock. */
    private fun next(): Task? = tasks.removeFirstOrNull().also { pumping = it != null }

    private fun run(task: Task) {
        when (task) {
            is Task.Leave -> {
                try {
                    sink.send(task.frame)
                } catch (thrown: Throwable) {
                    task.waiter?.fail(StreamEndedException(outcome, thrown))
                    throw thrown
                }
                task.waiter?.done()
            }
            is Task.Fail -> task.waiter.fail(task.why)
            is Task.Call -> task.call.run()
        }
    }

    /** Ends a stream whose sink is gone: it gets nothing more. */
    private fun breakOff(why: Throwable) {
        if (gone == null) gone = why
        if (!released && outcome == null) {
            stream.cancel(CancelReason.ConsumerGone)
            drain()
        }
        val left = tasks.filterIsInstance<Task.Leave>()
        tasks.removeAll(left.toSet())
        left.mapNotNull { it.waiter }.forEach { tasks += Task.Fail(it, StreamEndedException(outcome, gone)) }
    }

    /** The next message; null once the peer's direction has ended in order. */
    suspend fun take(): ByteArray? {
        while (true) {
            val payload = poll()
            if (payload != null || isDrained()) return payload
            arrival.receive()
        }
    }

    /** The next message if it is there. [consumed] follows, when the application is done with it. */
    fun poll(): ByteArray? = lock.withLock {
        val payload = queue.removeFirstOrNull()
        // One token may stand for several messages, and for the end: it is passed on to whoever else receives.
        if (payload != null && queue.isNotEmpty() || closed) arrival.trySend(Unit)
        payload
    }

    /** Whether all messages were taken and none will come, in order; fails where the stream did. */
    fun isDrained(): Boolean = lock.withLock {
        if (!closed || queue.isNotEmpty()) return false
        if (released) throw IxtException(ErrorKind.Closed)
        val how = outcome
        if (how is Outcome.Failed || how is Outcome.Cancelled) throw StreamEndedException(how, gone)
        true
    }

    /** The application is done with one message: grants what may be due. */
    fun consumed() {
        lock.withLock {
            if (released) return
            stream.consume(1u)
            drain()
        }
        pump()
    }

    /** Ends the stream at its deadline. The timer holds no endpoint. */
    fun watch(scope: CoroutineScope, deadlineMs: ULong, leftMs: Long) {
        val weak = WeakReference(this)
        lock.withLock {
            if (outcome != null) return
            timer = scope.launch {
                delay(leftMs)
                // The engine is told its own time: a step of the wall clock does not matter.
                runCatching { weak.get()?.command { if (!released) stream.handleTimeout(deadlineMs) } }
            }
        }
    }

    /** Gives the stream up: one that has not ended is cancelled. */
    fun release() {
        lock.withLock {
            if (released) return
            if (outcome == null) {
                stream.cancel(CancelReason.ConsumerGone)
                drain()
            }
            released = true
            closed = true
            queue.clear()
            onArrival = null
            onCredit = null
            arrival.trySend(Unit)
            stream.close()
        }
        pump()
    }
}
