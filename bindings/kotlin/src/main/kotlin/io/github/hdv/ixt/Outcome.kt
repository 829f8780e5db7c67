package io.github.hdv.ixt

/** Who ended a stream. */
public enum class By {
    /** The peer's frame. */
    Peer,

    /** This end's application, deadline or check. */
    Local,
}

/** How a stream ended. The first end decides; nothing changes it. Only `Completed(completed)` is success. */
public sealed interface Outcome {
    /** Whether the stream did what it was to do. */
    public val isSuccess: Boolean get() = this is Completed && reason == CloseReason.Completed

    /** Both directions ended in order. */
    public data class Completed(public val reason: CloseReason) : Outcome

    /**
     * An error frame, or a broken rule.
     *
     * @property code why
     * @property message for people
     * @property details the application's
     * @property by who ended it
     */
    public class Failed(
        public val code: StreamErrorCode,
        public val message: String,
        public val details: ByteArray,
        public val by: By,
    ) : Outcome {
        override fun equals(other: Any?): Boolean = other is Failed && code == other.code &&
            message == other.message && details.contentEquals(other.details) && by == other.by

        override fun hashCode(): Int = message.hashCode() + 31 * code.hashCode()

        override fun toString(): String =
            "Failed(code=$code, message=$message, details=${details.size} bytes, by=$by)"
    }

    /**
     * A cancel frame, or the deadline.
     *
     * @property reason why
     * @property message for people
     * @property by who ended it
     */
    public data class Cancelled(
        public val reason: CancelReason,
        public val message: String,
        public val by: By,
    ) : Outcome
}
