package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Native
import io.github.hdv.ixt.internal.bytesOf
import io.github.hdv.ixt.internal.hex
import java.security.SecureRandom
import java.util.UUID

/**
 * The 16 bytes that name a stream, never all zero. The opener makes it and never uses it again. Shown as 32
 * lower-case hexadecimal digits.
 */
public class StreamId internal constructor(internal val high: Long, internal val low: Long) {
    /** The 16 bytes, a copy. */
    public fun toByteArray(): ByteArray = bytesOf(high, low)

    /** The same bytes as a UUID. */
    public fun toUuid(): UUID = UUID(high, low)

    override fun equals(other: Any?): Boolean = other is StreamId && high == other.high && low == other.low

    override fun hashCode(): Int = 31 * high.hashCode() + low.hashCode()

    override fun toString(): String = toByteArray().hex()

    public companion object {
        private val random = SecureRandom()

        /**
         * The id with these bytes.
         *
         * @throws IxtException `BadIdLength` unless there are 16, `NilStreamId` when all are zero
         */
        public fun of(bytes: ByteArray): StreamId {
            val longs = LongArray(2)
            Native.streamId(bytes, longs)
            return StreamId(longs[0], longs[1])
        }

        /**
         * The id with the bytes of a UUID.
         *
         * @throws IxtException `NilStreamId` when all are zero
         */
        public fun of(uuid: UUID): StreamId = of(bytesOf(uuid.mostSignificantBits, uuid.leastSignificantBits))

        /** A new id: a UUIDv7 of the clock and of random numbers that cannot be guessed. */
        public fun newV7(): StreamId {
            val time = System.currentTimeMillis() shl 16
            val high = time or 0x7000L or (random.nextLong() and 0x0fffL)
            val low = random.nextLong() and (-1L ushr 2) or Long.MIN_VALUE
            return StreamId(high, low)
        }
    }
}
