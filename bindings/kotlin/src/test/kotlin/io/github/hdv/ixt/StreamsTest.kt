package io.github.hdv.ixt

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import org.testng.annotations.Test
import java.io.IOException
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue

@OptIn(ExperimentalCoroutinesApi::class)
class StreamsTest {
    private fun message(number: Int) = byteArrayOf(number.toByte())

    private fun sent(frames: List<ByteArray>) = frames.map { StreamFrame.fromBytes(it).body }

    @Test
    fun whoWaitsIsServedInOrder() = runTest {
        val frames = ArrayList<ByteArray>()
        val sender = StreamSender(StreamId.newV7(), frames::add)
        val jobs = (0..2).map { launch(start = CoroutineStart.UNDISPATCHED) { sender.sendData(message(it)) } }
        assertTrue(frames.isEmpty())
        sender.grantCredit(1u)
        assertEquals(listOf<FrameBody>(StreamData(0u, message(0))), sent(frames))
        assertFalse(sender.trySendData(message(9)))
        sender.grantCredit(3u)
        assertEquals((0..2).map { StreamData(it.toULong(), message(it)) }, sent(frames))
        assertTrue(sender.trySendData(message(3)))
        assertFalse(sender.trySendData(message(4)))
        jobs.forEach { it.join() }
        assertTrue(jobs.none { it.isCancelled })
    }

    @Test
    fun aCancelledWaiterLosesNoCredit() = runTest {
        val frames = ArrayList<ByteArray>()
        val sender = StreamSender(StreamId.newV7(), frames::add)
        val first = launch(start = CoroutineStart.UNDISPATCHED) { sender.sendData(message(0)) }
        val second = launch(start = CoroutineStart.UNDISPATCHED) { sender.sendData(message(1)) }
        first.cancel()
        sender.grantCredit(1u)
        second.join()
        assertEquals(listOf<FrameBody>(StreamData(0u, message(1))), sent(frames))
        assertEquals(0u, sender.credit)
        assertTrue(first.isCancelled)
    }

    @Test
    fun whatHasLeftIsNotCancelled() = runTest {
        val frames = ArrayList<ByteArray>()
        val sender = StreamSender(StreamId.newV7(), frames::add)
        var returned = false
        val job = launch(start = CoroutineStart.UNDISPATCHED) {
            sender.sendData(message(0))
            returned = true
        }
        sender.grantCredit(1u)
        // The message has left, and the coroutine has not run yet.
        assertEquals(1, frames.size)
        job.cancel()
        job.join()
        assertTrue(returned)
    }

