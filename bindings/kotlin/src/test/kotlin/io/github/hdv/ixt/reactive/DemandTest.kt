package io.github.hdv.ixt.reactive

import io.github.hdv.ixt.Loopback
import io.github.hdv.ixt.StreamCredit
import org.reactivestreams.Subscriber
import org.reactivestreams.Subscription
import org.testng.annotations.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** Demand has no bound, and what the peer may send has one: the window. */
class DemandTest {
    private class Receiver(private val onMessage: (Int) -> Unit) : Subscriber<ByteArray> {
        lateinit var subscription: Subscription
        var received = 0
        var complete = false

        override fun onSubscribe(subscription: Subscription) {
            this.subscription = subscription
        }

        override fun onNext(payload: ByteArray) {
            assertEquals(received.toByte(), payload.single())
            received++
            onMessage(received)
        }

        override fun onError(cause: Throwable) = throw cause

        override fun onComplete() {
            complete = true
        }
    }

    /** What the responder has granted. The opener grants nothing, since nobody sends to it. */
    private fun Loopback.grants() = frames.mapNotNull { (it.body as? StreamCredit)?.frames?.toInt() }

    /** A message is not consumed before onNext returns. */
    private fun Loopback.assertBounded(received: Int) =
        assertTrue(grants().sum() <= received - 1 + WINDOW, "${grants()} at message $received")

    @Test
    fun demandWithoutBoundLeavesAsBoundedGrants() {
        Loopback(window = WINDOW.toUInt()).use { loopback ->
            val receiver = Receiver { loopback.assertBounded(it) }
            StreamPublisher(loopback.responder).subscribe(receiver)
            receiver.subscription.request(Long.MAX_VALUE)
            receiver.subscription.request(Long.MAX_VALUE)
            assertEquals(WINDOW, loopback.grants().sum())
            repeat(MESSAGES) { assertTrue(loopback.opener.sender.trySendData(byteArrayOf(it.toByte())), "message $it") }
            loopback.opener.sender.close()
            assertEquals(MESSAGES, receiver.received)
            assertTrue(receiver.complete)
            assertTrue(loopback.grants().all { it in 1..WINDOW }, loopback.grants().toString())
            assertTrue(loopback.grants().sum() > MESSAGES - WINDOW)
        }
    }

    @Test
    fun whatNobodyAskedForIsNotConsumed() {
        Loopback(window = WINDOW.toUInt()).use { loopback ->
            // These are delivered by who asks, and what is due leaves at once.
            val receiver = Receiver { loopback.assertBounded(it) }
            StreamPublisher(loopback.responder).subscribe(receiver)
            var sent = 0
            while (loopback.opener.sender.trySendData(byteArrayOf(sent.toByte()))) sent++
            assertEquals(WINDOW to 0, sent to receiver.received)
            receiver.subscription.request(WINDOW / 2L)
            assertEquals(WINDOW / 2, receiver.received)
            while (loopback.opener.sender.trySendData(byteArrayOf(sent.toByte()))) sent++
            assertEquals(WINDOW + WINDOW / 2, sent)
            assertFalse(receiver.complete)
        }
    }

    private companion object {
        const val WINDOW = 4
        const val MESSAGES = 100
    }
}
