package io.github.hdv.ixt

import io.github.hdv.ixt.internal.NONE
import io.github.hdv.ixt.internal.Native
import io.github.hdv.ixt.internal.Parts
import io.github.hdv.ixt.internal.Told
import io.github.hdv.ixt.internal.tagOf

/**
 * Who invokes what, with which authority, until when (specification 21). It never changes; two are equal that
 * encode to the same bytes. Zero means least: what is left out gives nothing.
 */
public class InvocationContext private constructor(told: Told) {
    private val bytes = told.bytes

    /** A W3C trace-id, which all invocations of one piece of work share. */
    public val correlationId: CorrelationId = told.correlationId

    /** The span of this invocation: a W3C parent-id. */
    public val spanId: SpanId = told.spanId

    /** The span of the invocation that caused this one. */
    public val parentSpanId: SpanId = told.parentSpanId

    /** The W3C trace-flags; bit 0 says sampled. */
    public val traceFlags: UByte = told.traceFlags

    /** Until when, in milliseconds since the Unix epoch; null for no deadline. */
    public val deadlineMs: ULong? = told.deadlineMs

    /** The module that sent it. */
    public val sourceModule: String = told.sourceModule

    /** Where it goes. */
    public val target: Target = told.target

    /** On whose behalf, with which authority. */
    public val actor: ActorIdentity = told.actor

    /** Keys and values, in the order of the keys' bytes. Do not put secrets here: they show in logs. */
    public val metadata: Map<String, String> = told.metadata

    /**
     * The context that says this; what is left out means the least.
     *
     * @throws IxtException a refusal of specification 20; `InvalidArgument` for an unknown target or subject
     */
    @Suppress("LongParameterList")
    public constructor(
        correlationId: CorrelationId = CorrelationId.NONE,
        spanId: SpanId = SpanId.NONE,
        parentSpanId: SpanId = SpanId.NONE,
        traceFlags: UByte = 0u,
        deadlineMs: ULong? = null,
        sourceModule: String = "",
        target: Target = Target.Service(""),
        actor: ActorIdentity = ActorIdentity(),
        metadata: Map<String, String> = emptyMap(),
    ) : this(
        built(
            correlationId, spanId, parentSpanId, traceFlags, deadlineMs, sourceModule, target, actor, metadata,
        ),
    )

    /** The canonical bytes, a copy; of a context with an unknown union member the bytes as they came. */
    public fun toBytes(): ByteArray = bytes.copyOf()

    /** Whether a granted pattern covers [required], a concrete capability. An unknown subject has none. */
    public fun hasCapability(required: String): Boolean = 
        Native.hasCapability(bytes, required.encodeToByteArray())

    /** Whether there is a deadline and it has passed at [nowMs], in milliseconds since the Unix epoch. */
    public fun deadlineElapsed(nowMs: ULong = System.currentTimeMillis().toULong()): Boolean =
        Native.deadlineElapsed(bytes, nowMs.toLong())

    /**
     * Milliseconds to the deadline, believing the two clocks to be up to [maxSkewMs] apart; null without one.
     */
    public fun remaining(nowMs: ULong = System.currentTimeMillis().toULong(), maxSkewMs: ULong = 0u): ULong? =
        deadlineMs?.let { Native.remaining(bytes, nowMs.toLong(), maxSkewMs.toLong()).toULong() }

    /** The W3C header, where there are a correlation id and a span id. */
    public fun traceparent(): String? = Native.traceparent(bytes)?.decodeToString()

    /**
     * The context of an invocation that this one causes: its deadline is the earlier of the two, its metadata this
     * one's with its own over it. [capabilities] left out are this one's.
     *
     * @throws IxtException `InvalidArgument` for authority that this context has not and for another value of an
     * ingress key; else as the constructor
     */
    @Suppress("LongParameterList")
    public fun child(
        spanId: SpanId,
        sourceModule: String,
        target: Target,
        deadlineMs: ULong? = null,
        capabilities: List<String>? = null,
        metadata: Map<String, String> = emptyMap(),
    ): InvocationContext {
        val parts = Parts()
        parts.add(sourceModule) { "source_module" }
        parts.add(target)
        capabilities?.let(parts::add)
        parts.add(metadata)
        val spec = parts.behind(
            spanId.number, deadlineMs?.toLong() ?: 0, tagOf(target), capabilities?.size?.toLong() ?: -1,
            metadata.size.toLong(),
        )
        return InvocationContext(Told.of(NONE) { Native.contextChild(it, bytes, spec) })
    }

    override fun equals(other: Any?): Boolean = other is InvocationContext && bytes.contentEquals(other.bytes)

    override fun hashCode(): Int = bytes.contentHashCode()

    override fun toString(): String = "InvocationContext(correlationId=$correlationId, spanId=$spanId, " +
        "parentSpanId=$parentSpanId, traceFlags=$traceFlags, deadlineMs=$deadlineMs, sourceModule=$sourceModule, " +
        "target=$target, actor=$actor, metadata=$metadata)"

    public companion object {
        /** An external caller without a name, without authority, without anything. */
        public fun anonymous(): InvocationContext = ANONYMOUS

        private val ANONYMOUS: InvocationContext by lazy { fromBytes(NONE) }

        /** The runtime itself, with the capability `*`. */
        public fun system(): InvocationContext = InvocationContext(Told.of(NONE, Native::contextSystem))

        /**
         * The context of these bytes; no bytes are [anonymous].
         *
         * @param canonical refuses, as `NotCanonical`, bytes that the value does not encode to
         * @throws IxtException a refusal of specification 20
         */
        public fun fromBytes(bytes: ByteArray, canonical: Boolean = false): InvocationContext {
            // A copy first: what the caller changes meanwhile changes nothing here.
            val own = bytes.copyOf()
            return InvocationContext(Told.of(own) { Native.contextFrom(it, own, canonical) })
        }

        @Suppress("LongParameterList")
        private fun built(
            correlationId: CorrelationId,
            spanId: SpanId,
            parentSpanId: SpanId,
            traceFlags: UByte,
            deadlineMs: ULong?,
            sourceModule: String,
            target: Target,
            actor: ActorIdentity,
            metadata: Map<String, String>,
        ): Told {
            val parts = Parts()
            parts.add(sourceModule) { "source_module" }
            parts.add(target)
            parts.add(actor.subject)
            parts.add(actor.tokenRef.expose())
            parts.add(actor.capabilities)
            parts.add(metadata)
            val all = parts.behind(
                correlationId.high, correlationId.low, spanId.number, parentSpanId.number, traceFlags.toLong(),
                deadlineMs?.toLong() ?: 0, tagOf(target), tagOf(actor.subject), actor.capabilities.size.toLong(),
                metadata.size.toLong(),
            )
            return Told.of(NONE) { Native.contextOf(it, all) }
        }
    }
}
