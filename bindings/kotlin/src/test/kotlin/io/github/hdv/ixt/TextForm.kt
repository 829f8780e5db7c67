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
import java.nio.ByteBuffer
import java.nio.ByteOrder

// The text form of specification 20, to and from this package's values by its public constructors. Nothing here
// checks anything; what is wrong is for the package to refuse.

internal fun frameOf(value: JsonObject): StreamFrame {
    val id = value.bytes("stream_id")!!
    val (kind, fields) = value.member()
    if (kind == "unknown") return StreamFrame.fromBytes(unknownMessage(id, fields.jsonObject.number("tag")!!))
    return StreamFrame(StreamId.of(id), bodyOf(kind, fields.jsonObject))
}

private fun bodyOf(kind: String, fields: JsonObject): FrameBody = when (kind) {
    "open" -> StreamOpen(
        enumerant(fields["interaction"], InteractionKind.Unary, InteractionKind::of, ::InteractionKind),
        fields.number("initial_credit")?.toUInt() ?: 0u,
        fields.bytes("context") ?: ByteArray(0),
    )
    "data" -> StreamData(fields.number("sequence") ?: 0u, fields.bytes("payload") ?: ByteArray(0))
    "error" -> StreamError(
        enumerant(fields["code"], StreamErrorCode.Unknown, StreamErrorCode::of, ::StreamErrorCode),
        fields.number("sequence") ?: 0u,
        fields.text("message") ?: "",
        fields.bytes("details") ?: ByteArray(0),
    )
    "close" -> StreamClose(
        enumerant(fields["reason"], CloseReason.Unspecified, CloseReason::of, ::CloseReason),
        fields.number("final_sequence") ?: 0u,
    )
    "cancel" -> StreamCancel(
        enumerant(fields["reason"], CancelReason.Unspecified, CancelReason::of, ::CancelReason),
        fields.text("message") ?: "",
    )
    "credit" -> StreamCredit(fields.number("frames")?.toUInt() ?: 0u)
    else -> error(kind)
}

/** A frame of a later schema, as tests/traces/README.md lays it out. */
private fun unknownMessage(id: ByteArray, tag: ULong): ByteArray {
    val words = ByteBuffer.wrap(id)
    return ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN)
        .putLong(5L shl 32).putLong(4L shl 32).putLong(words.getLong()).putLong(words.getLong())
        .putLong(0).putLong(tag.toLong()).array()
}

internal fun textOf(frame: StreamFrame): JsonObject = buildJsonObject {
    put("stream_id", frame.streamId.toString())
    val (kind, fields) = textOf(frame.body)
    put(kind, fields)
}

/** Fields that hold their default are left out. */
private fun fields(vararg pairs: Pair<String, JsonPrimitive>): JsonObject {
    val defaults = setOf("", "0", "unary", "unspecified", "unknown")
    return JsonObject(pairs.filter { it.second.content !in defaults }.toMap())
}

private fun textOf(body: FrameBody): Pair<String, JsonObject> = when (body) {
    is StreamOpen -> "open" to fields(
        "interaction" to json(body.interaction.name, body.interaction.number),
        "initial_credit" to json(body.initialCredit.toULong()),
        "context" to JsonPrimitive(hex(body.context)),
    )
    is StreamData -> "data" to fields(
        "sequence" to json(body.sequence),
        "payload" to JsonPrimitive(hex(body.payload)),
    )
    is StreamError -> {
        val plain = fields(
            "code" to json(body.code.name, body.code.number),
            "sequence" to json(body.sequence),
            "details" to JsonPrimitive(hex(body.details)),
        )
        "error" to withText(plain, body.message, listOf("code", "sequence", "message", "details"))
    }
    is StreamClose -> "close" to fields(
        "reason" to json(body.reason.name, body.reason.number),
        "final_sequence" to json(body.finalSequence),
    )
    is StreamCancel -> "cancel" to withText(
        fields("reason" to json(body.reason.name, body.reason.number)), body.message, listOf("reason", "message"),
    )
    is StreamCredit -> "credit" to fields("frames" to json(body.frames.toULong()))
    is UnknownFrame -> "unknown" to buildJsonObject { put("tag", json(body.tag.toULong())) }
}

/** A message may read like a default and is none: it alone is left out by being empty. */
private fun withText(plain: JsonObject, message: String, order: List<String>): JsonObject = buildJsonObject {
    for (name in order) {
        if (name == "message") {
            if (message.isNotEmpty()) put(name, message)
        } else {
            plain[name]?.let { put(name, it) }
        }
    }
}

