package io.github.hdv.ixt.internal

import io.github.hdv.ixt.ActorIdentity
import io.github.hdv.ixt.Subject
import io.github.hdv.ixt.Target
import io.github.hdv.ixt.TokenRef
import io.github.hdv.ixt.uniffi.ContextParts
import io.github.hdv.ixt.uniffi.Subject as UniffiSubject
import io.github.hdv.ixt.uniffi.Target as UniffiTarget
import io.github.hdv.ixt.uniffi.TokenRef as UniffiToken

// To and from what was generated.

internal fun lowered(target: Target): UniffiTarget = when (target) {
    is Target.Service -> UniffiTarget.Service(target.name)
    is Target.Module -> UniffiTarget.Module(target.name)
    is Target.Broadcast -> UniffiTarget.Broadcast(target.topic)
    is Target.Reply -> UniffiTarget.Reply(target.id)
    is Target.DynamicEndpoint -> UniffiTarget.DynamicEndpoint(target.name)
    is Target.Unknown -> UniffiTarget.Unknown(target.tag)
}

internal fun raised(target: UniffiTarget?): Target = when (target) {
    null -> Target.Service("")
    is UniffiTarget.Service -> Target.Service(target.name)
    is UniffiTarget.Module -> Target.Module(target.name)
    is UniffiTarget.Broadcast -> Target.Broadcast(target.topic)
    is UniffiTarget.Reply -> Target.Reply(target.id)
    is UniffiTarget.DynamicEndpoint -> Target.DynamicEndpoint(target.name)
    is UniffiTarget.Unknown -> Target.Unknown(target.tag)
}

internal fun lowered(subject: Subject): UniffiSubject = when (subject) {
    is Subject.External -> UniffiSubject.External(subject.principal)
    is Subject.Operator -> UniffiSubject.Operator(subject.name)
    is Subject.Module -> UniffiSubject.Module(subject.name)
    Subject.System -> UniffiSubject.System
    is Subject.Unknown -> UniffiSubject.Unknown(subject.tag)
}

private fun raised(subject: UniffiSubject?): Subject = when (subject) {
    null -> Subject.External("")
    is UniffiSubject.External -> Subject.External(subject.principal)
    is UniffiSubject.Operator -> Subject.Operator(subject.name)
    is UniffiSubject.Module -> Subject.Module(subject.name)
    UniffiSubject.System -> Subject.System
    is UniffiSubject.Unknown -> Subject.Unknown(subject.tag)
}

internal fun lowered(token: TokenRef): UniffiToken? = if (token.isEmpty()) null else UniffiToken(token.expose())

/** The actor of a context; the native handle of its token is given back at once. */
internal fun raised(parts: ContextParts): ActorIdentity = ActorIdentity(
    raised(parts.subject),
    parts.tokenRef?.use { TokenRef(it.expose()) } ?: TokenRef.NONE,
    parts.capabilities,
)
