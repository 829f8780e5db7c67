package io.github.hdv.ixt

import org.testng.annotations.Test
import java.io.PrintWriter
import java.io.StringWriter
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue

/** A token reference goes through everything that prints, and shows nowhere. */
class CanaryTest {
    private val secret = "canary-7f3a"
    private val bytes = secret.encodeToByteArray()
    private val context = InvocationContext(actor = ActorIdentity(Subject.Operator("alice"), TokenRef(bytes)))

    /** As text, as hex, and as the numbers that Kotlin prints of an array. */
    private val forms = listOf(secret, hex(bytes), bytes.take(4).joinToString())

    private fun assertHidden(shown: String) = forms.forEach { assertFalse(it in shown, shown) }

    private fun stack(failure: Throwable) = StringWriter().also { failure.printStackTrace(PrintWriter(it)) }.toString()

    @Test
    fun itDoesNotShow() {
        val open = StreamOpen(InteractionKind.Unary, 0u, context.toBytes())
        val frame = StreamFrame(StreamId.newV7(), open)
        val handle = StreamHandle.open({}, context = context)
        val shown = listOf(
            context, context.actor, context.actor.tokenRef, context.actor.copy(capabilities = listOf("fs.*")), open, frame,
            StreamEvent.Opened(open), decodeBatch(frame.toBytes()).frames, handle, handle.sender,
            context.child(SpanId.of(ByteArray(8) { 1 }), "files", Target.Service("disk")),
        )
        for (value in shown) {
            assertHidden(value.toString())
            assertHidden("$value")
            assertHidden(String.format("%s %h", value, value))
            assertHidden(listOf(value).toString())
        }
        assertTrue("redacted" in context.toString())
        handle.close()
    }

    @Test
    fun noErrorShowsIt() {
        val broken = context.toBytes()
        for (at in broken.indices step 8) {
            val cut = broken.copyOf(at)
            runCatching { InvocationContext.fromBytes(cut) }.exceptionOrNull()?.let { assertHidden(stack(it)) }
            val flipped = broken.copyOf().also { it[at] = (it[at] + 1).toByte() }
            runCatching { InvocationContext.fromBytes(flipped) }.exceptionOrNull()?.let { assertHidden(stack(it)) }
        }
        val long = runCatching {
            InvocationContext(actor = ActorIdentity(tokenRef = TokenRef(ByteArray(1025) { bytes[it % bytes.size] })))
        }.exceptionOrNull()
        assertEquals(ErrorKind.TokenTooLong, (long as IxtException).kind)
        assertHidden(stack(long))
    }

    @Test
    fun whoAsksGetsIt() {
        val again = InvocationContext.fromBytes(context.toBytes())
        assertContentEquals(bytes, again.actor.tokenRef.expose())
        assertEquals(TokenRef(bytes), again.actor.tokenRef)
        assertNotEquals(TokenRef(bytes + 0), again.actor.tokenRef)
        again.actor.tokenRef.expose()[0] = 0
        assertContentEquals(bytes, again.actor.tokenRef.expose())
    }
}
