package io.github.hdv.ixt

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.File
import java.util.HexFormat

/** The tests of the repository, which every language replays. */
private val tests: File = generateSequence(File("").absoluteFile) { it.parentFile }
    .map { it.resolve("tests") }
    .first { it.resolve("vectors").isDirectory }

/** The objects of a JSON lines file; a line ends at a line feed alone. */
internal fun lines(name: String): List<JsonObject> = tests.resolve(name).readText().split('\n')
    .filter(String::isNotEmpty)
    .map { Json.parseToJsonElement(it).jsonObject }

internal fun hex(text: String): ByteArray = HexFormat.of().parseHex(text)

internal fun hex(bytes: ByteArray): String = HexFormat.of().formatHex(bytes)

internal fun JsonObject.text(name: String): String? = get(name)?.jsonPrimitive?.contentOrNull

internal fun JsonObject.number(name: String): ULong? = text(name)?.toULong()

internal fun JsonObject.bytes(name: String): ByteArray? = text(name)?.let(::hex)

internal fun JsonObject.child(name: String): JsonObject? = get(name)?.jsonObject

/** The one member of an object beside `stream_id`. */
internal fun JsonObject.member(): Pair<String, JsonElement> = entries.single { it.key != "stream_id" }.toPair()

/** An enumerant is its name, or its number where it has none. */
internal inline fun <T> enumerant(value: JsonElement?, default: T, named: (String) -> T?, numbered: (UShort) -> T): T {
    val primitive = value?.jsonPrimitive ?: return default
    return if (primitive.isString) {
        requireNotNull(named(primitive.content)) { primitive.content }
    } else {
        numbered(primitive.content.toUShort())
    }
}

internal fun json(name: String?, number: UShort): JsonPrimitive =
    if (name != null) JsonPrimitive(name) else json(number.toULong())

/** A number as JSON has it; a `ULong` has no JSON of its own. */
internal fun json(number: ULong): JsonPrimitive = Json.parseToJsonElement(number.toString()).jsonPrimitive
