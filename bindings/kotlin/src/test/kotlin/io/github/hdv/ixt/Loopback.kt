package io.github.hdv.ixt

/** Two ends of one stream, each the other's sink. */
internal class Loopback(
    kind: InteractionKind = InteractionKind.BidiStream,
    context: InvocationContext = InvocationContext.anonymous(),
    window: UInt = 16u,
) : AutoCloseable {
    /** The frames of both ends, in the order in which they left. */
    val frames: MutableList<StreamFrame> = java.util.Collections.synchronizedList(mutableListOf())

    private val early = ArrayList<ByteArray>()
    private var answering = false

    val opener: StreamHandle = StreamHandle.open(
        { toResponder(it) }, kind, context, options = StreamOptions(window = window),
    )

    val responder: StreamHandle

    init {
        val open = early.removeAt(0)
        answering = true
        responder = StreamHandle.fromOpen(open, { toOpener(it) }, StreamOptions(window = window))
    }

    private fun toResponder(frame: ByteArray) {
        frames += StreamFrame.fromBytes(frame)
        if (answering) responder.feed(frame) else early += frame
    }

    private fun toOpener(frame: ByteArray) {
        frames += StreamFrame.fromBytes(frame)
        opener.feed(frame)
    }

    override fun close() {
        opener.close()
        responder.close()
    }
}
