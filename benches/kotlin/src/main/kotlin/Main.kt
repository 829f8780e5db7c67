package ixt.bench

// Kotlin against protobuf-java on an equal message. One JSON object a line; benches/report.py reads them.

import com.google.protobuf.ByteString
import com.google.protobuf.CodedInputStream
import com.google.protobuf.CodedOutputStream
import io.github.hdv.ixt.ActorIdentity
import io.github.hdv.ixt.CorrelationId
import io.github.hdv.ixt.InvocationContext
import io.github.hdv.ixt.SpanId
import io.github.hdv.ixt.Stream
import io.github.hdv.ixt.StreamData
import io.github.hdv.ixt.StreamFrame
import io.github.hdv.ixt.StreamId
import io.github.hdv.ixt.Subject
import io.github.hdv.ixt.Target
import io.github.hdv.ixt.TokenRef
import io.github.hdv.ixt.decodeBatch
import io.github.hdv.ixt.encodeBatch
import java.util.HexFormat
import ixt.bench.proto.Data as ProtoData
import ixt.bench.proto.StreamFrame as ProtoFrame

// The values are those of benches/rust/src/samples.rs.
private val id = StreamId.of(ByteArray(16) { (it + 1).toByte() })
private val high = id.toUuid().mostSignificantBits
private val low = id.toUuid().leastSignificantBits
private const val SEQUENCE = 7L
private const val BATCH = 64

private fun hex(text: String) = HexFormat.of().parseHex(text)

private fun payload(size: Int) = ByteArray(size) { (it % 251).toByte() }

private fun context() = InvocationContext(
    correlationId = CorrelationId.of(hex("4bf92f3577b34da6a3ce929d0e0e4736")),
    spanId = SpanId.of(hex("00f067aa0ba902b7")),
    parentSpanId = SpanId.of(hex("53995c3f42cd8ad8")),
    traceFlags = 1u,
    deadlineMs = 1_795_000_000_000u,
    sourceModule = "gateway.http",
    target = Target.Service("storage.documents"),
    actor = ActorIdentity(
        Subject.Operator("alice@example.org"),
        TokenRef("vault:7f3a91c2".encodeToByteArray()),
        listOf("fs.read", "storage.documents.*"),
    ),
    metadata = mapOf(
        "auth.strength" to "mfa", "ingress.kind" to "http", "ingress.source_ip" to "192.0.2.17",
        "tenant" to "example-tenant",
    ),
)

private fun ours(sequence: Long, payload: ByteArray) = StreamFrame(id, StreamData(sequence.toULong(), payload))

private fun peer(sequence: Long, payload: ByteArray): ProtoFrame = ProtoFrame.newBuilder()
    .setStreamIdHigh(high).setStreamIdLow(low)
    .setData(ProtoData.newBuilder().setSequence(sequence).setPayload(ByteString.copyFrom(payload)))
    .build()

private fun peers(frames: List<ProtoFrame>): ByteArray {
    val out = ByteArray(frames.sumOf { CodedOutputStream.computeMessageSizeNoTag(it) })
    val stream = CodedOutputStream.newInstance(out)
    frames.forEach(stream::writeMessageNoTag)
    return out
}

private fun peers(bytes: ByteArray): List<ByteArray> {
    val stream = CodedInputStream.newInstance(bytes)
    val found = ArrayList<ByteArray>(BATCH)
    while (!stream.isAtEnd) {
        val limit = stream.pushLimit(stream.readRawVarint32())
        found += ProtoFrame.parseFrom(stream).data.payload.toByteArray()
        stream.popLimit(limit)
    }
    return found
}

private fun row(operation: String, size: Int, per: Int, name: String?, ours: () -> Any?, peer: (() -> Any?)?) {
    val (own, other) = measure(ours, peer)
    val ratio = other?.let { it / own }
    val peerName = name?.let { "\"$it\"" }
    println(
        """{"language":"Kotlin","operation":"$operation","size":$size,"ours_ns":${own / per},"ours_allocs":null,""" +
            """"peer":$peerName,"peer_ns":${other?.let { it / per }},"ratio":$ratio,"peer_allocs":null}""",
    )
}

fun main() {
    val library = "protobuf-java"
    val version = com.google.protobuf.RuntimeVersion::class.java.`package`.implementationVersion ?: "4"
    val frame = HexFormat.of().formatHex(ours(SEQUENCE, payload(64)).toBytes())
    println(
        """{"language":"Kotlin","versions":{"Java":"${System.getProperty("java.version")}","$library":"$version"},""" +
            """"context":"${HexFormat.of().formatHex(context().toBytes())}","frame":"$frame"}""",
    )
    for (size in listOf(64, 1024, 65536)) {
        val payload = payload(size)
        row("frame encode", size, 1, library, { ours(SEQUENCE, payload).toBytes() }, { peer(SEQUENCE, payload).toByteArray() })
        val own = ours(SEQUENCE, payload).toBytes()
        val other = peer(SEQUENCE, payload).toByteArray()
        row(
            "frame decode", size, 1, library,
            { (StreamFrame.fromBytes(own).body as StreamData).payload },
            { ProtoFrame.parseFrom(other).data.payload.toByteArray() },
        )
    }
    val payload = payload(64)
    val made = ours(SEQUENCE, payload)
    val peerMade = peer(SEQUENCE, payload)
    row("frame encode, made before", 64, 1, library, { made.toBytes() }, { peerMade.toByteArray() })
    row(
        "frame encode, batch of $BATCH", 64, BATCH, library,
        { encodeBatch(List(BATCH) { ours(it.toLong(), payload) }) },
        { peers(List(BATCH) { peer(it.toLong(), payload) }) },
    )
    val frames = List(BATCH) { ours(it.toLong(), payload) }
    val peerFrames = List(BATCH) { peer(it.toLong(), payload) }
    row("frame encode, made before, batch of $BATCH", 64, BATCH, library, { encodeBatch(frames) }, { peers(peerFrames) })
    val own = encodeBatch(frames)
    val other = peers(peerFrames)
    row("frame decode, batch of $BATCH", 64, BATCH, library, { decodeBatch(own).frames }, { peers(other) })
    val stream = Stream.sender(id, Int.MAX_VALUE.toUInt())
    row("try_send and encode", 64, 1, null, { stream.trySend(payload) }, null)
    val bytes = context().toBytes()
    row("context encode", bytes.size, 1, null, { context().toBytes() }, null)
    row("context decode", bytes.size, 1, null, { InvocationContext.fromBytes(bytes) }, null)
}
