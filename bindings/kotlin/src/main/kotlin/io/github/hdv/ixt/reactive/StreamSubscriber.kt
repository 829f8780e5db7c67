package io.github.hdv.ixt.reactive

import io.github.hdv.ixt.StreamErrorCode
import io.github.hdv.ixt.StreamSender
import org.reactivestreams.Subscriber
import org.reactivestreams.Subscription
import java.util.concurrent.atomic.AtomicInteger

/**
 * Sends what a Reactive Streams publisher gives: it requests as much as there is credit, and sends each message as it
 * comes. The end of the publisher closes this direction, and its error fails the stream as `internal`; the end of
 * the stream cancels the subscription. Nobody else sends by [sender] meanwhile.
 */
public class StreamSubscriber(private val sender: StreamSender) : Subscriber<ByteArray> {
    private val lock = Any()
    private var subscription: Subscription? = null
    private var over = false

    /** Requested and not yet there. */
    private var outstanding = 0L

    /** Who wants to ask; who finds it at 0 does it, one at a time. */
    private val asking = AtomicInteger()

    override fun onSubscribe(subscription: Subscription) {
        val first = synchronized(lock) {
            (this.subscription == null && !over).also { if (it) this.subscription = subscription }
        }
        if (!first) return subscription.cancel()
        sender.endpoint.onCredit = Runnable(::ask)
        ask()
    }

    override fun onNext(payload: ByteArray) {
        synchronized(lock) { outstanding-- }
        // What comes after the cancel is not sent.
        if (synchronized(lock) { over }) return
        val sent = runCatching { sender.trySendData(payload) }.getOrDefault(false)
        if (!sent) {
            // Too large, one too many, or no credit: what was requested cannot be sent. The stream may be over too.
            runCatching { sender.error(StreamErrorCode.Internal, "a message of the publisher could not be sent") }
        }
        ask()
    }

    override fun onError(error: Throwable) {
        finish()
        runCatching { sender.error(StreamErrorCode.Internal, "the publisher failed") }
    }

    override fun onComplete() {
        finish()
        // Refused where the kind demands a message that did not come: then the stream has failed.
        if (runCatching { sender.close() }.isFailure) {
            runCatching { sender.error(StreamErrorCode.Internal, "the publisher ended without a message") }
        }
    }

    private fun finish() {
        synchronized(lock) {
            over = true
            subscription = null
        }
        sender.endpoint.onCredit = null
    }

    private fun ask() {
        if (asking.getAndIncrement() != 0) return
        var done = 1
        do {
            request()
            done = asking.addAndGet(-done)
        } while (done != 0)
    }

    /** Requests what there is credit for beyond what was requested; cancels where the stream has ended. */
    private fun request() {
        val open = synchronized(lock) { subscription } ?: return
        if (sender.outcome != null) {
            finish()
            return open.cancel()
        }
        val credit = runCatching { sender.credit.toLong() }.getOrDefault(0)
        val more = synchronized(lock) {
            (credit - outstanding).coerceAtLeast(0).also { outstanding += it }
        }
        if (more > 0) open.request(more)
    }
}
