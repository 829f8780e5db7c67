package io.github.hdv.ixt

import io.github.hdv.ixt.internal.hex

/** Where an invocation goes. */
public sealed interface Target {
    /** Any module that provides this service. The empty name is the default, no target. */
    public data class Service(public val name: String) : Target

    /** This module. */
    public data class Module(public val name: String) : Target

    /** Every module subscribed to this topic; empty: all. */
    public data class Broadcast(public val topic: String) : Target

    /** One waiting call, by an id of 16 bytes minted for it alone; never the trace id. */
    public class Reply(id: ByteArray) : Target {
        private val bytes = id.copyOf()

        /** The id, a copy. */
        public val id: ByteArray get() = bytes.copyOf()

        override fun equals(other: Any?): Boolean = other is Reply && bytes.contentEquals(other.bytes)

        override fun hashCode(): Int = bytes.contentHashCode()

        override fun toString(): String = "Reply(id=${bytes.hex()})"
    }

    /** An endpoint that was handed out at run time. */
    public data class DynamicEndpoint(public val name: String) : Target

    /** A kind of a later schema, by its union tag: unroutable. Decoding alone gives it. */
    public data class Unknown(public val tag: UShort) : Target
}

/** Who is calling. It says who, and grants nothing: authority comes from the capabilities alone. */
public sealed interface Subject {
    /** A principal authenticated at an ingress; empty: anonymous. The default. */
    public data class External(public val principal: String) : Subject

    /** A person operating the deployment. */
    public data class Operator(public val name: String) : Subject

    /** A module acting on its own behalf. */
    public data class Module(public val name: String) : Subject

    /** The runtime itself. */
    public data object System : Subject

    /** A kind of a later schema, by its union tag: without any authority. Decoding alone gives it. */
    public data class Unknown(public val tag: UShort) : Subject
}

/**
 * On whose behalf, with which authority. To decide, ask [InvocationContext.hasCapability].
 *
 * @property subject who
 * @property tokenRef the handle of the presented token; it never shows
 * @property capabilities the granted patterns: at most 64 of at most 256 bytes; of a context they are sorted by bytes
 */
public data class ActorIdentity(
    public val subject: Subject = Subject.External(""),
    public val tokenRef: TokenRef = TokenRef.NONE,
    public val capabilities: List<String> = emptyList(),
)
