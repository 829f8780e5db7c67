package ixt.bench

// Kotlin against protobuf-java on an equal message. One JSON object a line; benches/report.py reads them.

import com.google.protobuf.ByteString
import com.google.protobuf.CodedInputStream
import com.google.protobuf.CodedOutputStream
import com.google.protobuf.UnsafeByteOperations
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
import java.nio.ByteBuffer
import java.util.HexFormat
import ixt.bench.proto.Actor as ProtoActor
import ixt.bench.proto.Data as ProtoData
import ixt.bench.proto.InvocationContext as ProtoContext
import ixt.bench.proto.StreamFrame as ProtoFrame
import ixt.bench.proto.Target as ProtoTarget

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

private fun proto(): ProtoContext = ProtoContext.newBuilder()
    .setCorrelationHigh(0x4bf92f3577b34da6).setCorrelationLow(-0x5c316d62f1f1b8ca)
    .setSpanId(0x00f067aa0ba902b7).setParentSpanId(0x53995c3f42cd8ad8)
    .setTraceFlags(1)
    .setDeadlineMs(1_795_000_000_000)
    .setSourceModule("gateway.http")
    .setTarget(ProtoTarget.newBuilder().setService("storage.documents"))
    .setActor(
        ProtoActor.newBuilder().setOperator("alice@example.org").setTokenRef(ByteString.copyFromUtf8("vault:7f3a91c2"))
            .addCapabilities("fs.read").addCapabilities("storage.documents.*"),
    )
    .putMetadata("auth.strength", "mfa").putMetadata("ingress.kind", "http")
    .putMetadata("ingress.source_ip", "192.0.2.17").putMetadata("tenant", "example-tenant")
    .build()

private fun ours(sequence: Long, payload: ByteArray) = StreamFrame(id, StreamData(sequence.toULong(), payload))

private fun peer(sequence: Long, payload: ByteString): ProtoFrame = ProtoFrame.newBuilder()
    .setStreamIdHigh(high).setStreamIdLow(low)
    .setData(ProtoData.newBuilder().setSequence(sequence).setPayload(payload))
    .build()

/** As its documentation has it: the payload is copied into the message. */
private fun peer(sequence: Long, payload: ByteArray): ProtoFrame = peer(sequence, ByteString.copyFrom(payload))

/** In its fastest way: the message borrows the payload. */
private fun lent(sequence: Long, payload: ByteArray): ProtoFrame =
    peer(sequence, UnsafeByteOperations.unsafeWrap(payload))

private fun ProtoFrame.into(out: ByteArray): Int {
    val stream = CodedOutputStream.newInstance(out)
    writeTo(stream)
    return stream.totalBytesWritten
}

private fun List<ProtoFrame>.into(out: ByteArray): Int {
    val stream = CodedOutputStream.newInstance(out)
    forEach(stream::writeMessageNoTag)
    return stream.totalBytesWritten
}

private fun List<ProtoFrame>.toBytes(): ByteArray =
    ByteArray(sumOf { CodedOutputStream.computeMessageSizeNoTag(it) }).also { into(it) }

private fun peers(bytes: ByteArray): List<ProtoFrame> {
    val stream = CodedInputStream.newInstance(bytes)
    val found = ArrayList<ProtoFrame>(BATCH)
    while (!stream.isAtEnd) {
        val limit = stream.pushLimit(stream.readRawVarint32())
        found += ProtoFrame.parseFrom(stream)
        stream.popLimit(limit)
    }
    return found
}

// Where fields that were read go.
private var number = 0L
private var text: Any? = null

private fun read(frame: StreamFrame): Any {
    val data = frame.body as StreamData
    number = data.sequence.toLong() xor frame.streamId.hashCode().toLong()
    return data.payload
}

private fun read(frame: ProtoFrame): Any {
    number = frame.data.sequence xor frame.streamIdHigh xor frame.streamIdLow
    return frame.data.payload
}

private fun read(context: InvocationContext): Any {
    number = context.traceFlags.toLong() xor context.deadlineMs!!.toLong()
    text = context.correlationId
    text = context.spanId
    text = context.parentSpanId
    text = context.sourceModule
    text = (context.target as Target.Service).name
    text = (context.actor.subject as Subject.Operator).name
    text = context.actor.tokenRef
    context.actor.capabilities.forEach { text = it }
    context.metadata.forEach { (key, value) -> text = key; text = value }
    return context
}

