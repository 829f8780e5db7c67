package io.github.hdv.ixt

import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonPrimitive
import org.testng.annotations.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** Every vector of the repository: values through this package's constructors, refusals, and the rules. */
class VectorsTest {
    /** A frame or a context, whichever a vector is about. */
    private sealed interface Value {
        fun toBytes(maxPayload: Int = MAX_PAYLOAD): ByteArray
        fun text(): String

        data class Frame(val frame: StreamFrame) : Value {
            override fun toBytes(maxPayload: Int) = frame.toBytes(maxPayload)
            override fun text() = textOf(frame).toString()
        }

        data class Context(val context: InvocationContext) : Value {
            override fun toBytes(maxPayload: Int) = context.toBytes()
            override fun text() = textOf(context).toString()
        }
    }

    private fun make(of: String, value: JsonObject): Value =
        if (of == "frame") Value.Frame(frameOf(value)) else Value.Context(contextOf(value))

    private fun decode(of: String, bytes: ByteArray, canonical: Boolean = false, most: Int = MAX_PAYLOAD): Value =
        if (of == "frame") {
            Value.Frame(StreamFrame.fromBytes(bytes, most, canonical))
        } else {
            Value.Context(InvocationContext.fromBytes(bytes, canonical))
        }

    private fun replayValue(vector: JsonObject) {
        val of = vector.text("type")!!
        val expected = vector["value"].toString()
        val bytes = vector.bytes("hex")!!
        val decoded = decode(of, bytes)
        assertEquals(expected, decoded.text())
        assertContentEquals(bytes, decoded.toBytes())
        if (vector["unknown"] != null) return
        assertEquals(decoded, decode(of, bytes, canonical = true))
        val made = make(of, vector.child("input") ?: vector.child("value")!!)
        assertContentEquals(bytes, made.toBytes())
        assertEquals(decoded, made)
        assertEquals(decoded.hashCode(), made.hashCode())
        for (also in vector["also"]?.jsonArray.orEmpty()) {
            val other = hex(also.jsonPrimitive.content)
            val again = decode(of, other)
            assertEquals(expected, again.text())
            assertContentEquals(bytes, again.toBytes())
            val refused = assertFailsWith<IxtException> { decode(of, other, canonical = true) }
            assertEquals(ErrorKind.NotCanonical, refused.kind)
        }
    }

    private fun attempt(vector: JsonObject) {
        val of = vector.text("type")!!
        val most = vector.number("max_payload")?.toInt() ?: MAX_PAYLOAD
        when (val op = vector.text("op")) {
            "encode" -> make(of, vector.child("value")!!).toBytes(most)
            "decode" -> decode(of, vector.bytes("hex")!!, most = most)
            "decode_canonical" -> decode(of, vector.bytes("hex")!!, canonical = true, most = most)
            else -> error(op.toString())
        }
    }

    private fun named(vector: JsonObject, replay: (JsonObject) -> Unit) = try {
        replay(vector)
    } catch (failure: Throwable) {
        throw AssertionError("${vector.text("name")}: $failure", failure)
    }

    @Test
    fun everyValueAndEveryRefusal() {
        val values = lines("vectors/values.jsonl") + lines("vectors/large.jsonl")
        values.forEach { named(it, ::replayValue) }
        // A raw line is for who reads the text form, which here the tests alone do.
        val refused = (lines("vectors/refused.jsonl") + lines("vectors/refused_large.jsonl"))
            .filter { "line" !in it }
        for (vector in refused) {
            named(vector) {
                val refusal = assertFailsWith<IxtException> { attempt(it) }
                assertEquals(it.text("kind"), refusal.kind.name)
            }
        }
        println("vectors: ${values.size} values, ${refused.size} refused")
    }

    @Test
    fun everyFrameInABatch() {
        val frames = lines("vectors/values.jsonl").filter { it.text("type") == "frame" }
        val bytes = frames.map { it.bytes("hex")!! }.reduce(ByteArray::plus)
        val batch = decodeBatch(bytes)
        assertEquals(bytes.size, batch.consumed)
        assertEquals(frames.map { it["value"].toString() }, batch.frames.map { textOf(it).toString() })
        assertContentEquals(bytes, encodeBatch(batch.frames))
        assertEquals(Split(frames.first().bytes("hex")!!.size, true), split(bytes))
        assertEquals(Split(8, false), split(bytes, length = 3))
    }

    @Test
    fun everyRule() {
        val rules = lines("vectors/rules.jsonl")
        fun JsonObject.list(name: String) = getValue(name).jsonArray.map { it.jsonPrimitive.content }
        for (rule in rules) {
            val expected = rule.getValue("expect")
            val actual = when (val op = rule.text("op")) {
                "covers" -> JsonPrimitive(Capability.covers(rule.text("granted")!!, rule.text("required")!!))
                "attenuates" -> JsonPrimitive(Capability.attenuates(rule.list("parent"), rule.list("child")))
                "traceparent" -> TraceParent.parse(rule.text("header")!!)?.let {
                    JsonObject(
                        mapOf(
                            "trace_id" to JsonPrimitive(it.correlationId.toString()),
                            "parent_id" to JsonPrimitive(it.spanId.toString()),
                            "flags" to json(it.traceFlags.toULong()),
                        ),
                    )
                } ?: JsonNull
                else -> error(op.toString())
            }
            assertEquals(expected, actual, rule.toString())
            if (rule.text("op") == "covers" && rule.text("granted")!!.isNotEmpty()) asContext(rule)
        }
    }

    /** What a pattern covers, a context that holds it has. */
    private fun asContext(rule: JsonObject) {
        val context = try {
            InvocationContext(actor = ActorIdentity(capabilities = listOf(rule.text("granted")!!)))
        } catch (_: IxtException) {
            return // a pattern that no context can hold
        }
        assertEquals(
            rule.getValue("expect").jsonPrimitive.boolean, context.hasCapability(rule.text("required")!!), rule.toString(),
        )
    }
}
