package io.github.hdv.ixt.reactive

import io.github.hdv.ixt.InteractionKind
import io.github.hdv.ixt.IxtException
import io.github.hdv.ixt.Loopback
import io.github.hdv.ixt.StreamErrorCode
import io.github.hdv.ixt.StreamId
import io.github.hdv.ixt.StreamSender
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.reactivestreams.Publisher
import org.reactivestreams.Subscriber
import org.reactivestreams.Subscription
import org.reactivestreams.tck.PublisherVerification
import org.reactivestreams.tck.SubscriberBlackboxVerification
import org.reactivestreams.tck.SubscriberWhiteboxVerification
import org.reactivestreams.tck.TestEnvironment
import org.testng.annotations.Test

/** How long a signal may take, and how long none is waited for, in milliseconds. */
private fun environment() = TestEnvironment(4000, 100, 100)

private val scope = CoroutineScope(Dispatchers.Default)

/** The publisher of a stream whose peer sends under credit, over a loopback. */
@Test
class PublisherTest : PublisherVerification<ByteArray>(environment()) {
    override fun createPublisher(elements: Long): Publisher<ByteArray> {
        val loopback = Loopback(InteractionKind.BidiStream)
        scope.launch {
            try {
                for (number in 0 until elements) loopback.responder.sender.sendData(byteArrayOf(number.toByte()))
                loopback.responder.sender.close()
            } catch (_: IxtException) {
                // The subscriber has cancelled.
            }
        }
        return StreamPublisher(loopback.opener)
    }

    override fun createFailedPublisher(): Publisher<ByteArray> {
        val loopback = Loopback()
        loopback.responder.sender.error(StreamErrorCode.Unavailable)
        return StreamPublisher(loopback.opener)
    }
}

private fun sender(credit: UInt) = StreamSender(StreamId.newV7(), {}, credit)

/** The subscriber of a sender with credit, as anybody sees it. */
@Test
class SubscriberBlackboxTest : SubscriberBlackboxVerification<ByteArray>(environment()) {
    override fun createSubscriber(): Subscriber<ByteArray> = StreamSubscriber(sender(8u))

    override fun createElement(element: Int): ByteArray = byteArrayOf(element.toByte())
}

/** The subscriber of a sender without credit: each request that the suite asks for is a grant of the peer. */
@Test
class SubscriberWhiteboxTest : SubscriberWhiteboxVerification<ByteArray>(environment()) {
    override fun createElement(element: Int): ByteArray = byteArrayOf(element.toByte())

    override fun createSubscriber(probe: WhiteboxSubscriberProbe<ByteArray>): Subscriber<ByteArray> {
        val sender = sender(0u)
        val subscriber = StreamSubscriber(sender)
        return object : Subscriber<ByteArray> {
            private var puppet: SubscriberPuppet? = null

            override fun onSubscribe(subscription: Subscription) {
                subscriber.onSubscribe(subscription)
                if (puppet != null) return
                val made = object : SubscriberPuppet {
                    override fun triggerRequest(elements: Long) = sender.grantCredit(elements.toUInt())
                    override fun signalCancel() {
                        sender.cancel()
                    }
                }
                puppet = made
                probe.registerOnSubscribe(made)
            }

            override fun onNext(element: ByteArray) {
                subscriber.onNext(element)
                probe.registerOnNext(element)
            }

            override fun onError(cause: Throwable) {
                subscriber.onError(cause)
                probe.registerOnError(cause)
            }

            override fun onComplete() {
                subscriber.onComplete()
                probe.registerOnComplete()
            }
        }
    }
}
