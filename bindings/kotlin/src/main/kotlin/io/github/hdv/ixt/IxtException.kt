package io.github.hdv.ixt

/**
 * A refusal of bytes or values, or a misuse of a stream. Callers match [kind], people read the message.
 *
 * The message holds no content of what was refused, so that it cannot show a token or a payload.
 *
 * @property kind what went wrong
 * @property field the field in which it went wrong, by its name in the schema; empty where none applies
 * @property offset the byte of the input at which it went wrong, where decoding can tell
 */
public open class IxtException internal constructor(
    public val kind: ErrorKind,
    public val field: String = "",
    public val offset: Long? = null,
    cause: Throwable? = null,
) : RuntimeException(text(kind, field, offset), cause) {
    /** For the native side: a negative offset is none. */
    internal constructor(code: Int, field: String, offset: Long) :
        this(ErrorKind.of(code), field, offset.takeIf { it >= 0 })

    /** The number of the kind. */
    public val code: Int get() = kind.code

    private companion object {
        const val serialVersionUID = 1L

        fun text(kind: ErrorKind, field: String, offset: Long?) = buildString {
            append(kind)
            if (field.isNotEmpty()) append(" (").append(field).append(')')
            if (offset != null) append(" at byte ").append(offset)
        }
    }
}

/**
 * The stream, or its sending direction, has ended.
 *
 * @property outcome how; null where only this direction has ended, or the handle was closed before the open
 */
public class StreamEndedException internal constructor(public val outcome: Outcome?, cause: Throwable? = null) :
    IxtException(ErrorKind.StreamEnded, cause = cause) {
    override val message: String
        get() = if (outcome == null) "StreamEnded" else "StreamEnded: $outcome"

    private companion object {
        const val serialVersionUID = 1L
    }
}
