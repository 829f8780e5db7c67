package io.github.hdv.ixt

/**
 * Takes the frames of a stream that leave: one whole frame a call, in the order of the wire, one call at a time.
 *
 * It must not wait for long, since whoever uses the stream waits for it; a channel or a buffered writer is the usual
 * sink, and credit bounds what one stream puts into it. It may use the stream. What it throws ends the stream as
 * cancelled, and goes on to whoever caused the frame.
 */
public fun interface FrameSink {
    /** Takes a frame, which is its own from then on. */
    public fun send(frame: ByteArray)
}
