package io.github.hdv.ixt.internal

import io.github.hdv.ixt.ErrorKind
import io.github.hdv.ixt.IxtException
import java.util.HexFormat

/** No bytes. */
internal val NONE = ByteArray(0)

/** Lower-case hex. */
internal fun ByteArray.hex(): String = HexFormat.of().formatHex(this)

/** Sixteen bytes of two longs, big-endian. */
internal fun bytesOf(high: Long, low: Long): ByteArray =
    ByteArray(16) { ((if (it < 8) high else low) ushr (56 - it % 8 * 8)).toByte() }

/** UTF-8; text that has none is refused as any other bad text is. */
internal fun utf8(text: String, field: String): ByteArray = utf8(text) { field }

/** As above, for a field whose name takes making. */
internal inline fun utf8(text: String, field: () -> String): ByteArray = try {
    text.encodeToByteArray(throwOnInvalidSequence = true)
} catch (_: CharacterCodingException) {
    throw IxtException(ErrorKind.BadText, field())
}
