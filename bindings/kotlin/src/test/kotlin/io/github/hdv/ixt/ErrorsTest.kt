package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Library
import io.github.hdv.ixt.uniffi.errorKinds
import org.testng.annotations.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

class ErrorsTest {
    @Test
    fun everyKindOfTheCoreHasARow() {
        Library.load()
        assertEquals(
            errorKinds().map { it.name to it.code },
            ErrorKind.entries.map { it.name to it.code },
        )
    }

    @Test
    fun anErrorSaysWhereItIs() {
        val bytes = StreamFrame(StreamId.newV7(), StreamCancel(CancelReason.Unspecified, "hello")).toBytes()
        bytes[bytes.size - 8] = 0
        val refused = assertFailsWith<IxtException> { StreamFrame.fromBytes(bytes) }
        assertEquals(ErrorKind.BadText, refused.kind)
        assertEquals(10, refused.code)
        assertEquals("cancel.message", refused.field)
        assertEquals("BadText (cancel.message) at byte ${refused.offset}", refused.message)
    }

    @Test
    fun aRefusedContextSaysItsField() {
        val refused = assertFailsWith<IxtException> { InvocationContext(metadata = mapOf("Tenant" to "acme")) }
        assertEquals(ErrorKind.BadMetadataKey, refused.kind)
        assertEquals("metadata[0].key", refused.field)
        assertNull(refused.offset)
    }

    @Test
    fun textThatHasNoUtf8IsRefused() {
        val frame = StreamFrame(StreamId.newV7(), StreamCancel(CancelReason.Unspecified, "\ud800"))
        assertEquals(ErrorKind.BadText, assertFailsWith<IxtException> { frame.toBytes() }.kind)
    }

    @Test
    fun theLimitsOfASliceAreChecked() {
        val bytes = StreamFrame(StreamId.newV7(), StreamCredit(1u)).toBytes()
        assertFailsWith<IndexOutOfBoundsException> { StreamFrame.fromBytes(bytes, offset = 8, length = bytes.size) }
        assertFailsWith<IndexOutOfBoundsException> { decodeBatch(bytes, offset = -1, length = 4) }
        val within = ByteArray(3) + bytes + ByteArray(5)
        assertEquals(
            StreamFrame.fromBytes(bytes), StreamFrame.fromBytes(within, offset = 3, length = bytes.size),
        )
    }
}
