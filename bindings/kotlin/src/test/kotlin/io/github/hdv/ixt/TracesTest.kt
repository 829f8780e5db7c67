package io.github.hdv.ixt

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.testng.annotations.Test
import kotlin.test.assertEquals

/** Every trace of the repository, driven through the public [Stream]. */
class TracesTest {
    /** One endpoint, and the names that its trace gave to tickets. */
    private class Replay(header: JsonObject, private val byValue: Boolean) : AutoCloseable {
        private val tickets = HashMap<ULong, Long>()
        private val names = HashMap<Long, ULong>()
        private val stream = run {
            val most = header.number("max_payload")!!.toInt()
            val window = header.number("window")?.toUInt()
            val agreed = header.number("agreed_credit")?.toUInt() ?: 0u
            if (header.text("endpoint") == "opener") {
                val kind = enumerant(header["kind"], InteractionKind.Unary, InteractionKind::of, ::InteractionKind)
                Stream.opener(kind, most, window, agreed)
            } else {
                Stream.responder(most, window, agreed)
            }
        }

        /** What a receive has drained. */
        private var received: Received? = null
        private var opened: ByteArray? = null

        override fun close() = stream.close()

        private fun ticket(name: ULong): Long = tickets[name] ?: -1

        private fun give(step: JsonObject): JsonElement {
            var done = true
            val (kind, value) = step.entries.first().toPair()
            when (kind) {
                "open" -> {
                    val open = value.jsonObject
                    opened = stream.open(
                        StreamId.of(open.bytes("stream_id")!!),
                        open.number("initial_credit")?.toUInt() ?: 0u,
                        open.bytes("context") ?: ByteArray(0),
                    )
                }
                "send" -> {
                    val payload = hex(value.jsonPrimitive.content)
                    val name = step.number("ticket")
                    opened = if (name == null) stream.trySend(payload) else stream.sendWith(ticket(name), payload)
                }
                "wait" -> {
                    val name = step.number("wait")!!
                    val ticket = stream.awaitCredit()
                    tickets[name] = ticket
                    names[ticket] = name
                }
                "drop" -> stream.dropTicket(ticket(step.number("drop")!!))
                "grant" -> stream.grant(step.number("grant")!!.toUInt())
                "consume" -> stream.consume(step.number("consume")!!.toUInt())
                "close" -> done = stream.end(
                    enumerant(value, CloseReason.Unspecified, CloseReason::of, ::CloseReason),
                )
                "fail" -> done = stream.fail(
                    enumerant(
                        value.jsonObject["code"], StreamErrorCode.Unknown, StreamErrorCode::of, ::StreamErrorCode,
                    ),
                    value.jsonObject.text("message") ?: "",
                )
                "cancel" -> done = stream.cancel(
                    enumerant(
                        value.jsonObject["reason"], CancelReason.Unspecified, CancelReason::of, ::CancelReason,
                    ),
                    value.jsonObject.text("message") ?: "",
                )
                "time" -> stream.handleTimeout(step.number("time")!!)
                "receive" -> {
                    val found = receive(frameOf(value.jsonObject))
                    received = found
                    return JsonPrimitive(if (found.ignored == 0) "ok" else "ignored")
                }
                else -> error(kind)
            }
            return JsonPrimitive(if (done) "ok" else "ended")
        }

        /** As bytes in one run and as a value in the other; as a value where it has no bytes. */
        private fun receive(frame: StreamFrame): Received {
            val bytes = try {
                frame.toBytes()
            } catch (refused: IxtException) {
                assertEquals(ErrorKind.ContextTooLarge, refused.kind)
                return stream.receive(frame)
            }
            if (byValue) return stream.receive(frame)
            return stream.receive(bytes).also { assertEquals(bytes.size, it.consumed) }
        }

        fun step(step: JsonObject): JsonObject {
            received = null
            opened = null
            val result = try {
                give(step)
            } catch (refused: IxtException) {
                JsonObject(mapOf("error" to JsonPrimitive(refused.kind.name)))
            }
            val drained = stream.drain()
            val found = received
            val transmit = (opened ?: ByteArray(0)) + (found?.transmit ?: ByteArray(0)) + drained.transmit
            val state = stream.state
            return buildJsonObject {
                put("result", result)
                put("transmit", JsonArray(decodeBatch(transmit).frames.map(::textOf)))
                put("events", JsonArray((found?.events.orEmpty() + drained.events).map(::textOf)))
                put(
                    "state",
                    buildJsonObject {
                        put("sender", state.sender.name.lowercase())
                        put("receiver", state.receiver.name.lowercase())
                        put("credit", json(state.credit.toULong()))
                        put("outstanding", json(state.outstanding.toULong()))
                        put("ignored", json(state.ignored))
                    },
                )
            }
        }

