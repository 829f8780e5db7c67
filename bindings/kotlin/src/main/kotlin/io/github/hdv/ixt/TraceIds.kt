package io.github.hdv.ixt

import io.github.hdv.ixt.internal.hex
import io.github.hdv.ixt.internal.Library
import io.github.hdv.ixt.uniffi.fromTraceparent

/** The 16 bytes that all invocations of one piece of work share: a W3C trace-id. Shown as hexadecimal digits. */
public class CorrelationId private constructor(private val bytes: ByteArray) {
    /** The 16 bytes, a copy. */
    public fun toByteArray(): ByteArray = bytes.copyOf()

    /** Whether all bytes are zero, which is no id. */
    public fun isNone(): Boolean = bytes.all { it.toInt() == 0 }

    override fun equals(other: Any?): Boolean = other is CorrelationId && bytes.contentEquals(other.bytes)

    override fun hashCode(): Int = bytes.contentHashCode()

    override fun toString(): String = bytes.hex()

    public companion object {
        private const val SIZE = 16

        /** No id: all zero. */
        public val NONE: CorrelationId = CorrelationId(ByteArray(SIZE))

        /**
         * The id with these bytes.
         *
         * @throws IxtException `BadIdLength` unless there are 16
         */
        public fun of(bytes: ByteArray): CorrelationId {
            if (bytes.size != SIZE) throw IxtException(ErrorKind.BadIdLength, "correlation_id")
            return CorrelationId(bytes.copyOf())
        }
    }
}

/** The 8 bytes that name one invocation: a W3C parent-id. Shown as hexadecimal digits. */
public class SpanId private constructor(private val bytes: ByteArray) {
    /** The 8 bytes, a copy. */
    public fun toByteArray(): ByteArray = bytes.copyOf()

    /** Whether all bytes are zero, which is no id. */
    public fun isNone(): Boolean = bytes.all { it.toInt() == 0 }

    override fun equals(other: Any?): Boolean = other is SpanId && bytes.contentEquals(other.bytes)

    override fun hashCode(): Int = bytes.contentHashCode()

    override fun toString(): String = bytes.hex()

    public companion object {
        private const val SIZE = 8

        /** No id: all zero. */
        public val NONE: SpanId = SpanId(ByteArray(SIZE))

        /**
         * The id with these bytes.
         *
         * @throws IxtException `BadIdLength` unless there are 8
         */
        public fun of(bytes: ByteArray): SpanId {
            if (bytes.size != SIZE) throw IxtException(ErrorKind.BadIdLength, "span_id")
            return SpanId(bytes.copyOf())
        }
    }
}

/**
 * What a W3C `traceparent` header says.
 *
 * @property correlationId the trace-id
 * @property spanId the parent-id, which is the caller's span
 * @property traceFlags the flags; bit 0 says sampled
 */
public data class TraceParent(
    public val correlationId: CorrelationId,
    public val spanId: SpanId,
    public val traceFlags: UByte,
) {
    public companion object {
        /** Reads a header; a malformed one counts as absent. */
        public fun parse(header: String): TraceParent? {
            Library.load()
            return fromTraceparent(header)?.let {
                TraceParent(CorrelationId.of(it.correlationId), SpanId.of(it.spanId), it.traceFlags)
            }
        }
    }
}
