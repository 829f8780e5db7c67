package io.github.hdv.ixt.internal

import io.github.hdv.ixt.ActorIdentity
import io.github.hdv.ixt.CorrelationId
import io.github.hdv.ixt.SpanId
import io.github.hdv.ixt.Subject
import io.github.hdv.ixt.Target
import io.github.hdv.ixt.TokenRef
import java.nio.ByteBuffer
import java.nio.ByteOrder

// What the native side takes and tells of a context; bindings/kotlin/native/src/context.rs has the same order.

/** Numbers, and texts behind their length: one array for one call. */
internal class Parts {
    private val texts = ArrayList<ByteArray>()
    private var size = 0

    fun add(bytes: ByteArray) {
        texts += bytes
        size = Math.addExact(size, Long.SIZE_BYTES + bytes.size)
    }

    /** A text; one that has no UTF-8 is refused with this field. */
    inline fun add(text: String, field: () -> String) = add(utf8(text, field))

    fun add(target: Target) {
        when (target) {
            is Target.Service -> add(target.name) { "target.service" }
            is Target.Module -> add(target.name) { "target.module" }
            is Target.Broadcast -> add(target.topic) { "target.broadcast" }
            is Target.Reply -> add(target.id)
            is Target.DynamicEndpoint -> add(target.name) { "target.dynamic_endpoint" }
            is Target.Unknown -> add(NONE)
        }
    }

    fun add(subject: Subject) {
        when (subject) {
            is Subject.External -> add(subject.principal) { "actor.subject.external" }
            is Subject.Operator -> add(subject.name) { "actor.subject.operator" }
            is Subject.Module -> add(subject.name) { "actor.subject.module" }
            Subject.System, is Subject.Unknown -> add(NONE)
        }
    }

    fun add(capabilities: List<String>) =
        capabilities.forEachIndexed { index, pattern -> add(pattern) { "actor.capabilities[$index]" } }

    fun add(metadata: Map<String, String>) {
        var index = 0
        for ((key, value) in metadata) {
            add(key) { "metadata[$index].key" }
            add(value) { "metadata[$index].value" }
            index++
        }
    }

    fun behind(vararg longs: Long): ByteArray {
        val bytes = ByteArray(Math.addExact(size, longs.size * Long.SIZE_BYTES))
        val out = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder())
        for (long in longs) out.putLong(long)
        for (text in texts) out.putLong(text.size.toLong()).put(text)
        return bytes
    }
}

internal fun tagOf(target: Target): Long = when (target) {
    is Target.Service -> 0
    is Target.Module -> 1
    is Target.Broadcast -> 2
    is Target.Reply -> 3
    is Target.DynamicEndpoint -> 4
    is Target.Unknown -> target.tag.toLong()
}

internal fun tagOf(subject: Subject): Long = when (subject) {
    is Subject.External -> 0
    is Subject.Operator -> 1
    is Subject.Module -> 2
    Subject.System -> 3
    is Subject.Unknown -> subject.tag.toLong()
}

/**
 * A context as the native side has just told it to the scratch of this thread: to be read before the next call.
 *
 * @property bytes its canonical bytes
 */
internal class Told(val bytes: ByteArray, private val scratch: Scratch) {
    val correlationId get() = scratch.long(0).let { high -> idOf(high, scratch.long(1)) }
    val spanId get() = spanOf(scratch.long(2))
    val parentSpanId get() = spanOf(scratch.long(3))
    val traceFlags get() = scratch.long(4).toUByte()
    val deadlineMs get() = scratch.long(5).toULong().takeIf { it != 0uL }
    val sourceModule get() = text(SOURCE)
    val target: Target
        get() = when (val tag = scratch.long(6)) {
            0L -> text(TARGET).let { if (it.isEmpty()) NO_TARGET else Target.Service(it) }
            1L -> Target.Module(text(TARGET))
            2L -> Target.Broadcast(text(TARGET))
            3L -> Target.Reply(bytesOf(scratch.long(TARGET), scratch.long(TARGET + 1)))
            4L -> Target.DynamicEndpoint(text(TARGET))
            else -> Target.Unknown(tag.toUShort())
        }
    val actor: ActorIdentity
        get() {
            val subject = when (val tag = scratch.long(7)) {
                0L -> Subject.External(text(SUBJECT))
                1L -> Subject.Operator(text(SUBJECT))
                2L -> Subject.Module(text(SUBJECT))
                3L -> Subject.System
                else -> Subject.Unknown(tag.toUShort())
            }
            return ActorIdentity(subject, token, List(scratch.int(8)) { text(LIST + 2 * it) })
        }
    val metadata: Map<String, String>
        get() {
            val count = scratch.int(9)
            if (count == 0) return emptyMap()
            val first = LIST + 2 * scratch.int(8)
            val entries = LinkedHashMap<String, String>(2 * count)
            for (index in 0 until count) entries[text(first + 4 * index)] = text(first + 4 * index + 2)
            return entries
        }

    private val token: TokenRef
        get() {
            val at = scratch.int(TOKEN)
            val length = scratch.int(TOKEN + 1)
            return if (length == 0) TokenRef.NONE else TokenRef(bytes.copyOfRange(at, at + length))
        }

    private fun text(place: Int): String {
        val at = scratch.int(place)
        val length = scratch.int(place + 1)
        return if (length == 0) "" else String(bytes, at, length, Charsets.UTF_8)
    }

    private fun idOf(high: Long, low: Long) =
        if (high or low == 0L) CorrelationId.NONE else CorrelationId(high, low)

    private fun spanOf(number: Long) = if (number == 0L) SpanId.NONE else SpanId(number)

    companion object {
        private const val SOURCE = 10
        private const val TARGET = 12
        private const val SUBJECT = 14
        private const val TOKEN = 16
        private const val LIST = 18
        private val NO_TARGET = Target.Service("")

        /** What the native side tells of these bytes, or of its own where it gives their number. */
        inline fun of(bytes: ByteArray, call: (Long) -> Int): Told {
            val scratch = Scratch.get()
            val length = call(scratch.address)
            return Told(if (length == 0) bytes else scratch.takeContext(length), scratch)
        }
    }
}
