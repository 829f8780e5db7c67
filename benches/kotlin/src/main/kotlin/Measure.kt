package ixt.bench

/** Where results go, so that the compiler cannot leave them out. */
@Volatile
@JvmField
var sink: Any? = null

private const val ROUNDS = 31
private const val BATCH_NS = 2_000_000L
private const val WARM_NS = 1_500_000_000L

/** Nanoseconds of each of two operations: the median of short batches that take turns, see benches/rust. */
fun measure(ours: () -> Any?, peer: (() -> Any?)?): Pair<Double, Double?> {
    val operations = listOfNotNull(ours, peer)
    operations.forEach { warm(it) }
    val counts = operations.map(::countOf)
    val times = operations.map { DoubleArray(ROUNDS) }
    for (round in 0 until ROUNDS) {
        operations.forEachIndexed { which, operation ->
            times[which][round] = batch(operation, counts[which]).toDouble() / counts[which]
        }
    }
    val medians = times.map { it.sorted()[if (System.getenv("IXT_MIN") != null) 0 else ROUNDS / 2] }
    return medians[0] to medians.getOrNull(1)
}

private fun batch(operation: () -> Any?, count: Int): Long {
    val start = System.nanoTime()
    repeat(count) { sink = operation() }
    return System.nanoTime() - start
}

private fun warm(operation: () -> Any?) {
    val start = System.nanoTime()
    while (System.nanoTime() - start < WARM_NS) batch(operation, 1000)
}

private fun countOf(operation: () -> Any?): Int {
    val count = 1000
    return (BATCH_NS * count / maxOf(1, batch(operation, count))).toInt().coerceAtLeast(1)
}
