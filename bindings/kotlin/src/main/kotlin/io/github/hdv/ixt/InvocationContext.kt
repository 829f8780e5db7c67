package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Library
import io.github.hdv.ixt.internal.Native
import io.github.hdv.ixt.internal.lowered
import io.github.hdv.ixt.internal.raised
import io.github.hdv.ixt.uniffi.ChildSpec
import io.github.hdv.ixt.uniffi.ContextParts
import io.github.hdv.ixt.uniffi.MetadataEntry
import io.github.hdv.ixt.uniffi.InvocationContext as UniffiContext

/**
 * Who invokes what, with which authority, until when (specification 21). It never changes; two are equal that
 * encode to the same bytes. Zero means least: what is left out gives nothing.
 */
public class InvocationContext private constructor(private val bytes: ByteArray, parts: ContextParts) {
    /** A W3C trace-id, which all invocations of one piece of work share. */
    public val correlationId: CorrelationId = parts.correlationId?.let(CorrelationId::of) ?: CorrelationId.NONE

    /** The span of this invocation: a W3C parent-id. */
    public val spanId: SpanId = parts.spanId?.let(SpanId::of) ?: SpanId.NONE

    /** The span of the invocation that caused this one. */
    public val parentSpanId: SpanId = parts.parentSpanId?.let(SpanId::of) ?: SpanId.NONE

    /** The W3C trace-flags; bit 0 says sampled. */
    public val traceFlags: UByte = parts.traceFlags

    /** Until when, in milliseconds since the Unix epoch; null for no deadline. */
    public val deadlineMs: ULong? = parts.deadlineMs

    /** The module that sent it. */
    public val sourceModule: String = parts.sourceModule

    /** Where it goes. */
    public val target: Target = raised(parts.target)

    /** On whose behalf, with which authority. */
    public val actor: ActorIdentity = raised(parts)

    /** Keys and values, in the order of the keys' bytes. Do not put secrets here: they show in logs. */
    public val metadata: Map<String, String> = parts.metadata.associate { it.key to it.value }

    private constructor(context: UniffiContext) : this(context.encode(), context.parts())

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
        Made.of(
            ContextParts(
                correlationId = correlationId.toByteArray(),
                spanId = spanId.toByteArray(),
                parentSpanId = parentSpanId.toByteArray(),
                traceFlags = traceFlags,
                deadlineMs = deadlineMs,
                sourceModule = sourceModule,
                target = lowered(target),
                subject = lowered(actor.subject),
                tokenRef = lowered(actor.tokenRef),
                capabilities = actor.capabilities,
                metadata = metadata.map { MetadataEntry(it.key, it.value) },
            ),
        ),
    )

    private constructor(made: Made) : this(made.bytes, made.parts)

    /** The canonical bytes, a copy; of a context with an unknown union member the bytes as they came. */
    public fun toBytes(): ByteArray = bytes.copyOf()

    /** Whether a granted pattern covers [required], a concrete capability. An unknown subject has none. */
    public fun hasCapability(required: String): Boolean = Native.hasCapability(bytes, required.encodeToByteArray())

    /** Whether there is a deadline and it has passed at [nowMs], in milliseconds since the Unix epoch. */
    public fun deadlineElapsed(nowMs: ULong = System.currentTimeMillis().toULong()): Boolean =
        native { it.deadlineElapsed(nowMs) }

    /**
     * Milliseconds to the deadline, believing the two clocks to be up to [maxSkewMs] apart; null without one.
     */
    public fun remaining(nowMs: ULong = System.currentTimeMillis().toULong(), maxSkewMs: ULong = 0u): ULong? =
        native { it.remaining(nowMs, maxSkewMs) }

    /** The W3C header, where there are a correlation id and a span id. */
    public fun traceparent(): String? = native { it.traceparent() }

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
    ): InvocationContext = native { parent ->
        val spec = ChildSpec(
            spanId.toByteArray(), sourceModule, lowered(target), deadlineMs, capabilities,
            metadata.map { MetadataEntry(it.key, it.value) },
        )
        refusing { parent.child(spec) }.use(::InvocationContext)
    }

    private inline fun <T> native(call: (UniffiContext) -> T): T = refusing { UniffiContext.decode(bytes) }.use(call)

    override fun equals(other: Any?): Boolean = other is InvocationContext && bytes.contentEquals(other.bytes)

    override fun hashCode(): Int = bytes.contentHashCode()

    override fun toString(): String = "InvocationContext(correlationId=$correlationId, spanId=$spanId, " +
        "parentSpanId=$parentSpanId, traceFlags=$traceFlags, deadlineMs=$deadlineMs, sourceModule=$sourceModule, " +
        "target=$target, actor=$actor, metadata=$metadata)"

    /** A context as the core made it. */
    private class Made(val bytes: ByteArray, val parts: ContextParts) {
        companion object {
            fun of(parts: ContextParts): Made {
                Library.load()
                return parts.use { refusing { UniffiContext(it) }.use { made -> Made(made.encode(), made.parts()) } }
            }
        }
    }

    public companion object {
        init {
            Library.load()
        }

        /** An external caller without a name, without authority, without anything. */
        public fun anonymous(): InvocationContext = ANONYMOUS

        private val ANONYMOUS: InvocationContext by lazy { UniffiContext.anonymous().use(::InvocationContext) }

        /** The runtime itself, with the capability `*`. */
        public fun system(): InvocationContext = UniffiContext.system().use(::InvocationContext)

        /**
         * The context of these bytes; no bytes are [anonymous].
         *
         * @param canonical refuses, as `NotCanonical`, bytes that the value does not encode to
         * @throws IxtException a refusal of specification 20
         */
        public fun fromBytes(bytes: ByteArray, canonical: Boolean = false): InvocationContext = refusing {
            if (canonical) UniffiContext.decodeCanonical(bytes) else UniffiContext.decode(bytes)
        }.use(::InvocationContext)
    }
}

private inline fun <T> ContextParts.use(call: (ContextParts) -> T): T = try {
    call(this)
} finally {
    tokenRef?.close()
}
