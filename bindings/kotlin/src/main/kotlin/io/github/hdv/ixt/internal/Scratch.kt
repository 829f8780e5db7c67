package io.github.hdv.ixt.internal

import io.github.hdv.ixt.ErrorKind
import io.github.hdv.ixt.IxtException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Memory that both sides see, one for each thread: the input at its front, the output in its second half. A native
 * function that gets arrays has to ask the JVM for each, which costs more than to encode a frame.
 */
internal class Scratch private constructor() {
    private val buffer = ByteBuffer.allocateDirect(2 * SIZE).order(ByteOrder.nativeOrder())

    /** Where it is. */
    val address: Long = Native.address(buffer)

    private val staging = ByteArray(SIZE)

    /**
     * Where the input of many frames is laid out: small copies within the heap cost a fraction of what each costs
     * to memory beyond it. [putStaged] moves it at once.
     */
    val staged: ByteBuffer = ByteBuffer.wrap(staging).order(ByteOrder.nativeOrder())

    /** Puts so many staged bytes into the input. */
    fun putStaged(length: Int) {
        buffer.put(0, staging, 0, length)
    }

    /** Puts bytes into the input. */
    fun put(at: Int, bytes: ByteArray, offset: Int = 0, length: Int = bytes.size) {
        buffer.put(at, bytes, offset, length)
    }

    /** A long of the output. */
    fun long(index: Int): Long = buffer.getLong(SIZE + index * Long.SIZE_BYTES)

    /** A long of the output that is no more than an int. */
    fun int(index: Int): Int = long(index).toInt()

    /** The bytes of a context, behind what is told of it. */
    fun takeContext(length: Int): ByteArray = ByteArray(length).also { buffer.get(SIZE + CONTEXT, it) }

    /** The first bytes of the output. */
    fun take(length: Int): ByteArray = ByteArray(length).also { buffer.get(SIZE, it) }

    /** Appends the first bytes of the output. */
    fun takeTo(out: ByteArray, at: Int, length: Int) {
        buffer.get(SIZE, out, at, length)
    }

    /** Puts the first bytes of the output where `out` stands, and moves it on. */
    fun takeTo(out: ByteBuffer, length: Int) {
        val at = out.position()
        if (length > out.remaining()) throw IxtException(ErrorKind.BufferTooSmall)
        out.put(at, buffer, SIZE, length)
        out.position(at + length)
    }

    companion object {
        /** Bytes of the input, and of the output; the native side has the same number. */
        const val SIZE: Int = 32 shl 10

        /** Where the bytes of a context stand in the output; the native side has the same number. */
        private const val CONTEXT = 8 shl 10

        /** More than the head of any frame, and its padding: what fits with it as input fits as output. */
        const val ROOM: Int = 96

        private val own: ThreadLocal<Scratch> = ThreadLocal.withInitial(::Scratch)

        /** The calling thread's. */
        fun get(): Scratch = own.get()
    }
}