/** Strings of protobuf-java are decoded when they are first read. */
private fun read(context: ProtoContext): Any {
    number = context.traceFlags.toLong() xor context.deadlineMs xor context.correlationHigh xor context.correlationLow
    number = context.spanId xor context.parentSpanId
    text = context.sourceModule
    text = context.target.service
    text = context.actor.operator
    text = context.actor.tokenRef
    context.actor.capabilitiesList.forEach { text = it }
    context.metadataMap.forEach { (key, value) -> text = key; text = value }
    return context
}

private fun row(operation: String, size: Int, per: Int, name: String?, ours: () -> Any?, peer: (() -> Any?)?) {
    val taken = measure(ours, peer)
    val peerName = name?.let { "\"$it\"" }
    println(
        """{"language":"Kotlin","operation":"$operation","size":$size,"ours_ns":${taken.ours / per},""" +
            """"ours_allocs":null,"peer":$peerName,"peer_ns":${taken.peer?.let { it / per }},"ratio":${taken.ratio},""" +
            """"peer_allocs":null}""",
    )
}

private const val PEER = "protobuf-java"
private const val FASTEST = "protobuf-java, payload lent"

private fun frames(size: Int) {
    val payload = payload(size)
    row("frame encode", size, 1, PEER, { ours(SEQUENCE, payload).toBytes() }, { peer(SEQUENCE, payload).toByteArray() })
    val buffer = ByteBuffer.allocateDirect(size + 256)
    val array = ByteArray(size + 256)
    row(
        "frame encode, buffer used again", size, 1, FASTEST,
        { ours(SEQUENCE, payload).encodeTo(buffer.clear()) }, { lent(SEQUENCE, payload).into(array) },
    )
    val own = ours(SEQUENCE, payload).toBytes()
    val other = peer(SEQUENCE, payload).toByteArray()
    row("frame decode", size, 1, PEER, { read(StreamFrame.fromBytes(own)) }, { read(ProtoFrame.parseFrom(other)) })
}

private fun batches(size: Int) {
    val payload = payload(size)
    row(
        "frame encode, batch of $BATCH", size, BATCH, PEER,
        { encodeBatch(List(BATCH) { ours(it.toLong(), payload) }) },
        { List(BATCH) { peer(it.toLong(), payload) }.toBytes() },
    )
    val buffer = ByteBuffer.allocateDirect(BATCH * (size + 256))
    val array = ByteArray(BATCH * (size + 256))
    row(
        "frame encode, batch of $BATCH, buffer used again", size, BATCH, FASTEST,
        { encodeBatch(List(BATCH) { ours(it.toLong(), payload) }, buffer.clear()) },
        { List(BATCH) { lent(it.toLong(), payload) }.into(array) },
    )
    val frames = List(BATCH) { ours(it.toLong(), payload) }
    val peerFrames = List(BATCH) { peer(it.toLong(), payload) }
    row(
        "frame encode, batch of $BATCH made before, buffer used again", size, BATCH, PEER,
        { encodeBatch(frames, buffer.clear()) }, { peerFrames.into(array) },
    )
    val own = encodeBatch(frames)
    val other = peerFrames.toBytes()
    row(
        "frame decode, batch of $BATCH", size, BATCH, PEER,
        { decodeBatch(own).frames.forEach(::read) }, { peers(other).forEach(::read) },
    )
}

fun main() {
    // As run.sh puts it on the class path.
    val version = checkNotNull(System.getProperty("java.class.path").let(Regex("$PEER-([0-9.]+)\\.jar")::find)).groupValues[1]
    val frame = HexFormat.of().formatHex(ours(SEQUENCE, payload(64)).toBytes())
    println(
        """{"language":"Kotlin","versions":{"Java":"${System.getProperty("java.version")}","$PEER":"$version"},""" +
            """"context":"${HexFormat.of().formatHex(context().toBytes())}","frame":"$frame"}""",
    )
    listOf(64, 1024, 65536).forEach(::frames)
    batches(64)
    val stream = Stream.sender(id, Int.MAX_VALUE.toUInt())
    val payload = payload(64)
    row(
        "try_send and encode", 64, 1, "$PEER, encode alone",
        { stream.trySend(payload) }, { peer(SEQUENCE, payload).toByteArray() },
    )
    val bytes = context().toBytes()
    row("context build and encode", bytes.size, 1, PEER, { context().toBytes() }, { proto().toByteArray() })
    val proto = proto().toByteArray()
    row(
        "context decode", bytes.size, 1, PEER,
        { read(InvocationContext.fromBytes(bytes)) }, { read(ProtoContext.parseFrom(proto)) },
    )
}
