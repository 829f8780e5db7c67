package io.github.hdv.ixt.internal

import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob

/** Where deadlines are timed, unless somebody says otherwise. A timer holds no stream. */
internal object Deadlines {
    val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default + CoroutineName("ixt-deadlines"))
}
