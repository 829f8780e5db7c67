package io.github.hdv.ixt.reactive

import io.github.hdv.ixt.CancelReason
import io.github.hdv.ixt.IxtException
import io.github.hdv.ixt.StreamHandle
import org.reactivestreams.Publisher
import org.reactivestreams.Subscriber
import org.reactivestreams.Subscription
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong

/**
 * The messages of a stream as a Reactive Streams publisher, for one subscriber: a message is there once.
 *
 * Demand stays here, however large, and the peer sees the grants of the stream's window: a message counts as consumed
 * when `onNext` has returned. Cancelling the subscription cancels the stream as `consumerGone`. Signals come on the
 * thread that asked or that fed the frame.
 */
public class StreamPublisher(private val handle: StreamHandle) : Publisher<ByteArray> {
    private val taken = AtomicBoolean()

    override fun subscribe(subscriber: Subscriber<in ByteArray>) {
        if (taken.compareAndSet(false, true)) {
            Incoming(handle, subscriber).start()
        } else {
            subscriber.onSubscribe(NoSubscription)
            subscriber.onError(IllegalStateException("a stream has one subscriber"))
        }
    }
}

/** Of a subscriber that gets nothing. */
private object NoSubscription : Subscription {
    override fun request(n: Long) = Unit
    override fun cancel() = Unit
}

/** The one subscription. [work] counts who wants something done; who finds it at 0 does it, one at a time. */
private class Incoming(private val handle: StreamHandle, subscriber: Subscriber<in ByteArray>) :
    Subscription, Runnable {
    /** Dropped at the end and after a cancel. */
    private var subscriber: Subscriber<in ByteArray>? = subscriber
    private val demand = AtomicLong()
    private val work = AtomicInteger()

    @Volatile
    private var cancelled = false

    @Volatile
    private var misuse: IllegalArgumentException? = null

    fun start() {
        // Whoever comes meanwhile leaves it to this thread, so that nothing is signalled before onSubscribe returns.
        work.set(1)
        handle.endpoint.onArrival = this
        subscriber?.onSubscribe(this)
        work()
    }

    override fun request(n: Long) {
        if (n > 0) {
            demand.accumulateAndGet(n) { a, b -> if (a + b < 0) Long.MAX_VALUE else a + b }
        } else {
            misuse = IllegalArgumentException("rule 3.9: $n messages cannot be requested")
        }
        run()
    }

    override fun cancel() {
        cancelled = true
        run()
    }

    override fun run() {
        if (work.getAndIncrement() == 0) work()
    }

    private fun work() {
        var done = 1
        do {
            signal()
            done = work.addAndGet(-done)
        } while (done != 0)
    }

    private fun signal() {
        while (true) {
            val subscriber = subscriber ?: return
            val wrong = misuse
            if (cancelled || wrong != null) {
                giveUp()
                if (!cancelled && wrong != null) subscriber.onError(wrong)
                return
            }
            val payload = if (demand.get() > 0) handle.endpoint.poll() else null
            if (payload == null) return end(subscriber)
            // Demand without bound stays without bound.
            if (demand.get() != Long.MAX_VALUE) demand.decrementAndGet()
            subscriber.onNext(payload)
            // What the sink throws has ended the stream, and the end is signalled.
            runCatching { handle.endpoint.consumed() }
        }
    }

    private fun end(subscriber: Subscriber<in ByteArray>) {
        try {
            if (!handle.endpoint.isDrained()) return
            detach()
            subscriber.onComplete()
        } catch (ended: IxtException) {
            detach()
            subscriber.onError(ended)
        }
    }

    private fun giveUp() {
        detach()
        // A stream that was closed has nothing to cancel.
        runCatching { handle.sender.cancel(CancelReason.ConsumerGone) }
    }

    private fun detach() {
        subscriber = null
        handle.endpoint.onArrival = null
    }
}