    @Test
    fun whoWaitsHearsTheEnd() = runTest {
        val sender = StreamSender(StreamId.newV7(), {})
        val waiting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { sender.sendData(message(0)) } }
        sender.feed(StreamFrame(sender.streamId, StreamError(StreamErrorCode.Unavailable, message = "gone")))
        val ended = assertIs<StreamEndedException>(waiting.await().exceptionOrNull())
        val expected = Outcome.Failed(StreamErrorCode.Unavailable, "gone", ByteArray(0), By.Peer)
        assertEquals(expected, ended.outcome)
        assertEquals(expected, assertFailsWith<StreamEndedException> { sender.trySendData(message(1)) }.outcome)
        assertEquals(expected, sender.join())
    }

    @Test
    fun whoWaitsHearsTheClose() = runTest {
        val frames = ArrayList<ByteArray>()
        val sender = StreamSender(StreamId.newV7(), frames::add)
        val waiting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { sender.sendData(message(0)) } }
        assertTrue(sender.close())
        assertFalse(sender.close())
        assertIs<StreamEndedException>(waiting.await().exceptionOrNull())
        assertEquals(listOf<FrameBody>(StreamClose(CloseReason.Completed, 0u)), sent(frames))
    }

    @Test
    fun whatIsTooLargeIsRefusedAtOnce() = runTest {
        val sender = StreamSender(StreamId.newV7(), {}, maxPayload = 4)
        val refused = assertFailsWith<IxtException> { sender.sendData(ByteArray(5)) }
        assertEquals(ErrorKind.FrameTooLarge, refused.kind)
    }

    @Test
    fun oneMessageBringsItsCloseAlong() = runTest {
        Loopback(InteractionKind.Unary).use { loopback ->
            loopback.opener.sender.sendData(message(1))
            assertContentEquals(message(1), loopback.responder.receive())
            assertNull(loopback.responder.receive())
            assertTrue(loopback.responder.sender.trySendData(message(2)))
            assertContentEquals(message(2), loopback.opener.receive())
            assertNull(loopback.opener.receive())
            val bodies = loopback.frames.map { it.body }.filter { it !is StreamOpen }
            val both = listOf(1, 2).flatMap {
                listOf(StreamData(0u, message(it)), StreamClose(CloseReason.Completed, 1u))
            }
            assertEquals(both, bodies)
            assertEquals(Outcome.Completed(CloseReason.Completed), loopback.opener.outcome)
            assertEquals(Outcome.Completed(CloseReason.Completed), loopback.responder.outcome)
        }
    }

    @Test
    fun grantsFollowWhatIsConsumed() = runTest {
        Loopback(window = 4u).use { loopback ->
            var sent = 0
            launch(start = CoroutineStart.UNDISPATCHED) {
                repeat(10) {
                    loopback.opener.sender.sendData(message(it))
                    sent++
                }
                loopback.opener.sender.close()
            }
            runCurrent()
            assertEquals(4, sent)
            var seen = 0
            loopback.responder.incoming.collect {
                assertEquals(seen.toByte(), it.single())
                seen++
                runCurrent()
                // Two steps of half a window at most beyond what the collector is done with.
                assertTrue(sent <= seen - 1 + 4, "$sent sent, ${seen - 1} consumed")
            }
            assertEquals(10, seen)
        }
    }

    @Test
    fun aFlowGoesOnWhereItWasLeft() = runTest {
        Loopback().use { loopback ->
            repeat(5) { loopback.opener.sender.sendData(message(it)) }
            loopback.opener.sender.close()
            val first = loopback.responder.incoming.take(2).toList()
            val rest = loopback.responder.incoming.toList()
            assertEquals(listOf(0, 1, 2, 3, 4), (first + rest).map { it.single().toInt() })
        }
    }

    @Test
    fun messagesBeforeAFailureAreGivenFirst() = runTest {
        Loopback().use { loopback ->
            loopback.opener.sender.sendData(message(1))
            loopback.opener.sender.cancel(CancelReason.Superseded, "newer")
            assertContentEquals(message(1), loopback.responder.receive())
            val ended = assertFailsWith<StreamEndedException> { loopback.responder.receive() }
            assertEquals(Outcome.Cancelled(CancelReason.Superseded, "newer", By.Peer), ended.outcome)
            assertFailsWith<StreamEndedException> { loopback.responder.incoming.toList() }
        }
    }

    @Test
    fun theDeadlineEndsTheStream() = runTest {
        val now = System.currentTimeMillis().toULong()
        val context = InvocationContext(deadlineMs = now + 60_000u)
        val frames = ArrayList<ByteArray>()
        val handle = StreamHandle.open(frames::add, context = context, scope = this)
        val waiting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { handle.receive() } }
        advanceTimeBy(50_000)
        assertNull(handle.outcome)
        advanceTimeBy(11_000)
        val outcome = assertIs<Outcome.Cancelled>(handle.outcome)
        assertEquals(CancelReason.DeadlineExceeded to By.Local, outcome.reason to outcome.by)
        assertEquals(outcome, assertIs<StreamEndedException>(waiting.await().exceptionOrNull()).outcome)
        assertIs<StreamCancel>(sent(frames).last())
        handle.close()
    }

    @Test
    fun aDeadlineInThePastOpensNothing() {
        val late = InvocationContext(deadlineMs = 1u)
        val frames = ArrayList<ByteArray>()
        assertFailsWith<StreamEndedException> { StreamHandle.open(frames::add, context = late) }
        assertTrue(frames.isEmpty())

        val open = StreamOpen(InteractionKind.BidiStream, 1u, late.toBytes())
        val ended = assertFailsWith<StreamEndedException> {
            StreamHandle.fromOpen(StreamFrame(StreamId.newV7(), open), frames::add)
        }
        assertEquals(CancelReason.DeadlineExceeded, assertIs<Outcome.Cancelled>(ended.outcome).reason)
        assertIs<StreamCancel>(sent(frames).last())
    }

    @Test
    fun anOpenThatBreaksARuleIsAnswered() {
        val frames = ArrayList<ByteArray>()
        val open = StreamOpen(InteractionKind(9u), 0u)
        val ended = assertFailsWith<StreamEndedException> {
            StreamHandle.fromOpen(StreamFrame(StreamId.newV7(), open).toBytes(), frames::add)
        }
        assertEquals(StreamErrorCode.ProtocolViolation, assertIs<Outcome.Failed>(ended.outcome).code)
        assertIs<StreamError>(sent(frames).single())
        val other = StreamFrame(StreamId.newV7(), StreamCredit(1u))
        val refused = assertFailsWith<IxtException> { StreamHandle.fromOpen(other, frames::add) }
        assertEquals(ErrorKind.InvalidArgument, refused.kind)
    }

    @Test
    fun aHandleIsClosedOnce() = runTest {
        val loopback = Loopback()
        val handle = loopback.opener
        val waiting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { handle.receive() } }
        handle.close()
        handle.close()
        assertEquals(ErrorKind.Closed, assertIs<IxtException>(waiting.await().exceptionOrNull()).kind)
        assertEquals(ErrorKind.Closed, assertFailsWith<IxtException> { handle.sender.trySendData(message(0)) }.kind)
        assertEquals(ErrorKind.Closed, assertFailsWith<IxtException> { handle.state }.kind)
        val outcome = assertIs<Outcome.Cancelled>(loopback.responder.outcome)
        assertEquals(CancelReason.ConsumerGone to By.Peer, outcome.reason to outcome.by)
        loopback.close()
    }

    @Test
    fun aSinkThatThrowsEndsTheStream() {
        val sender = StreamSender(StreamId.newV7(), { throw IOException("gone") }, credit = 2u)
        assertFailsWith<IOException> { sender.trySendData(message(0)) }
        assertEquals(CancelReason.ConsumerGone, assertIs<Outcome.Cancelled>(sender.outcome).reason)
        val ended = assertFailsWith<StreamEndedException> { sender.trySendData(message(1)) }
        assertIs<IOException>(ended.cause)
    }

    @Test
    fun aHandlerIsCancelledWithItsStream() = runTest {
        Loopback().use { loopback ->
            var cancelled = false
            val serving = async(start = CoroutineStart.UNDISPATCHED) {
                runCatching {
                    loopback.responder.serve {
                        try {
                            awaitCancellation()
                        } catch (stopped: CancellationException) {
                            cancelled = true
                            throw stopped
                        }
                    }
                }
            }
            runCurrent()
            loopback.opener.sender.cancel()
            assertIs<StreamEndedException>(serving.await().exceptionOrNull())
            assertTrue(cancelled)
        }
    }

    @Test
    fun aHandlerThatReturnsClosesAndOneThatThrowsFails() = runTest {
        Loopback().use { loopback ->
            assertEquals(7, loopback.responder.serve { 7 })
            assertEquals(StreamClose(CloseReason.Completed, 0u), loopback.frames.last().body)
        }
        Loopback().use { loopback ->
            assertFailsWith<IllegalStateException> { loopback.responder.serve { error("a defect") } }
            assertEquals(StreamErrorCode.Internal, assertIs<Outcome.Failed>(loopback.opener.outcome).code)
        }
        Loopback().use { loopback ->
            val serving = launch(start = CoroutineStart.UNDISPATCHED) { loopback.responder.serve { awaitCancellation() } }
            serving.cancel()
            serving.join()
            assertEquals(CancelReason.Shutdown, assertIs<Outcome.Cancelled>(loopback.opener.outcome).reason)
        }
    }

    @Test
    fun bytesThatAreNoFramesAreRefused() {
        Loopback().use { loopback ->
            val refused = assertFailsWith<IxtException> { loopback.opener.feed(ByteArray(8) { -1 }) }
            assertEquals(ErrorKind.TooManySegments, refused.kind)
            val frame = StreamFrame(loopback.opener.streamId, StreamData(0u, message(1))).toBytes()
            val cut = assertFailsWith<IxtException> { loopback.opener.feed(frame, length = frame.size - 1) }
            assertEquals(ErrorKind.Truncated, cut.kind)
            assertNull(loopback.opener.outcome)
            loopback.opener.feed(frame)
        }
    }

    @Test
    fun manyFramesInOneBufferTellAllThatTheyCause() {
        val id = StreamId.newV7()
        Stream.sender(id).use { stream ->
            val tickets = List(200) { stream.awaitCredit() }
            val credits = encodeBatch(List(200) { StreamFrame(id, StreamCredit(1u)) })
            val received = stream.receive(credits)
            assertEquals(credits.size, received.consumed)
            val ready = received.events.filterIsInstance<StreamEvent.TicketReady>().map { it.ticket }
            assertEquals(tickets, ready)
            assertEquals(400, received.events.size)
        }
    }

    @Test
    fun manyThreadsLoseNothing() = runBlocking {
        val senders = 8
        val each = 500
        Loopback(window = 7u).use { loopback ->
            withTimeout(60_000) {
                val sending = (0 until senders).map { number ->
                    async(Dispatchers.Default) {
                        repeat(each) { loopback.opener.sender.sendData(byteArrayOf(number.toByte(), it.toByte())) }
                    }
                }
                launch(Dispatchers.Default) {
                    sending.awaitAll()
                    loopback.opener.sender.close()
                }
                val received = loopback.responder.incoming.toList()
                assertEquals(senders * each, received.size)
                for (number in 0 until senders) {
                    val own = received.filter { it[0] == number.toByte() }.map { it[1] }
                    assertEquals((0 until each).map { it.toByte() }, own)
                }
            }
            assertNull(loopback.opener.outcome, "the responder may still send")
        }
    }

    @Test
    fun cancellingAmongManyLosesNoCredit() = runBlocking {
        withTimeout(60_000) {
            var left = 0
            val sender = StreamSender(StreamId.newV7(), { left++ })
            repeat(300) { round ->
                val jobs = List(6) { launch(Dispatchers.Default) { sender.sendData(message(it)) } }
                val stopping = launch(Dispatchers.Default) { jobs.filterIndexed { at, _ -> at % 2 == 0 }.forEach { it.cancel() } }
                sender.grantCredit(6u)
                stopping.join()
                jobs.forEach { it.join() }
                // Whatever was not used is free again.
                val free = sender.credit
                assertEquals((round + 1) * 6, left + free.toInt())
                repeat(free.toInt()) { assertTrue(sender.trySendData(message(0))) }
                assertEquals((round + 1) * 6, left)
            }
        }
    }
}
