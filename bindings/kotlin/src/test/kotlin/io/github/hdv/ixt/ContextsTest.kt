package io.github.hdv.ixt

import org.testng.annotations.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class ContextsTest {
    private val parent = InvocationContext(
        correlationId = CorrelationId.of(ByteArray(16) { 7 }),
        spanId = SpanId.of(ByteArray(8) { 1 }),
        traceFlags = 1u,
        deadlineMs = 5_000u,
        actor = ActorIdentity(Subject.Operator("alice"), TokenRef(byteArrayOf(9)), listOf("net.dial", "fs.*")),
        metadata = mapOf(MetadataKeys.TENANT to "acme"),
    )

    private fun child(capabilities: List<String>? = null, metadata: Map<String, String> = emptyMap()) = parent.child(
        SpanId.of(ByteArray(8) { 2 }), "gateway", Target.Service("files"), 9_000u, capabilities, metadata,
    )

    @Test
    fun anonymousHasNothingAndSystemAll() {
        assertFalse(InvocationContext.anonymous().hasCapability("fs.read"))
        assertEquals(InvocationContext.anonymous(), InvocationContext.fromBytes(ByteArray(0)))
        assertEquals(InvocationContext.anonymous(), InvocationContext())
        assertTrue(InvocationContext.system().hasCapability("fs.read"))
        assertEquals(Subject.System, InvocationContext.system().actor.subject)
    }

    @Test
    fun aChildInheritsAndDoesNotGrow() {
        val child = child(listOf("fs.read"))
        assertEquals(parent.correlationId, child.correlationId)
        assertEquals(parent.spanId, child.parentSpanId)
        assertEquals(5_000u, child.deadlineMs)
        assertEquals(listOf("fs.read"), child.actor.capabilities)
        assertEquals(parent.actor.tokenRef, child.actor.tokenRef)
        assertEquals(parent.metadata, child.metadata)
        assertEquals(listOf("fs.*", "net.dial"), child().actor.capabilities)
        assertTrue(child(emptyList()).actor.capabilities.isEmpty())

        val wider = assertFailsWith<IxtException> { child(listOf("fs.read", "*")) }
        assertEquals(ErrorKind.InvalidArgument to "actor.capabilities[1]", wider.kind to wider.field)
        val other = assertFailsWith<IxtException> { child(metadata = mapOf(MetadataKeys.TENANT to "other")) }
        assertEquals(ErrorKind.InvalidArgument to "metadata[0].value", other.kind to other.field)
    }

    @Test
    fun theDeadlineIsAPointInTime() {
        assertFalse(parent.deadlineElapsed(4_999u))
        assertTrue(parent.deadlineElapsed(5_000u))
        assertEquals(10u, parent.remaining(4_990u))
        assertEquals(25u, parent.remaining(4_990u, 15u))
        assertEquals(0u, parent.remaining(ULong.MAX_VALUE))
        assertNull(InvocationContext().remaining())
        assertFalse(InvocationContext().deadlineElapsed(ULong.MAX_VALUE))
    }

    @Test
    fun theHeaderLeadsBack() {
        val header = parent.traceparent()!!
        assertEquals("00-07070707070707070707070707070707-0101010101010101-01", header)
        assertEquals(TraceParent(parent.correlationId, parent.spanId, 1u), TraceParent.parse(header))
        assertNull(InvocationContext().traceparent())
    }

    @Test
    fun bytesThatAreHandedOutAreCopies() {
        val before = parent.toBytes()
        parent.toBytes()[0] = 1
        assertContentEquals(before, parent.toBytes())
    }
}
