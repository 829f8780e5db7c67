package io.github.hdv.ixt

import org.testng.annotations.Test
import java.nio.ByteBuffer
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** Encoding into the caller's buffer. */
class BuffersTest {
    private val id = StreamId.newV7()

    /** Frames of all sizes: those that cross together, and one that crosses alone. */
    private val frames = listOf(1, 64, 1000, 40_000, 64, 20_000, 20_000, 0).mapIndexed { at, size ->
        StreamFrame(id, StreamData(at.toULong(), ByteArray(size) { it.toByte() }))
    } + StreamFrame(id, StreamCancel(CancelReason.Shutdown, "enough"))

    private val bytes = frames.map { it.toBytes() }.reduce(ByteArray::plus)

    private fun buffers(size: Int) = listOf(ByteBuffer.allocate(size), ByteBuffer.allocateDirect(size))

    private fun ByteBuffer.written(from: Int) = ByteArray(position() - from).also { get(from, it) }

    @Test
    fun eachFrameGoesWhereTheBufferStands() {
        for (out in buffers(bytes.size + 3)) {
            out.position(3)
            val written = frames.sumOf { it.encodeTo(out) }
            assertEquals(bytes.size, written)
            assertContentEquals(bytes, out.written(3))
            assertEquals(0, out.remaining())
        }
    }

    @Test
    fun aBatchGoesWhereTheBufferStands() {
        assertContentEquals(bytes, encodeBatch(frames))
        for (out in buffers(bytes.size + 3)) {
            out.position(3)
            assertEquals(bytes.size, encodeBatch(frames, out))
            assertContentEquals(bytes, out.written(3))
        }
        assertEquals(0, encodeBatch(emptyList(), ByteBuffer.allocate(0)))
    }

    @Test
    fun whatDoesNotFitIsRefusedAndTheBufferStays() {
        for (out in buffers(bytes.size - 1)) {
            out.position(0)
            assertEquals(ErrorKind.BufferTooSmall, assertFailsWith<IxtException> { encodeBatch(frames, out) }.kind)
            assertEquals(0, out.position())
        }
        for (frame in frames) {
            val out = ByteBuffer.allocate(frame.toBytes().size - 1)
            assertEquals(ErrorKind.BufferTooSmall, assertFailsWith<IxtException> { frame.encodeTo(out) }.kind)
            assertEquals(0, out.position())
        }
    }
}