private fun targetOf(value: JsonObject): Target {
    val (kind, what) = value.member()
    val text = what.jsonPrimitive.content
    return when (kind) {
        "service" -> Target.Service(text)
        "module" -> Target.Module(text)
        "broadcast" -> Target.Broadcast(text)
        "reply" -> Target.Reply(hex(text))
        "dynamic_endpoint" -> Target.DynamicEndpoint(text)
        else -> error(kind)
    }
}

private fun subjectOf(value: JsonObject): Subject {
    val (kind, what) = value.member()
    val text = what.jsonPrimitive.content
    return when (kind) {
        "external" -> Subject.External(text)
        "operator" -> Subject.Operator(text)
        "module" -> Subject.Module(text)
        "system" -> Subject.System
        else -> error(kind)
    }
}

internal fun contextOf(value: JsonObject): InvocationContext {
    val actor = value.child("actor") ?: JsonObject(emptyMap())
    return InvocationContext(
        correlationId = value.bytes("correlation_id")?.let(CorrelationId::of) ?: CorrelationId.NONE,
        spanId = value.bytes("span_id")?.let(SpanId::of) ?: SpanId.NONE,
        parentSpanId = value.bytes("parent_span_id")?.let(SpanId::of) ?: SpanId.NONE,
        traceFlags = value.number("trace_flags")?.toUByte() ?: 0u,
        deadlineMs = value.number("deadline_ms"),
        sourceModule = value.text("source_module") ?: "",
        target = value.child("target")?.let(::targetOf) ?: Target.Service(""),
        actor = ActorIdentity(
            actor.child("subject")?.let(::subjectOf) ?: Subject.External(""),
            actor.bytes("token_ref")?.let(::TokenRef) ?: TokenRef.NONE,
            actor["capabilities"]?.jsonArray?.map { it.jsonPrimitive.content } ?: emptyList(),
        ),
        metadata = value.child("metadata")?.mapValues { it.value.jsonPrimitive.content } ?: emptyMap(),
    )
}

private fun one(name: String, value: JsonElement) = JsonObject(mapOf(name to value))

private fun one(name: String, value: String) = one(name, JsonPrimitive(value))

private fun unknown(tag: UShort) = one("unknown", one("tag", json(tag.toULong())))

private fun textOf(target: Target): JsonObject? = when (target) {
    Target.Service("") -> null
    is Target.Service -> one("service", target.name)
    is Target.Module -> one("module", target.name)
    is Target.Broadcast -> one("broadcast", target.topic)
    is Target.Reply -> one("reply", hex(target.id))
    is Target.DynamicEndpoint -> one("dynamic_endpoint", target.name)
    is Target.Unknown -> unknown(target.tag)
}

private fun textOf(subject: Subject): JsonObject? = when (subject) {
    Subject.External("") -> null
    is Subject.External -> one("external", subject.principal)
    is Subject.Operator -> one("operator", subject.name)
    is Subject.Module -> one("module", subject.name)
    Subject.System -> one("system", JsonPrimitive(true))
    is Subject.Unknown -> unknown(subject.tag)
}

internal fun textOf(context: InvocationContext): JsonObject = buildJsonObject {
    if (!context.correlationId.isNone()) put("correlation_id", context.correlationId.toString())
    if (!context.spanId.isNone()) put("span_id", context.spanId.toString())
    context.deadlineMs?.let { put("deadline_ms", json(it)) }
    if (context.traceFlags != 0.toUByte()) put("trace_flags", json(context.traceFlags.toULong()))
    if (context.sourceModule.isNotEmpty()) put("source_module", context.sourceModule)
    if (!context.parentSpanId.isNone()) put("parent_span_id", context.parentSpanId.toString())
    textOf(context.target)?.let { put("target", it) }
    val actor = buildJsonObject {
        textOf(context.actor.subject)?.let { put("subject", it) }
        if (!context.actor.tokenRef.isEmpty()) put("token_ref", hex(context.actor.tokenRef.expose()))
        if (context.actor.capabilities.isNotEmpty()) {
            put("capabilities", JsonArray(context.actor.capabilities.map(::JsonPrimitive)))
        }
    }
    if (actor.isNotEmpty()) put("actor", actor)
    if (context.metadata.isNotEmpty()) put("metadata", JsonObject(context.metadata.mapValues { JsonPrimitive(it.value) }))
}