        private fun textOf(event: StreamEvent): JsonObject = when (event) {
            is StreamEvent.Opened -> one(
                "opened",
                "kind" to json(event.open.interaction.name, event.open.interaction.number),
                "context" to JsonPrimitive(hex(event.open.context)),
            )
            is StreamEvent.Data -> one(
                "data",
                "sequence" to json(event.data.sequence),
                "payload" to JsonPrimitive(hex(event.data.payload)),
            )
            is StreamEvent.CreditGrown -> one("credit", json(event.frames.toULong()))
            is StreamEvent.TicketReady -> one("ready", json(names.getValue(event.ticket)))
            is StreamEvent.TicketEnded -> one("ended", json(names.getValue(event.ticket)))
            is StreamEvent.PeerClosed -> one("closed", json(event.reason.name, event.reason.number))
            StreamEvent.Finished -> one("finished", JsonPrimitive(true))
            is StreamEvent.Failed -> one(
                "failed",
                "code" to json(event.outcome.code.name, event.outcome.code.number),
                "message" to JsonPrimitive(event.outcome.message),
                "by" to JsonPrimitive(event.outcome.by.name.lowercase()),
            )
            is StreamEvent.Cancelled -> one(
                "cancelled",
                "reason" to json(event.outcome.reason.name, event.outcome.reason.number),
                "message" to JsonPrimitive(event.outcome.message),
                "by" to JsonPrimitive(event.outcome.by.name.lowercase()),
            )
            is StreamEvent.RuleBroken -> one("violation", JsonPrimitive(event.violation.name))
        }

        private fun one(name: String, value: JsonElement) = JsonObject(mapOf(name to value))

        private fun one(name: String, vararg fields: Pair<String, JsonElement>) = one(name, JsonObject(fields.toMap()))
    }

    /** Takes the message out of the second where the first asks for none: an engine makes it for people. */
    private fun compared(expected: JsonElement, actual: JsonElement): JsonElement {
        val wanted = expected.jsonObject
        val found = actual.jsonObject
        val kind = wanted.keys.firstOrNull { it in setOf("error", "cancel", "failed", "cancelled") && it in found }
            ?: return actual
        val message = wanted.getValue(kind).jsonObject.text("message")
        val fields = found.getValue(kind).jsonObject
        return when {
            kind in setOf("failed", "cancelled") && message == "" ->
                JsonObject(found + (kind to JsonObject(fields + ("message" to JsonPrimitive("")))))
            kind in setOf("error", "cancel") && message == null ->
                JsonObject(found + (kind to JsonObject(fields - "message")))
            else -> actual
        }
    }

    private fun compared(name: String, expected: JsonObject, actual: JsonObject): JsonElement {
        val wanted = expected.getValue(name).jsonArray
        val found = actual.getValue(name).jsonArray
        return JsonArray(found.mapIndexed { at, one -> wanted.getOrNull(at)?.let { compared(it, one) } ?: one })
    }

    @Test
    fun everyTraceByBytes() = println("traces: ${replay(byValue = false)}")

    @Test
    fun everyTraceByValue() {
        replay(byValue = true)
    }

    private fun replay(byValue: Boolean): Int {
        val traces = lines("traces/traces.jsonl")
        for (trace in traces) {
            Replay(trace.child("endpoint")!!, byValue).use { replay ->
                for ((number, step) in trace.getValue("steps").jsonArray.withIndex()) {
                    val input = step.jsonObject.child("in")!!
                    val expected = step.jsonObject.child("out")!!
                    val actual = replay.step(input)
                    val same = JsonObject(
                        actual + listOf("transmit", "events").associateWith { compared(it, expected, actual) },
                    )
                    assertEquals(expected, same, "${trace.text("name")}, step $number: $input")
                }
            }
        }
        return traces.size
    }
}
