package io.github.hdv.ixt

import java.security.MessageDigest

/**
 * An opaque handle of the token that the caller presented: at most 1 KiB, never the token itself. It shows as
 * `TokenRef(redacted)` and nowhere else. Comparing two of equal length takes the same time wherever they differ.
 */
public class TokenRef(bytes: ByteArray) {
    private val bytes = bytes.copyOf()

    /** The bytes of the handle, a copy; empty for none. Whoever calls this keeps them out of logs. */
    public fun expose(): ByteArray = bytes.copyOf()

    /** Whether there is none. */
    public fun isEmpty(): Boolean = bytes.isEmpty()

    override fun equals(other: Any?): Boolean = other is TokenRef && MessageDigest.isEqual(bytes, other.bytes)

    /** Says nothing about the bytes. */
    override fun hashCode(): Int = 0

    override fun toString(): String = "TokenRef(redacted)"

    public companion object {
        /** None. */
        public val NONE: TokenRef = TokenRef(ByteArray(0))
    }
}
