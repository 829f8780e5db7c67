package ixt.bench

/** Where results go, so that the compiler cannot leave them out. */
@Volatile
@JvmField
var sink: Any? = null

private const val ROUNDS = 81
private const val BATCH_NS = 2_000_000L
private const val WARM_NS = 600_000_000L

/** Nanoseconds of two operations, and how many times the second takes the first's. */
class Taken(val ours: Double, val peer: Double?, val ratio: Double?)

/**
 * Short batches of one and the other take turns, so that whatever else the machine does meets both: see
 * benches/rust/src/measure.rs.
 */
fun measure(ours: () -> Any?, peer: (() -> Any?)?): Taken {
    val operations = listOfNotNull(ours, peer)
    // Until the compiler has done its best by both.
    operations.forEach { operation ->
        val start = System.nanoTime()
        while (System.nanoTime() - start < WARM_NS) time(operation, 100)
    }
    val counts = operations.map { (BATCH_NS / time(it, 1000)).toInt().coerceAtLeast(1) }
    val times = operations.map { DoubleArray(ROUNDS) }
    for (round in 0 until ROUNDS) {
        val turns = if (round % 2 == 0) operations.indices else operations.indices.reversed()
        for (which in turns) times[which][round] = time(operations[which], counts[which])
    }
    if (peer == null) return Taken(median(times[0]), null, null)
    return Taken(median(times[0]), median(times[1]), median(DoubleArray(ROUNDS) { times[1][it] / times[0][it] }))
}

private fun time(operation: () -> Any?, count: Int): Double {
    val start = System.nanoTime()
    repeat(count) { sink = operation() }
    return (System.nanoTime() - start).toDouble() / count
}

private fun median(values: DoubleArray) = values.sorted()[values.size / 2]
