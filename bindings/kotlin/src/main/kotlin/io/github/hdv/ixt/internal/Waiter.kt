package io.github.hdv.ixt.internal

import kotlinx.coroutines.CancellableContinuation
import kotlin.coroutines.resumeWithException

/**
 * A message that waits for credit. Whoever brings the credit sends it, so that messages leave in the order in which
 * they came, whichever coroutine runs first afterwards.
 */
internal class Waiter(val payload: ByteArray) {
    lateinit var continuation: CancellableContinuation<Unit>
    var ticket = 0L

    /** Whether the message has its place among those that leave. From then on cancelling comes too late. */
    @Volatile
    var sent = false

    fun done() = continuation.resumeWith(Result.success(Unit))

    fun fail(why: Throwable) {
        sent = false
        continuation.resumeWithException(why)
    }
}
