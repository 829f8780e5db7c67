package io.github.hdv.ixt

/**
 * The settings of a [StreamHandle].
 *
 * @property window how many messages of the peer may be under way, 1 to 2^31 - 1; it bounds the queue of what was fed
 * and not yet received
 * @property maxPayload the largest payload, on which both ends agreed
 * @property agreedCredit the opener's credit from the beginning, where the connection agreed on one
 */
public data class StreamOptions(
    public val window: UInt = 16u,
    public val maxPayload: Int = MAX_PAYLOAD,
    public val agreedCredit: UInt = 0u,
)
