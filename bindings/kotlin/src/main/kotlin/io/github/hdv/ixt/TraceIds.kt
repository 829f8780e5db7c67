package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Library
import io.github.hdv.ixt.internal.bytesOf
import io.github.hdv.ixt.internal.hex
import io.github.hdv.ixt.uniffi.fromTraceparent
import java.nio.ByteBuffer

/** The 16 bytes that all invocations of one piece of work share: a W3C trace-id. Shown as hexadecimal digits. */
public class CorrelationId internal constructor(internal val high: Long, internal val low: Long) {
    /** The 16 bytes, a copy. */
    public fun toByteArray(): ByteArray = bytesOf(high, low)

    /** Whether all bytes are zero, which is no id. */
    public fun isNone(): Boolean = high or low == 0L

    override fun equals(other: Any?): Boolean = other is CorrelationId && high == other.high && low == other.low

    override fun hashCode(): Int = 31 * high.hashCode() + low.hashCode()

    override fun toString(): String = toByteArray().hex()

    public companion object {
        private const val SIZE = 16

        /** No id: all zero. */
        public val NONE: CorrelationId = CorrelationId(0, 0)

        /**
         * The id with these bytes.
         *
         * @throws IxtException `BadIdLength` unless there are 16
         */
        public fun of(bytes: ByteArray): CorrelationId {
            if (bytes.size != SIZE) throw IxtException(ErrorKind.BadIdLength, "correlation_id")
            return ByteBuffer.wrap(bytes).let { CorrelationId(it.long, it.long) }
        }
    }
}

/** The 8 bytes that name one invocation: a W3C parent-id. Shown as hexadecimal digits. */
public class SpanId internal constructor(internal val number: Long) {
    /** The 8 bytes, a copy. */
    public fun toByteArray(): ByteArray = ByteBuffer.allocate(SIZE).putLong(number).array()

    /** Whether all bytes are zero, which is no id. */
    public fun isNone(): Boolean = number == 0L

    override fun equals(other: Any?): Boolean = other is SpanId && number == other.number

    override fun hashCode(): Int = number.hashCode()

    override fun toString(): String = toByteArray().hex()

    public companion object {
        private const val SIZE = 8

        /** No id: all zero. */
        public val NONE: SpanId = SpanId(0)

        /**
         * The id with these bytes.
         *
         * @throws IxtException `BadIdLength` unless there are 8
         */
        public fun of(bytes: ByteArray): SpanId {
            if (bytes.size != SIZE) throw IxtException(ErrorKind.BadIdLength, "span_id")
            return SpanId(ByteBuffer.wrap(bytes).long)
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
